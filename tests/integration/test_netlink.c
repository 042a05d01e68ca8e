// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family: what it refuses and why, who may see what, what dumps and events say.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include <linux/rds_zc_netlink.h>

#include "array.h"
#include "counters.h"
#include "cred.h"
#include "diag.h"
#include "ends.h"
#include "genl.h"
#include "suite.h"
#include "zc.h"

#define ATTRS	64
#define ENTRIES	1024

/* A connection to the family of one namespace. */
struct nl {
	struct mnl_socket *socket;
	uint16_t family;
	uint32_t groups[2];	/* paths, congestion */
	uint32_t sequence;
};

/* One message of an answer. */
struct entry {
	uint8_t command;
	char data[2048];
	const struct nlattr *attrs[ATTRS];
};

struct answer {
	int error;
	char words[256];	/* extack */
	bool interrupted;
	size_t count;
	struct entry *entries;
};

static struct entry entries[ENTRIES];
static char request_buffer[8192];

static int take_attr(const struct nlattr *attr, void *arg)
{
	struct entry *entry = arg;

	assert_true(mnl_attr_get_type(attr) < ATTRS);
	entry->attrs[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static void take_entry(const struct nlmsghdr *nlh, struct entry *entry)
{
	const struct genlmsghdr *genl;

	assert_true(nlh->nlmsg_len <= sizeof(entry->data));
	memset(entry, 0, sizeof(*entry));
	memcpy(entry->data, nlh, nlh->nlmsg_len);
	genl = mnl_nlmsg_get_payload((struct nlmsghdr *)entry->data);
	entry->command = genl->cmd;
	mnl_attr_parse((struct nlmsghdr *)entry->data, sizeof(*genl), take_attr, entry);
}

static void take_words(const struct nlmsghdr *nlh, size_t skip, struct answer *answer)
{
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, nlh, skip)
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(answer->words, sizeof(answer->words), "%s",
				 mnl_attr_get_str(attr));
}

/* True when nothing more comes. */
static bool take(const struct nlmsghdr *nlh, struct answer *answer)
{
	int error = 0;

	answer->interrupted |= !!(nlh->nlmsg_flags & NLM_F_DUMP_INTR);
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		answer->error = -((struct nlmsgerr *)mnl_nlmsg_get_payload(nlh))->error;
		take_words(nlh, sizeof(struct nlmsgerr), answer);	/* CAP_ACK: no copy */
		return true;
	}
	if (nlh->nlmsg_type == NLMSG_DONE) {
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
		answer->error = -error;
		take_words(nlh, sizeof(error), answer);
		return true;
	}
	assert_true(answer->count < ENTRIES);
	take_entry(nlh, &answer->entries[answer->count++]);
	return !(nlh->nlmsg_flags & NLM_F_MULTI);
}

/* Receives one datagram; true when the answer is complete. */
static bool receive_some(struct nl *nl, struct answer *answer, char *buffer, size_t size)
{
	ssize_t got = mnl_socket_recvfrom(nl->socket, buffer, size);
	const struct nlmsghdr *nlh = (struct nlmsghdr *)buffer;
	int left = got;
	bool done = false;

	assert_true(got > 0);
	for (; !done && mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		done = take(nlh, answer);
	return done;
}

static struct nlmsghdr *request(struct nl *nl, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *nlh = genl_request(request_buffer, nl->family, command, flags);

	nlh->nlmsg_seq = ++nl->sequence;
	return nlh;
}

static struct answer ask(struct nl *nl, const struct nlmsghdr *nlh)
{
	static char buffer[65536];
	struct answer answer = { .entries = entries };

	assert_true(mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len) > 0);
	while (!receive_some(nl, &answer, buffer, sizeof(buffer)))
		;
	return answer;
}

static struct answer dump(struct nl *nl, uint8_t command)
{
	return ask(nl, request(nl, command, NLM_F_DUMP));
}

static struct nl nl_open(const struct netns *ns)
{
	struct nl nl = { .socket = genl_open(ns) };
	int one = 1;

	assert_int_equal(mnl_socket_setsockopt(nl.socket, NETLINK_EXT_ACK, &one, sizeof(one)), 0);
	assert_int_equal(mnl_socket_setsockopt(nl.socket, NETLINK_CAP_ACK, &one, sizeof(one)), 0);
	nl.family = genl_family(nl.socket, nl.groups);
	return nl;
}

static void nl_close(struct nl *nl)
{
	mnl_socket_close(nl->socket);
}

static uint64_t number(const struct entry *entry, int type)
{
	const struct nlattr *attr = entry->attrs[type];

	assert_non_null(attr);
	switch (mnl_attr_get_payload_len(attr)) {
	case 1:
		return mnl_attr_get_u8(attr);
	case 2:
		return mnl_attr_get_u16(attr);
	case 4:
		return mnl_attr_get_u32(attr);
	default:
		return mnl_attr_get_u64(attr);
	}
}

static bool is_address(const struct entry *entry, int type, const union rds_addr *addr)
{
	const struct nlattr *attr = entry->attrs[type];

	if (!attr)
		return false;
	if (addr->sa.sa_family == AF_INET)
		return mnl_attr_get_payload_len(attr) == 4 &&
			!memcmp(mnl_attr_get_payload(attr), &addr->in.sin_addr, 4);
	return mnl_attr_get_payload_len(attr) == 16 &&
		!memcmp(mnl_attr_get_payload(attr), &addr->in6.sin6_addr, 16);
}

static const struct entry *socket_on(const struct answer *answer, const union rds_addr *addr)
{
	size_t i;

	for (i = 0; i < answer->count; i++)
		if (is_address(&answer->entries[i], RDSZC_A_SOCKET_LOCAL_ADDR, addr) &&
		    number(&answer->entries[i], RDSZC_A_SOCKET_LOCAL_PORT) == rds_port(addr))
			return &answer->entries[i];
	return NULL;
}

static const struct entry *path_to(const struct answer *answer, const union rds_addr *addr)
{
	size_t i;

	for (i = 0; i < answer->count; i++)
		if (is_address(&answer->entries[i], RDSZC_A_PATH_PEER_ADDR, addr))
			return &answer->entries[i];
	return NULL;
}

/* ---- refusals ---- */

static const uint8_t dumps[] = {
	RDSZC_CMD_SOCKET_GET, RDSZC_CMD_CONN_GET, RDSZC_CMD_PATH_GET, RDSZC_CMD_MESSAGE_GET,
	RDSZC_CMD_STAT_GET, RDSZC_CMD_HIST_GET,
};

static void refused(const struct answer *answer, int error, const char *words)
{
	assert_int_equal(answer->error, error);
	assert_int_equal(answer->count, 0);
	if (!strstr(answer->words, words))
		fail_msg("the kernel says '%s', expected '%s'", answer->words, words);
}

static void refusal__unknown_attribute(void **state)
{
	struct topology *topology = *state;
	struct nl nl = nl_open(&topology->ns[0]);
	struct answer answer;
	struct nlmsghdr *nlh;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dumps); i++) {
		nlh = request(&nl, dumps[i], NLM_F_DUMP);
		mnl_attr_put_u32(nlh, ATTRS - 1, 1);
		answer = ask(&nl, nlh);
		refused(&answer, EINVAL, "ttribute");
	}
	nlh = request(&nl, RDSZC_CMD_INFO_GET, NLM_F_ACK);
	mnl_attr_put_u32(nlh, RDSZC_A_INFO_TCP_PORT, 1);
	answer = ask(&nl, nlh);
	refused(&answer, EINVAL, "ttribute");
	nl_close(&nl);
}

/* What only answers have is no filter: ignored filters would make wrong lists. */
static void refusal__attribute_of_answers_in_a_request(void **state)
{
	struct topology *topology = *state;
	struct nl nl = nl_open(&topology->ns[0]);
	struct answer answer;
	struct nlmsghdr *nlh;

	nlh = request(&nl, RDSZC_CMD_SOCKET_GET, NLM_F_DUMP);
	mnl_attr_put_u64(nlh, RDSZC_A_SOCKET_INODE, 1);
	answer = ask(&nl, nlh);
	refused(&answer, EINVAL, "ttribute");
	nlh = request(&nl, RDSZC_CMD_PATH_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, RDSZC_A_PATH_LANE, 0);
	answer = ask(&nl, nlh);
	refused(&answer, EINVAL, "ttribute");
	nl_close(&nl);
}

static void refusal__address_of_a_wrong_length(void **state)
{
	static const size_t lengths[] = { 0, 3, 5, 15, 17 };
	struct topology *topology = *state;
	struct nl nl = nl_open(&topology->ns[0]);
	unsigned char bytes[32] = { 10 };
	struct answer answer;
	struct nlmsghdr *nlh;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		nlh = request(&nl, RDSZC_CMD_CONN_GET, NLM_F_DUMP);
		mnl_attr_put(nlh, RDSZC_A_PATH_PEER_ADDR, lengths[i], bytes);
		answer = ask(&nl, nlh);
		assert_true(answer.error == EINVAL || answer.error == ERANGE);
		assert_true(*answer.words);
		if (lengths[i] == 5)
			refused(&answer, EINVAL, "an address has 4 or 16 bytes");
	}
	nlh = request(&nl, RDSZC_CMD_SOCKET_GET, NLM_F_DUMP);
	mnl_attr_put(nlh, RDSZC_A_SOCKET_LOCAL_ADDR, 7, bytes);
	answer = ask(&nl, nlh);
	refused(&answer, EINVAL, "an address has 4 or 16 bytes");
	nl_close(&nl);
}

static void refusal__number_of_a_wrong_size_or_range(void **state)
{
	struct topology *topology = *state;
	struct nl nl = nl_open(&topology->ns[0]);
	struct answer answer;
	struct nlmsghdr *nlh;

	nlh = request(&nl, RDSZC_CMD_SOCKET_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, RDSZC_A_SOCKET_LOCAL_PORT, 4000);
	answer = ask(&nl, nlh);
	refused(&answer, EINVAL, "length");
	nlh = request(&nl, RDSZC_CMD_CONN_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, RDSZC_A_PATH_STATE, RDSZC_STATE_DISCONNECTING + 1);
	answer = ask(&nl, nlh);
	refused(&answer, ERANGE, "range");
	nlh = request(&nl, RDSZC_CMD_CONN_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, RDSZC_A_PATH_TRANSPORT, RDSZC_TRANSPORT_NONE);
	answer = ask(&nl, nlh);
	refused(&answer, ERANGE, "range");
	nl_close(&nl);
}

static void refusal__names_that_nothing_has(void **state)
{
	struct topology *topology = *state;
	struct nl nl = nl_open(&topology->ns[0]);
	struct answer answer;
	struct nlmsghdr *nlh;

	nlh = request(&nl, RDSZC_CMD_STAT_GET, NLM_F_DUMP);
	mnl_attr_put_strz(nlh, RDSZC_A_STAT_NAME, "no_such_counter");
	answer = ask(&nl, nlh);
	refused(&answer, ENOENT, "no counter of that name");
	nlh = request(&nl, RDSZC_CMD_HIST_GET, NLM_F_DUMP);
	mnl_attr_put_strz(nlh, RDSZC_A_HIST_NAME, "no_such_histogram");
	answer = ask(&nl, nlh);
	refused(&answer, ENOENT, "no histogram of that name");
	nl_close(&nl);
}

static void refusal__commands_that_are_none(void **state)
{
	struct topology *topology = *state;
	struct nl nl = nl_open(&topology->ns[0]);
	struct answer answer;

	answer = ask(&nl, request(&nl, RDSZC_CMD_CONGESTION_EVENT + 1, 0));
	refused(&answer, EOPNOTSUPP, "");
	answer = ask(&nl, request(&nl, RDSZC_CMD_PATH_EVENT, NLM_F_DUMP));
	refused(&answer, EOPNOTSUPP, "");
	answer = ask(&nl, request(&nl, RDSZC_CMD_SOCKET_GET, 0));
	refused(&answer, EOPNOTSUPP, "");
	nl_close(&nl);
}

/* ---- who sees what ---- */

static void sight__sockets_of_others_need_privilege(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	union rds_addr other = topology->near[0];
	const struct entry *entry;
	struct answer answer;
	struct nlmsghdr *nlh;
	struct nl nl;

	assert_int_equal(cred_become_nobody(), 0);
	topology_near(topology, &other);
	nl = nl_open(&topology->ns[0]);
	answer = dump(&nl, RDSZC_CMD_SOCKET_GET);
	assert_int_equal(answer.error, 0);
	assert_null(socket_on(&answer, &ends.near));
	entry = socket_on(&answer, &other);
	assert_non_null(entry);
	assert_int_equal(number(entry, RDSZC_A_SOCKET_UID), CRED_NOBODY);
	nlh = request(&nl, RDSZC_CMD_SOCKET_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, RDSZC_A_SOCKET_UID, 0);
	answer = ask(&nl, nlh);
	refused(&answer, EPERM, "CAP_NET_ADMIN");
	nlh = request(&nl, RDSZC_CMD_SOCKET_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, RDSZC_A_SOCKET_UID, CRED_NOBODY);
	answer = ask(&nl, nlh);
	assert_int_equal(answer.count, 1);
	nl_close(&nl);

	assert_int_equal(cred_become_root(), 0);
	nl = nl_open(&topology->ns[0]);
	answer = dump(&nl, RDSZC_CMD_SOCKET_GET);
	assert_non_null(socket_on(&answer, &ends.near));
	assert_non_null(socket_on(&answer, &other));
	nl_close(&nl);
}

static void sight__sequence_numbers_need_privilege(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	const struct entry *entry;
	struct answer answer;
	struct nl nl;

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	nl = nl_open(&topology->ns[0]);
	answer = dump(&nl, RDSZC_CMD_PATH_GET);
	entry = path_to(&answer, &ends.far);
	assert_non_null(entry);
	assert_true(number(entry, RDSZC_A_PATH_NEXT_TX_SEQ) > 0);
	nl_close(&nl);

	assert_int_equal(cred_become_nobody(), 0);
	nl = nl_open(&topology->ns[0]);
	answer = dump(&nl, RDSZC_CMD_PATH_GET);
	entry = path_to(&answer, &ends.far);
	assert_non_null(entry);
	assert_null(entry->attrs[RDSZC_A_PATH_NEXT_TX_SEQ]);
	assert_null(entry->attrs[RDSZC_A_PATH_NEXT_RX_SEQ]);
	nl_close(&nl);
	assert_int_equal(cred_become_root(), 0);
}

/* Does the kernel tell the incarnations of this end and of the other? */
static bool tells_incarnations(const struct ends *ends)
{
	struct nl nl = nl_open(&ends->topology->ns[0]);
	struct answer answer = ask(&nl, request(&nl, RDSZC_CMD_INFO_GET, NLM_F_ACK));
	const struct entry *entry;
	bool here, there;

	assert_int_equal(answer.count, 1);
	here = answer.entries[0].attrs[RDSZC_A_INFO_INCARNATION];
	nl_close(&nl);	/* with what has not been read of the answer */
	nl = nl_open(&ends->topology->ns[0]);
	answer = dump(&nl, RDSZC_CMD_CONN_GET);
	entry = path_to(&answer, &ends->far);
	assert_non_null(entry);
	there = entry->attrs[RDSZC_A_PATH_PEER_INCARNATION];
	nl_close(&nl);
	assert_int_equal(here, there);
	return here;
}

static void sight__incarnations_need_privilege(void **state)
{
	struct ends ends = ends_open(state);

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	assert_true(tells_incarnations(&ends));
	assert_int_equal(cred_become_nobody(), 0);
	assert_false(tells_incarnations(&ends));
	assert_int_equal(cred_become_root(), 0);
}

/* Messages of this socket that are handed over and not acknowledged; with sequence numbers? */
static size_t unacked_of(struct nl *nl, const union rds_addr *local, bool numbered)
{
	struct answer answer = dump(nl, RDSZC_CMD_MESSAGE_GET);
	size_t found = 0, i;

	assert_int_equal(answer.error, 0);
	for (i = 0; i < answer.count; i++) {
		const struct entry *entry = &answer.entries[i];

		if (number(entry, RDSZC_A_MESSAGE_LOCAL_PORT) != rds_port(local) ||
		    number(entry, RDSZC_A_MESSAGE_QUEUE) != RDSZC_QUEUE_UNACKED)
			continue;
		assert_int_equal(!!entry->attrs[RDSZC_A_MESSAGE_SEQ], numbered);
		assert_true(!numbered || number(entry, RDSZC_A_MESSAGE_SEQ) > 0);
		found++;
	}
	return found;
}

static void wait_unacked(struct nl *nl, const union rds_addr *local, size_t count, bool numbered)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (unacked_of(nl, local, numbered) < count) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	assert_int_equal(unacked_of(nl, local, numbered), count);
}

/* Nobody sees his own message, without its number, and not that of root, by its socket either. */
static void nobody_sees_one_message(struct topology *topology, const union rds_addr *own,
				    uint64_t id_of_root)
{
	struct nl nl = nl_open(&topology->ns[0]);
	struct nlmsghdr *nlh;
	struct answer answer;

	wait_unacked(&nl, own, 1, false);
	answer = dump(&nl, RDSZC_CMD_MESSAGE_GET);
	assert_int_equal(answer.count, 1);
	nlh = request(&nl, RDSZC_CMD_MESSAGE_GET, NLM_F_DUMP);
	mnl_attr_put_u64(nlh, RDSZC_A_MESSAGE_SOCKET_ID, id_of_root);
	answer = ask(&nl, nlh);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.count, 0);
	nl_close(&nl);
}

static void sight__messages_of_others_need_privilege(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open_one_lane(state);
	union rds_addr other = topology->near[0];
	struct answer answer;
	uint64_t id;
	struct nl nl;
	int fd;

	ends_there_and_back(&ends, 100, 1);
	topology_blackhole(topology, 0, true);
	send_pattern(ends.tx, 100, 2, &ends.far);
	nl = nl_open(&topology->ns[0]);
	wait_unacked(&nl, &ends.near, 1, true);
	answer = dump(&nl, RDSZC_CMD_SOCKET_GET);
	id = number(socket_on(&answer, &ends.near), RDSZC_A_SOCKET_ID);

	assert_int_equal(cred_become_nobody(), 0);
	fd = topology_near(topology, &other);
	send_pattern(fd, 100, 3, &ends.far);
	nobody_sees_one_message(topology, &other, id);
	assert_int_equal(cred_become_root(), 0);

	wait_unacked(&nl, &ends.near, 1, true);
	wait_unacked(&nl, &other, 1, true);
	nl_close(&nl);
	topology_blackhole(topology, 0, false);
}

/* What only the privileged may ask: 0, or why it was refused. */
static int ask_for_sockets_of_root(void)
{
	struct nl nl = nl_open(netns_here());
	struct nlmsghdr *nlh = request(&nl, RDSZC_CMD_SOCKET_GET, NLM_F_DUMP);
	struct answer answer;

	mnl_attr_put_u32(nlh, RDSZC_A_SOCKET_UID, 0);
	answer = ask(&nl, nlh);
	nl_close(&nl);
	return answer.error;
}

/*
 * Nobody, in a user namespace of his own: he has each capability there, but the network is not of
 * it; and then in a network of his own. He cannot enter another, so netns_here() is where he is. A
 * check that fails ends the process, for the list of tests is the parent's.
 */
static void __attribute__((noreturn)) ask_in_own_namespaces(void)
{
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	assert_int_equal(setresuid(CRED_NOBODY, CRED_NOBODY, CRED_NOBODY), 0);
	assert_int_equal(unshare(CLONE_NEWUSER), 0);
	assert_int_equal(ask_for_sockets_of_root(), EPERM);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_int_equal(ask_for_sockets_of_root(), 0);
	_exit(0);
}

static void sight__privilege_is_that_of_the_owner_of_the_network(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(ask_for_sockets_of_root(), 0);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		ask_in_own_namespaces();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void sight__other_namespaces_show_nothing(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	struct answer answer;
	struct nl nl;

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	nl = nl_open(&topology->ns[1]);
	answer = dump(&nl, RDSZC_CMD_SOCKET_GET);
	assert_null(socket_on(&answer, &ends.near));
	assert_non_null(socket_on(&answer, &ends.far));
	answer = dump(&nl, RDSZC_CMD_CONN_GET);
	assert_null(path_to(&answer, &ends.far));
	assert_non_null(path_to(&answer, &ends.near));
	nl_close(&nl);
	nl = nl_open(netns_here());
	answer = dump(&nl, RDSZC_CMD_SOCKET_GET);
	assert_int_equal(answer.count, 0);
	answer = dump(&nl, RDSZC_CMD_CONN_GET);
	assert_int_equal(answer.count, 0);
	nl_close(&nl);
}

static void sight__messages_of_other_namespaces(void **state)
{
	struct topology *topology = *state;
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct nl near = nl_open(&topology->ns[0]), far = nl_open(&topology->ns[1]);
	struct nl here = nl_open(netns_here());
	struct ends ends = ends_open(state);
	struct answer answer;
	size_t i;

	for (i = 0; i < 5; i++)
		send_pattern(ends.tx, 100 + i, i, &ends.far);
	do {
		deadline_step();
		assert_false(deadline_over(&deadline));
		answer = dump(&far, RDSZC_CMD_MESSAGE_GET);
	} while (answer.count < 5);
	assert_int_equal(answer.count, 5);
	for (i = 0; i < answer.count; i++)
		assert_int_equal(number(&entries[i], RDSZC_A_MESSAGE_QUEUE), RDSZC_QUEUE_RECEIVE);
	answer = dump(&near, RDSZC_CMD_MESSAGE_GET);
	for (i = 0; i < answer.count; i++)
		assert_int_not_equal(number(&entries[i], RDSZC_A_MESSAGE_QUEUE),
				     RDSZC_QUEUE_RECEIVE);
	answer = dump(&here, RDSZC_CMD_MESSAGE_GET);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.count, 0);
	nl_close(&near);
	nl_close(&far);
	nl_close(&here);
}

/* One counter, by its name. */
static uint64_t counted(struct nl *nl, const char *name)
{
	struct nlmsghdr *nlh = request(nl, RDSZC_CMD_STAT_GET, NLM_F_DUMP);
	struct answer answer;

	mnl_attr_put_strz(nlh, RDSZC_A_STAT_NAME, name);
	answer = ask(nl, nlh);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.count, 1);
	return number(&entries[0], RDSZC_A_STAT_VALUE);
}

static void sight__counters_of_other_namespaces(void **state)
{
	struct topology *topology = *state;
	struct nl near = nl_open(&topology->ns[0]), far = nl_open(&topology->ns[1]);
	struct nl here = nl_open(netns_here());
	uint64_t delivered = counted(&here, "recv_delivered");
	uint64_t queued = counted(&here, "send_queued");
	struct ends ends = ends_open(state);
	uint32_t i;

	for (i = 0; i < 6; i++) {
		send_pattern(ends.tx, 100, i, &ends.far);
		receive_pattern(ends.rx, 100, i, &ends.near);
	}
	assert_int_equal(counted(&near, "send_queued"), 6);
	assert_int_equal(counted(&near, "recv_delivered"), 0);
	assert_int_equal(counted(&far, "send_queued"), 0);
	assert_int_equal(counted(&far, "recv_delivered"), 6);
	assert_int_equal(counted(&here, "send_queued"), queued);
	assert_int_equal(counted(&here, "recv_delivered"), delivered);
	nl_close(&near);
	nl_close(&far);
	nl_close(&here);
}

/* ---- what answers say ---- */

static void dump__counters_are_those_of_proc(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	struct counters counters;
	struct answer answer;
	struct nlmsghdr *nlh;
	uint64_t value;
	struct nl nl;
	size_t i;

	send_pattern(ends.tx, 3000, 1, &ends.far);
	receive_pattern(ends.rx, 3000, 1, &ends.near);
	nl = nl_open(&topology->ns[0]);
	assert_int_equal(counters_read(&topology->ns[0], &counters), 0);
	answer = dump(&nl, RDSZC_CMD_STAT_GET);
	assert_int_equal(answer.count, counters.count);
	for (i = 0; i < answer.count; i++) {
		assert_string_equal(mnl_attr_get_str(entries[i].attrs[RDSZC_A_STAT_NAME]),
				    counters.list[i].name);
		assert_null(entries[i].attrs[RDSZC_A_STAT_MEANING]);
		/* Late acknowledgements may still count. */
		assert_true(number(&entries[i], RDSZC_A_STAT_VALUE) >= counters.list[i].value);
	}
	nlh = request(&nl, RDSZC_CMD_STAT_GET, NLM_F_DUMP);
	mnl_attr_put_strz(nlh, RDSZC_A_STAT_NAME, "send_queued");
	mnl_attr_put(nlh, RDSZC_A_STAT_EXPLAIN, 0, NULL);
	answer = ask(&nl, nlh);
	assert_int_equal(answer.count, 1);
	assert_true(counters_find(&counters, "send_queued", &value));
	assert_int_equal(number(&entries[0], RDSZC_A_STAT_VALUE), value);
	assert_true(value >= 1);
	assert_true(strlen(mnl_attr_get_str(entries[0].attrs[RDSZC_A_STAT_MEANING])) > 5);
	nl_close(&nl);
}

/* Nobody answers: everything stays queued, and can be counted. */
static void dump__queues_are_counted(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	union rds_addr nobody = nobody_home(topology);
	const struct entry *entry;
	struct answer answer;
	struct nlmsghdr *nlh;
	uint64_t id;
	struct nl nl;
	size_t i;

	for (i = 0; i < 30; i++)
		send_pattern(ends.tx, 1000 + i, i, &nobody);
	nl = nl_open(&topology->ns[0]);
	answer = dump(&nl, RDSZC_CMD_CONN_GET);
	entry = path_to(&answer, &nobody);
	assert_non_null(entry);
	assert_true(number(entry, RDSZC_A_PATH_STATE) != RDSZC_STATE_UP);
	assert_int_equal(number(entry, RDSZC_A_PATH_QUEUED_MSGS), 30);
	assert_int_equal(number(entry, RDSZC_A_PATH_QUEUED_BYTES), 30 * 1000 + 29 * 30 / 2);
	assert_int_equal(number(entry, RDSZC_A_PATH_UNACKED_MSGS), 0);
	assert_int_equal(number(entry, RDSZC_A_PATH_PINNED_BYTES), 0);

	answer = dump(&nl, RDSZC_CMD_SOCKET_GET);
	entry = socket_on(&answer, &ends.near);
	assert_non_null(entry);
	assert_int_equal(number(entry, RDSZC_A_SOCKET_SND_MSGS), 30);
	id = number(entry, RDSZC_A_SOCKET_ID);

	nlh = request(&nl, RDSZC_CMD_MESSAGE_GET, NLM_F_DUMP);
	mnl_attr_put_u64(nlh, RDSZC_A_MESSAGE_SOCKET_ID, id);
	answer = ask(&nl, nlh);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.count, 30);
	for (i = 0; i < 30; i++) {
		assert_int_equal(number(&entries[i], RDSZC_A_MESSAGE_LEN), 1000 + i);
		assert_int_equal(number(&entries[i], RDSZC_A_MESSAGE_QUEUE), RDSZC_QUEUE_SEND);
		assert_true(is_address(&entries[i], RDSZC_A_MESSAGE_PEER_ADDR, &nobody));
	}
	/* All withdrawn: nothing is left on the path. */
	topology_close(topology, ends.tx);
	answer = dump(&nl, RDSZC_CMD_CONN_GET);
	entry = path_to(&answer, &nobody);
	assert_int_equal(number(entry, RDSZC_A_PATH_QUEUED_MSGS), 0);
	assert_int_equal(number(entry, RDSZC_A_PATH_QUEUED_BYTES), 0);
	nl_close(&nl);
}

static void dump__unread_messages_are_counted(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	const struct entry *entry;
	struct answer answer;
	struct nl nl;
	size_t i, n = 0;

	for (i = 0; i < 20; i++)
		send_pattern(ends.tx, 5000, i, &ends.far);
	nl = nl_open(topology_far_ns(topology, 0));
	do {
		deadline_step();
		answer = dump(&nl, RDSZC_CMD_SOCKET_GET);
		entry = socket_on(&answer, &ends.far);
		assert_non_null(entry);
		assert_false(deadline_over(&deadline));
	} while (number(entry, RDSZC_A_SOCKET_RCV_MSGS) < 20);
	assert_int_equal(number(entry, RDSZC_A_SOCKET_RCV_MSGS), 20);
	assert_int_equal(number(entry, RDSZC_A_SOCKET_RCV_BYTES), 20 * 5000);
	answer = dump(&nl, RDSZC_CMD_MESSAGE_GET);
	for (i = 0; i < answer.count; i++)
		n += number(&entries[i], RDSZC_A_MESSAGE_QUEUE) == RDSZC_QUEUE_RECEIVE;
	assert_int_equal(n, 20);
	for (i = 0; i < 20; i++)
		receive_pattern(ends.rx, 5000, i, &ends.near);
	answer = dump(&nl, RDSZC_CMD_SOCKET_GET);
	entry = socket_on(&answer, &ends.far);
	assert_int_equal(number(entry, RDSZC_A_SOCKET_RCV_MSGS), 0);
	assert_int_equal(number(entry, RDSZC_A_SOCKET_RCV_BYTES), 0);
	nl_close(&nl);
}

/* The wire is dead. When it has some of the messages, unacknowledged, the connection is lost. */
static void lose_some(struct nl *nl, const struct ends *ends)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct topology *topology = ends->topology;
	struct answer answer;

	do {
		deadline_step();
		assert_false(deadline_over(&deadline));
		answer = dump(nl, RDSZC_CMD_CONN_GET);
	} while (!number(path_to(&answer, &ends->far), RDSZC_A_PATH_UNACKED_MSGS));
	assert_true(diag_kill(&topology->ns[0], RDS_TCP_PORT) > 0);
	topology_blackhole(topology, 0, false);
}

/* After traffic, losses and retransmission the path must not think that something is left. */
static void dump__a_calm_path_holds_nothing(void **state)
{
	struct topology *topology = *state;
	const bool wire = topology->variant->wire == WIRE_VETH;
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(65536);
	const struct entry *entry;
	static uint32_t list[64];
	struct answer answer;
	struct nl nl;
	uint32_t i;

	nl = nl_open(&topology->ns[0]);
	ends_there_and_back(&ends, 100, 1);
	if (wire)
		topology_blackhole(topology, 0, true);
	for (i = 0; i < 8; i++)
		zc_send(&ends, buffer, 65536, i);
	if (wire)
		lose_some(&nl, &ends);
	for (i = 8; i < 16; i++)
		zc_send(&ends, buffer, 65536, i);
	for (i = 0; i < 16; i++)
		assert_int_equal(rds_recv(ends.rx, buffer, 65536, NULL, 0), 65536);
	zc_reap_exactly(ends.tx, list, 16);
	do {
		deadline_step();
		answer = dump(&nl, RDSZC_CMD_CONN_GET);
		entry = path_to(&answer, &ends.far);
		assert_non_null(entry);
		assert_false(deadline_over(&deadline));
	} while (number(entry, RDSZC_A_PATH_UNACKED_MSGS) ||
		 number(entry, RDSZC_A_PATH_QUEUED_MSGS));
	assert_int_equal(number(entry, RDSZC_A_PATH_UNACKED_BYTES), 0);
	assert_int_equal(number(entry, RDSZC_A_PATH_QUEUED_BYTES), 0);
	assert_int_equal(number(entry, RDSZC_A_PATH_PINNED_BYTES), 0);
	assert_int_equal(number(entry, RDSZC_A_PATH_STATE), RDSZC_STATE_UP);
	nl_close(&nl);
	zc_buffer_free(buffer, 65536);
}

/* What changes a list; the socket that it opens is closed by teardown. */
static void one_more_socket(struct topology *topology)
{
	union rds_addr addr = topology->near[0];

	topology_near(topology, &addr);
}

/* A message of this socket to the loopback address 127.1.0.0 + @host, where nobody is. */
static void one_more_conn_to(int fd, uint32_t host)
{
	union rds_addr to = rds_addr("127.1.0.0", 9);

	to.in.sin_addr.s_addr = htonl(ntohl(to.in.sin_addr.s_addr) + host);
	send_pattern(fd, 1, host, &to);
}

#define MANY 600

static void one_more_conn(struct topology *topology)
{
	one_more_conn_to(topology->open[0], MANY + 1);
}

/* A dump in parts; after the first of them something is changed, or nothing. */
static struct answer slow_dump(struct topology *topology, struct nl *nl, uint8_t command,
			       void (*change)(struct topology *topology))
{
	struct answer answer = { .entries = entries };
	struct nlmsghdr *nlh = request(nl, command, NLM_F_DUMP);
	static char buffer[32768];
	unsigned int parts = 1;

	/* The kernel makes parts as large as the largest buffer it saw: at least 4 KiB. */
	assert_true(mnl_socket_sendto(nl->socket, nlh, nlh->nlmsg_len) > 0);
	while (!receive_some(nl, &answer, buffer, sizeof(buffer)))
		if (parts++ == 1 && change)
			change(topology);
	assert_true(parts > 2);
	assert_int_equal(answer.error, 0);
	return answer;
}

/* Is each of these many told once, and the change told? @id is what tells two of them apart. */
static void tells_changes(struct topology *topology, uint8_t command, int id,
			  void (*change)(struct topology *topology))
{
	struct nl nl = nl_open(&topology->ns[0]);
	static bool seen[1 << 17];
	struct answer answer;
	size_t i;

	memset(seen, 0, sizeof(seen));
	answer = slow_dump(topology, &nl, command, NULL);
	assert_int_equal(answer.count, MANY);
	assert_false(answer.interrupted);
	for (i = 0; i < MANY; i++) {
		const struct nlattr *attr = entries[i].attrs[id];
		uint64_t value = mnl_attr_get_payload_len(attr) == 4 ?
				 ntohl(mnl_attr_get_u32(attr)) : mnl_attr_get_u64(attr);

		value %= ARRAY_SIZE(seen);
		assert_false(seen[value]);
		seen[value] = true;
	}
	answer = slow_dump(topology, &nl, command, change);
	assert_true(answer.interrupted);
	assert_in_range(answer.count, MANY, MANY + 1);
	nl_close(&nl);
}

static void dump__tells_when_the_list_changed(void **state)
{
	struct topology *topology = *state;
	int fds[MANY];
	size_t i;

	for (i = 0; i < MANY; i++) {
		fds[i] = netns_in(&topology->ns[0], rds_socket());
		assert_true(fds[i] >= 0);
	}
	tells_changes(topology, RDSZC_CMD_SOCKET_GET, RDSZC_A_SOCKET_ID, one_more_socket);
	for (i = 0; i < MANY; i++)
		close(fds[i]);
}

/* Connections within the namespace have one lane, so there are as many of these. */
static void tells_changes_of_conns(struct topology *topology, uint8_t command)
{
	union rds_addr local = rds_addr("127.0.0.1", 0);
	int fd = topology_socket(topology, &topology->ns[0], &local);
	uint32_t i;

	for (i = 1; i <= MANY; i++)
		one_more_conn_to(fd, i);
	tells_changes(topology, command, RDSZC_A_PATH_PEER_ADDR, one_more_conn);
}

static void dump__tells_when_connections_changed(void **state)
{
	tells_changes_of_conns(*state, RDSZC_CMD_CONN_GET);
}

static void dump__tells_when_lanes_changed(void **state)
{
	tells_changes_of_conns(*state, RDSZC_CMD_PATH_GET);
}

/* Messages come and go, and are no list that has a generation; that of their sockets is theirs. */
static void dump__tells_when_sockets_of_messages_changed(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	union rds_addr nobody = nobody_home(topology);
	struct nl nl = nl_open(&topology->ns[0]);
	struct answer answer;
	uint32_t i;

	for (i = 0; i < ENTRIES; i++)
		send_pattern(ends.tx, 1, i, &nobody);
	answer = slow_dump(topology, &nl, RDSZC_CMD_MESSAGE_GET, NULL);
	assert_int_equal(answer.count, ENTRIES);
	assert_false(answer.interrupted);
	answer = slow_dump(topology, &nl, RDSZC_CMD_MESSAGE_GET, one_more_socket);
	assert_int_equal(answer.count, ENTRIES);
	assert_true(answer.interrupted);
	nl_close(&nl);
}

static void dump__filters_find_what_they_ask_for(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	struct answer answer;
	struct nlmsghdr *nlh;
	struct nl nl;

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	nl = nl_open(&topology->ns[0]);
	nlh = request(&nl, RDSZC_CMD_SOCKET_GET, NLM_F_DUMP);
	mnl_attr_put_u16(nlh, RDSZC_A_SOCKET_LOCAL_PORT, rds_port(&ends.near));
	answer = ask(&nl, nlh);
	assert_int_equal(answer.count, 1);
	nlh = request(&nl, RDSZC_CMD_SOCKET_GET, NLM_F_DUMP);
	mnl_attr_put_u16(nlh, RDSZC_A_SOCKET_LOCAL_PORT, 1);
	answer = ask(&nl, nlh);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.count, 0);
	nlh = request(&nl, RDSZC_CMD_CONN_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, RDSZC_A_PATH_STATE, RDSZC_STATE_UP);
	answer = ask(&nl, nlh);
	assert_int_equal(answer.count, 1);
	nlh = request(&nl, RDSZC_CMD_CONN_GET, NLM_F_DUMP);
	mnl_attr_put_u32(nlh, RDSZC_A_PATH_STATE, RDSZC_STATE_CONNECTING);
	answer = ask(&nl, nlh);
	assert_int_equal(answer.count, 0);
	nl_close(&nl);
}

/* ---- events ---- */

/* Waits for an event of a command that a predicate takes. */
static const struct entry *event(struct nl *nl, uint8_t command,
				 bool (*wanted)(const struct entry *entry))
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct pollfd poll_fd = { .fd = mnl_socket_get_fd(nl->socket), .events = POLLIN };
	static char buffer[8192];

	while (!deadline_over(&deadline)) {
		if (poll(&poll_fd, 1, deadline_left_ms(&deadline)) <= 0)
			continue;
		assert_true(mnl_socket_recvfrom(nl->socket, buffer, sizeof(buffer)) > 0);
		take_entry((struct nlmsghdr *)buffer, &entries[0]);
		if (entries[0].command == command && wanted(&entries[0]))
			return &entries[0];
	}
	fail_msg("the event did not come");
	return NULL;
}

static bool goes_up(const struct entry *entry)
{
	return number(entry, RDSZC_A_PATH_STATE) == RDSZC_STATE_UP;
}

static bool goes_down_from_up(const struct entry *entry)
{
	return number(entry, RDSZC_A_PATH_OLD_STATE) == RDSZC_STATE_UP;
}

static struct nl listen_to(const struct netns *ns, int group)
{
	struct nl nl = nl_open(ns);
	int id = nl.groups[group];

	assert_true(id > 0);
	assert_int_equal(mnl_socket_setsockopt(nl.socket, NETLINK_ADD_MEMBERSHIP, &id,
					       sizeof(id)), 0);
	return nl;
}

static void event__a_path_goes_up_and_down(void **state)
{
	struct topology *topology = *state;
	struct nl nl = listen_to(&topology->ns[0], 0), deaf = listen_to(netns_here(), 0);
	struct pollfd poll_fd = { .fd = mnl_socket_get_fd(deaf.socket), .events = POLLIN };
	struct ends ends = ends_open_one_lane(state);
	const struct entry *entry;

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	entry = event(&nl, RDSZC_CMD_PATH_EVENT, goes_up);
	assert_true(is_address(entry, RDSZC_A_PATH_PEER_ADDR, &ends.far));
	assert_int_equal(number(entry, RDSZC_A_PATH_RECONNECTS), 0);
	assert_true(diag_kill(&topology->ns[0], RDS_TCP_PORT) > 0);
	entry = event(&nl, RDSZC_CMD_PATH_EVENT, goes_down_from_up);
	assert_int_equal(number(entry, RDSZC_A_PATH_REASON), RDSZC_REASON_PEER);
	assert_true(number(entry, RDSZC_A_PATH_ERROR) != 0);
	send_pattern(ends.tx, 100, 2, &ends.far);
	entry = event(&nl, RDSZC_CMD_PATH_EVENT, goes_up);
	assert_true(number(entry, RDSZC_A_PATH_RECONNECTS) >= 1);
	/* Another namespace hears nothing of it. */
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	nl_close(&deaf);
	nl_close(&nl);
}

static bool congested(const struct entry *entry)
{
	return number(entry, RDSZC_A_CONGESTION_CONGESTED) == 1;
}

static bool not_congested(const struct entry *entry)
{
	return number(entry, RDSZC_A_CONGESTION_CONGESTED) == 0;
}

static void event__a_port_gets_congested_and_free(void **state)
{
	struct topology *topology = *state;
	struct nl near = listen_to(&topology->ns[0], 1), far = listen_to(&topology->ns[1], 1);
	struct nl deaf = listen_to(netns_here(), 1);
	struct pollfd poll_fd = { .fd = mnl_socket_get_fd(deaf.socket), .events = POLLIN };
	struct ends ends = ends_open(state);
	const struct entry *entry;
	size_t sent = 0, i;

	assert_int_equal(rds_set_buffers(ends.rx, 0, 8192), 0);
	while (sent < 40 && rds_send(ends.tx, entries, 4096, &ends.far, MSG_DONTWAIT) == 4096)
		sent++;
	assert_true(sent > 2);
	entry = event(&far, RDSZC_CMD_CONGESTION_EVENT, congested);
	assert_int_equal(number(entry, RDSZC_A_CONGESTION_OWNER), RDSZC_MAP_LOCAL);
	assert_int_equal(number(entry, RDSZC_A_CONGESTION_PORT), rds_port(&ends.far));
	entry = event(&near, RDSZC_CMD_CONGESTION_EVENT, congested);
	assert_int_equal(number(entry, RDSZC_A_CONGESTION_OWNER), RDSZC_MAP_PEER);
	assert_int_equal(number(entry, RDSZC_A_CONGESTION_PORT), rds_port(&ends.far));
	assert_true(is_address(entry, RDSZC_A_CONGESTION_ADDR, &ends.far));
	assert_int_equal(number(entry, RDSZC_A_CONGESTION_TOTAL), 1);
	for (i = 0; i < sent; i++)
		assert_int_equal(rds_recv(ends.rx, entries, 4096, NULL, 0), 4096);
	entry = event(&near, RDSZC_CMD_CONGESTION_EVENT, not_congested);
	assert_int_equal(number(entry, RDSZC_A_CONGESTION_TOTAL), 0);
	/* Another namespace hears nothing of it. */
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	nl_close(&deaf);
	nl_close(&near);
	nl_close(&far);
}

/* ---- what a full map means ---- */

#define SENDERS 8

struct senders {
	struct ends ends;		/* the first of them, and a reader that is slow */
	struct nl nl;
	int fd[SENDERS];
	uint32_t sent, refused;
};

static uint64_t peer_congested(struct senders *senders)
{
	struct answer answer = dump(&senders->nl, RDSZC_CMD_CONN_GET);
	const struct entry *entry = path_to(&answer, &senders->ends.far);

	return entry ? number(entry, RDSZC_A_PATH_PEER_CONGESTED) : 0;
}

/*
 * True if it was refused. The bit must be set then: only a map that has come since may have cleared
 * it. On a loop there is no map that comes.
 */
static bool one_is_refused(struct senders *senders, int fd)
{
	const struct netns *ns = &senders->ends.topology->ns[0];
	static unsigned char piece[4096];
	struct counters before;

	assert_int_equal(counters_read(ns, &before), 0);
	if (rds_send(fd, piece, sizeof(piece), &senders->ends.far, MSG_DONTWAIT) >= 0) {
		senders->sent++;
		return false;
	}
	if (errno == EAGAIN)
		return false;
	assert_int_equal(errno, ENOBUFS);
	senders->refused++;
	if (!peer_congested(senders))
		assert_true(counter_wait(ns, &before, "cong_update_received", 1,
					 deadline_in(DEADLINE_USUAL_MS)));
	return true;
}

/* All send until each has been refused. */
static void send_until_refused(struct senders *senders)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint32_t refused = 0, i;

	for (i = 0; refused < (1u << SENDERS) - 1; i = (i + 1) % SENDERS) {
		if (one_is_refused(senders, senders->fd[i]))
			refused |= 1u << i;
		assert_false(deadline_over(&deadline));
	}
}

/* Senders against a reader that falls behind, and reads a part now and then. */
static void enobufs__only_with_a_bit_in_the_map(void **state)
{
	struct senders senders = { .ends = ends_open_one_lane(state) };
	struct topology *topology = *state;
	struct counters before;
	union rds_addr addr;
	int round, i;

	senders.nl = nl_open(&topology->ns[0]);
	for (i = 0; i < SENDERS; i++)
		senders.fd[i] = topology_near(topology, &addr);
	assert_int_equal(counters_read(&topology->ns[0], &before), 0);
	for (round = 0; round < 4; round++) {
		send_until_refused(&senders);
		/* Below half of the buffer the bit goes; not all of it, so that it soon comes. */
		for (; senders.sent > 8; senders.sent--)
			assert_int_equal(rds_recv(senders.ends.rx, entries, 4096, NULL, 0), 4096);
	}
	assert_true(senders.refused >= 4 * SENDERS);
	assert_int_equal(counter_moved(&topology->ns[0], &before, "cong_send_error"),
			 senders.refused);
	nl_close(&senders.nl);
}

/* ---- histograms ---- */

static uint64_t measured(struct nl *nl, const char *name)
{
	struct nlmsghdr *nlh = request(nl, RDSZC_CMD_HIST_GET, NLM_F_DUMP);
	uint64_t counts[RDSZC_HIST_BUCKETS], sum = 0;
	const struct nlattr *attr;
	struct answer answer;
	size_t i;

	mnl_attr_put_strz(nlh, RDSZC_A_HIST_NAME, name);
	answer = ask(nl, nlh);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.count, 1);
	attr = entries[0].attrs[RDSZC_A_HIST_COUNTS];
	assert_int_equal(mnl_attr_get_payload_len(attr), sizeof(counts));
	memcpy(counts, mnl_attr_get_payload(attr), sizeof(counts));
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		sum += counts[i];
	assert_int_equal(sum, number(&entries[0], RDSZC_A_HIST_COUNT));
	assert_true(!sum == !number(&entries[0], RDSZC_A_HIST_SUM));
	return sum;
}

static void exchange_zc(struct ends *ends, unsigned char *buffer, uint32_t count)
{
	static uint32_t list[64];
	uint32_t i;

	for (i = 0; i < count; i++)
		zc_send(ends, buffer, 4096, i);
	for (i = 0; i < count; i++)
		assert_int_equal(rds_recv(ends->rx, buffer, 4096, NULL, 0), 4096);
	zc_reap_exactly(ends->tx, list, count);
}

static void hist__counts_each_message_while_it_is_on(void **state)
{
	struct topology *topology = *state;
	const struct netns *far_ns = topology_far_ns(topology, 0);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(4096);
	struct nl near = nl_open(&topology->ns[0]), far = nl_open(far_ns);

	exchange_zc(&ends, buffer, 5);
	assert_int_equal(measured(&near, "send_to_ack"), 0);
	topology_sysctl(topology, "histograms", 1);
	exchange_zc(&ends, buffer, 20);
	/* The last acknowledgement of the first five may count, too: they have no time stamp. */
	while (measured(&near, "send_to_ack") < 20) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	assert_int_equal(measured(&near, "send_to_ack"), 20);
	assert_int_equal(measured(&near, "send_to_reusable"), 20);
	assert_int_equal(measured(&near, "reusable_to_read"), 20);
	assert_int_equal(measured(&far, "recv_queue"), 20);
	topology_sysctl(topology, "histograms", 0);
	exchange_zc(&ends, buffer, 5);
	assert_int_equal(measured(&near, "send_to_reusable"), 20);
	assert_int_equal(measured(&far, "recv_queue"), 20);
	nl_close(&near);
	nl_close(&far);
	zc_buffer_free(buffer, 4096);
}

/* Both ends and a third one measure, each for itself. */
static void hist__of_other_namespaces(void **state)
{
	static const char *const names[] = {
		"send_to_ack", "send_to_reusable", "reusable_to_read", "recv_queue",
	};
	struct topology *topology = *state;
	struct nl near = nl_open(&topology->ns[0]), far = nl_open(&topology->ns[1]);
	struct nl here = nl_open(netns_here());
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(4096);
	uint64_t before[ARRAY_SIZE(names)];
	size_t i;

	topology_sysctl(topology, "histograms", 1);
	assert_int_equal(netns_sysctl_set(netns_here(), "histograms", 1), 0);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		before[i] = measured(&here, names[i]);
	exchange_zc(&ends, buffer, 7);
	assert_int_equal(measured(&near, "send_to_reusable"), 7);
	assert_int_equal(measured(&near, "recv_queue"), 0);
	assert_int_equal(measured(&far, "send_to_reusable"), 0);
	assert_int_equal(measured(&far, "recv_queue"), 7);
	for (i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(measured(&here, names[i]), before[i]);
	assert_int_equal(netns_sysctl_set(netns_here(), "histograms", 0), 0);
	nl_close(&near);
	nl_close(&far);
	nl_close(&here);
	zc_buffer_free(buffer, 4096);
}

int main(int argc, char **argv)
{
	struct suite suite = { .name = "netlink" };

	SUITE_ADD(&suite, refusal__unknown_attribute, variants_one_each);
	SUITE_ADD(&suite, refusal__attribute_of_answers_in_a_request, variants_one);
	SUITE_ADD(&suite, refusal__address_of_a_wrong_length, variants_one);
	SUITE_ADD(&suite, refusal__number_of_a_wrong_size_or_range, variants_one);
	SUITE_ADD(&suite, refusal__names_that_nothing_has, variants_one);
	SUITE_ADD(&suite, refusal__commands_that_are_none, variants_one);
	SUITE_ADD(&suite, sight__sockets_of_others_need_privilege, variants_one);
	SUITE_ADD(&suite, sight__messages_of_others_need_privilege, variants_one);
	SUITE_ADD(&suite, sight__sequence_numbers_need_privilege, variants_one);
	SUITE_ADD(&suite, sight__incarnations_need_privilege, variants_one);
	SUITE_ADD_PLAIN(&suite, sight__privilege_is_that_of_the_owner_of_the_network);
	SUITE_ADD(&suite, sight__other_namespaces_show_nothing, variants_one);
	SUITE_ADD(&suite, sight__messages_of_other_namespaces, variants_one);
	SUITE_ADD(&suite, sight__counters_of_other_namespaces, variants_one);
	SUITE_ADD(&suite, dump__counters_are_those_of_proc, variants_one_each);
	SUITE_ADD(&suite, dump__queues_are_counted, variants_wire);
	SUITE_ADD(&suite, dump__unread_messages_are_counted, variants_basic);
	SUITE_ADD(&suite, dump__a_calm_path_holds_nothing, variants_basic);
	SUITE_ADD(&suite, dump__tells_when_the_list_changed, variants_one);
	SUITE_ADD(&suite, dump__tells_when_connections_changed, variants_one);
	SUITE_ADD(&suite, dump__tells_when_lanes_changed, variants_one);
	SUITE_ADD(&suite, dump__tells_when_sockets_of_messages_changed, variants_one);
	SUITE_ADD(&suite, dump__filters_find_what_they_ask_for, variants_one_each);
	SUITE_ADD(&suite, event__a_path_goes_up_and_down, variants_one_each);
	SUITE_ADD(&suite, event__a_port_gets_congested_and_free, variants_one);
	SUITE_ADD(&suite, enobufs__only_with_a_bit_in_the_map, variants_any_each);
	SUITE_ADD(&suite, hist__counts_each_message_while_it_is_on, variants_basic);
	SUITE_ADD(&suite, hist__of_other_namespaces, variants_one);
	return suite_run(&suite, argc, argv);
}
