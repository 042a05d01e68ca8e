// SPDX-License-Identifier: GPL-2.0
/*
 * nl.c - requests to the generic netlink family, their answers, and events.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/genetlink.h>

#include "rdszc.h"

#define BUFFER		65536
#define TRIES		5	/* of a dump that changes while it is read */

/* The answer to a request as it came, kept until it is known to be whole. */
struct answer {
	char *data;
	size_t length;
	bool interrupted;
	int error;
	char words[256];
};

struct nlmsghdr *nl_request(struct nl *nl, char *buffer, uint8_t command, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = nl->family;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = ++nl->sequence;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = command;
	genl->version = RDSZC_GENL_VERSION;
	return nlh;
}

/* What the kernel has to say about its refusal stands behind the error. */
static void read_words(const struct nlmsghdr *nlh, size_t skip, struct answer *answer)
{
	const struct nlattr *attr;

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, nlh, skip)
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG)
			snprintf(answer->words, sizeof(answer->words), "%.*s",
				 (int)mnl_attr_get_payload_len(attr), mnl_attr_get_str(attr));
}

static void read_error(const struct nlmsghdr *nlh, struct answer *answer)
{
	const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*error);

	answer->error = -error->error;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += MNL_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);
	read_words(nlh, skip, answer);
}

static void read_done(const struct nlmsghdr *nlh, struct answer *answer)
{
	int error = 0;

	if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(error))
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	if (error < 0)
		answer->error = -error;
	read_words(nlh, sizeof(error), answer);
}

static void keep(const struct nlmsghdr *nlh, struct answer *answer)
{
	size_t length = MNL_ALIGN(nlh->nlmsg_len);
	char *data = realloc(answer->data, answer->length + length);

	if (!data)
		die(EXIT_SYSTEM, "out of memory");
	memset(data + answer->length, 0, length);
	memcpy(data + answer->length, nlh, nlh->nlmsg_len);
	answer->data = data;
	answer->length += length;
}

/* True when the answer is complete. */
static bool take_message(const struct nlmsghdr *nlh, uint32_t sequence, struct answer *answer)
{
	if (nlh->nlmsg_seq != sequence)
		return false;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		answer->interrupted = true;
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
		read_error(nlh, answer);
		return true;
	case NLMSG_DONE:
		read_done(nlh, answer);
		return true;
	default:
		keep(nlh, answer);
		return !(nlh->nlmsg_flags & NLM_F_MULTI);
	}
}

static void ask(struct nl *nl, struct nlmsghdr *request, struct answer *answer)
{
	char buffer[BUFFER];
	bool done = false;

	if (mnl_socket_sendto(nl->socket, request, request->nlmsg_len) < 0)
		die(EXIT_SYSTEM, "netlink: %s", strerror(errno));
	while (!done) {
		ssize_t got = mnl_socket_recvfrom(nl->socket, buffer, sizeof(buffer));
		const struct nlmsghdr *nlh = (struct nlmsghdr *)buffer;
		int left = got;

		if (got < 0)
			die(EXIT_SYSTEM, "netlink: %s", strerror(errno));
		for (; !done && mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			done = take_message(nlh, request->nlmsg_seq, answer);
	}
}

static int keep_attr(const struct nlattr *attr, void *arg)
{
	struct attrs *attrs = arg;

	if (mnl_attr_get_type(attr) < ARRAY_SIZE(attrs->list))
		attrs->list[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static void parse(const struct nlmsghdr *nlh, struct attrs *attrs)
{
	memset(attrs, 0, sizeof(*attrs));
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), keep_attr, attrs);
}

static void tell_rows(const struct answer *answer,
		      void (*row)(const struct attrs *attrs, void *arg), void *arg)
{
	const struct nlmsghdr *nlh = (struct nlmsghdr *)answer->data;
	int left = answer->length;
	struct attrs attrs;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		parse(nlh, &attrs);
		row(&attrs, arg);
	}
}

static void die_refused(const struct answer *answer)
{
	/* There are words for a name that is not known, none for a family that has gone. */
	if (answer->error == ENOENT && !*answer->words)
		die(EXIT_NO_MODULE, "rds_zc is not loaded any more");
	die(answer->error == ENOENT ? EXIT_USAGE : exit_status(answer->error),
	    "the kernel refuses: %s%s%s", strerror(answer->error), *answer->words ? ": " : "",
	    answer->words);
}

void nl_dump(struct nl *nl, struct nlmsghdr *request,
	     void (*row)(const struct attrs *attrs, void *arg), void *arg)
{
	struct answer answer;
	int tries;

	for (tries = 1; ; tries++) {
		memset(&answer, 0, sizeof(answer));
		ask(nl, request, &answer);
		if (answer.error)
			die_refused(&answer);
		if (!answer.interrupted)
			break;
		if (tries == TRIES) {
			warn("the list changed while it was read: it may be incomplete");
			break;
		}
		free(answer.data);
		request->nlmsg_seq = ++nl->sequence;
	}
	tell_rows(&answer, row, arg);
	free(answer.data);
}

/* ---- finding the family ---- */

static void find_group(struct nl *nl, const struct nlattr *group)
{
	const struct nlattr *attr;
	const char *name = "";
	uint32_t id = 0;

	mnl_attr_for_each_nested(attr, group) {
		if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_NAME)
			name = mnl_attr_get_str(attr);
		else if (mnl_attr_get_type(attr) == CTRL_ATTR_MCAST_GRP_ID)
			id = mnl_attr_get_u32(attr);
	}
	if (!strcmp(name, RDSZC_GENL_MCGRP_PATHS))
		nl->group_paths = id;
	else if (!strcmp(name, RDSZC_GENL_MCGRP_CONGESTION))
		nl->group_congestion = id;
}

static void find_family_row(const struct attrs *attrs, void *arg)
{
	const struct nlattr *group;
	struct nl *nl = arg;

	nl->family = attr_number(attrs, CTRL_ATTR_FAMILY_ID);
	if (!attrs->list[CTRL_ATTR_MCAST_GROUPS])
		return;
	mnl_attr_for_each_nested(group, attrs->list[CTRL_ATTR_MCAST_GROUPS])
		find_group(nl, group);
}

static void find_family(struct nl *nl)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct answer answer = { 0 };
	struct nlmsghdr *nlh;
	struct genlmsghdr *genl;

	nl->family = GENL_ID_CTRL;
	nlh = nl_request(nl, buffer, CTRL_CMD_GETFAMILY, 0);
	genl = mnl_nlmsg_get_payload(nlh);
	genl->version = 1;
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, RDSZC_GENL_NAME);
	ask(nl, nlh, &answer);
	if (answer.error == ENOENT)
		die(EXIT_NO_MODULE, "rds_zc is not loaded (modprobe rds_zc; rdszc doctor)");
	if (answer.error)
		die(exit_status(answer.error), "netlink: %s", strerror(answer.error));
	tell_rows(&answer, find_family_row, nl);
	free(answer.data);
}

void nl_open(struct nl *nl)
{
	int one = 1;

	memset(nl, 0, sizeof(*nl));
	nl->sequence = time(NULL);
	nl->socket = mnl_socket_open(NETLINK_GENERIC);
	if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		die(EXIT_SYSTEM, "netlink: %s", strerror(errno));
	nl->portid = mnl_socket_get_portid(nl->socket);
	/* Reasons of refusals; an old kernel without them refuses all the same. */
	mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &one, sizeof(one));
	find_family(nl);
}

void nl_close(struct nl *nl)
{
	mnl_socket_close(nl->socket);
}

/* ---- events ---- */

void nl_join(struct nl *nl, uint32_t group)
{
	int id = group;

	if (!group ||
	    mnl_socket_setsockopt(nl->socket, NETLINK_ADD_MEMBERSHIP, &id, sizeof(id)) < 0)
		die(EXIT_SYSTEM, "cannot listen to events: %s", strerror(errno));
}

bool nl_event(struct nl *nl, int timeout, uint8_t *command, struct attrs *attrs)
{
	static char buffer[BUFFER];
	struct pollfd poll_fd = { .fd = mnl_socket_get_fd(nl->socket), .events = POLLIN };
	const struct nlmsghdr *nlh = (struct nlmsghdr *)buffer;
	const struct genlmsghdr *genl;
	ssize_t got;

	if (poll(&poll_fd, 1, timeout) <= 0)
		return false;
	got = mnl_socket_recvfrom(nl->socket, buffer, sizeof(buffer));
	if (got < 0) {
		if (errno == ENOBUFS)
			warn("events were lost: they come faster than they are read");
		else if (errno != EINTR)
			die(EXIT_SYSTEM, "netlink: %s", strerror(errno));
		return false;
	}
	if (!mnl_nlmsg_ok(nlh, got) || nlh->nlmsg_type != nl->family)
		return false;
	genl = mnl_nlmsg_get_payload(nlh);
	*command = genl->cmd;
	parse(nlh, attrs);
	return true;
}

/* ---- attributes ---- */

bool attr_has(const struct attrs *attrs, int type)
{
	return attrs->list[type];
}

uint64_t attr_number(const struct attrs *attrs, int type)
{
	const struct nlattr *attr = attrs->list[type];

	if (!attr)
		return 0;
	switch (mnl_attr_get_payload_len(attr)) {
	case 1:
		return mnl_attr_get_u8(attr);
	case 2:
		return mnl_attr_get_u16(attr);
	case 4:
		return mnl_attr_get_u32(attr);
	case 8:
		return mnl_attr_get_u64(attr);
	default:
		return 0;
	}
}

const char *attr_text(const struct attrs *attrs, int type)
{
	const struct nlattr *attr = attrs->list[type];

	if (!attr || mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return "";
	return mnl_attr_get_str(attr);
}

bool attr_is_address(const struct attrs *attrs, int type, const uint8_t *bytes, size_t length)
{
	const struct nlattr *attr = attrs->list[type];

	return attr && mnl_attr_get_payload_len(attr) == length &&
	       !memcmp(mnl_attr_get_payload(attr), bytes, length);
}

const char *attr_address(const struct attrs *attrs, int type)
{
	static char ring[4][INET6_ADDRSTRLEN];
	static unsigned int next;
	const struct nlattr *attr = attrs->list[type];
	char *out = ring[next++ % ARRAY_SIZE(ring)];
	int length = attr ? mnl_attr_get_payload_len(attr) : 0;

	*out = '\0';
	if (length == 4)
		inet_ntop(AF_INET, mnl_attr_get_payload(attr), out, sizeof(ring[0]));
	else if (length == 16)
		inet_ntop(AF_INET6, mnl_attr_get_payload(attr), out, sizeof(ring[0]));
	return out;
}
