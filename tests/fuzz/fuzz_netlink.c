// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to the generic netlink family that nobody would make: any command, flag and attribute,
 * with lengths that do not fit, dumps left in the middle, while sockets, connections and messages
 * come and go. Each is answered, or refused with one of a few numbers; and nothing else happens.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include <linux/rds_zc_netlink.h>

#include "ends.h"
#include "fuzz.h"
#include "genl.h"
#include "suite.h"

#define SOCKETS 40
#define ROOM 65536	/* of an answer; no kernel sends more at once */

struct asker {
	struct fuzz fuzz;
	struct topology *topology;
	struct mnl_socket *socket;
	uint16_t family;
	int fds[SOCKETS];	/* what dumps have to tell */
	uint64_t refused, told;
};

static char room[ROOM];

/* A socket of its own leaves no dump of the last one behind. */
static void connect_anew(struct asker *asker)
{
	if (asker->socket)
		mnl_socket_close(asker->socket);
	asker->socket = genl_open(&asker->topology->ns[0]);
}

/* ---- requests ---- */

static void put_attr(struct random *random, struct nlmsghdr *nlh)
{
	uint16_t type = (uint16_t)random_below(random, 30);
	struct nlattr *attr = mnl_nlmsg_get_payload_tail(nlh);
	uint8_t data[40];

	random_fill(random, data, sizeof(data));
	if (random_once_in(random, 8))
		type = (uint16_t)random_edge(random, 16);
	if (random_once_in(random, 2))
		mnl_attr_put(nlh, type, 1u << random_below(random, 5), data);
	else
		mnl_attr_put(nlh, type, random_below(random, sizeof(data)), data);
	if (random_once_in(random, 16))
		attr->nla_len = (uint16_t)random_edge(random, 16);
}

static struct nlmsghdr *some_request(struct asker *asker)
{
	static const uint16_t usual[] = {
		0, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP, NLM_F_DUMP | NLM_F_ACK,
	};
	struct random *random = &asker->fuzz.random;
	struct nlmsghdr *nlh = genl_request(room, asker->family, (uint8_t)random_below(random, 12),
					    random_of(random, usual));
	struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);

	nlh->nlmsg_seq = (uint32_t)asker->fuzz.next;
	if (random_once_in(random, 16))
		nlh->nlmsg_flags = (uint16_t)random_edge(random, 16);
	if (random_once_in(random, 8))
		genl->version = (uint8_t)random_bits(random);
	while (random_once_in(random, 2))
		put_attr(random, nlh);
	if (random_once_in(random, 32))
		nlh->nlmsg_len -= random_below(random, nlh->nlmsg_len - NLMSG_HDRLEN + 1);
	return nlh;
}

/* False where it is not what the kernel, or the family, refuses requests with. */
static bool is_refusal(int error)
{
	return error == EINVAL || error == ERANGE || error == EOPNOTSUPP || error == EPERM ||
		error == EBUSY || error == EAFNOSUPPORT || error == ENOENT;
}

static void judge(struct asker *asker, const struct nlmsghdr *nlh)
{
	int error = 0;

	if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE)
		memcpy(&error, mnl_nlmsg_get_payload(nlh), sizeof(error));
	else
		asker->told++;
	if (!error)
		return;
	asker->refused++;
	if (!is_refusal(-error))
		fail_msg("refused: %s", strerror(-error));
}

/* Requests are worked off as they are sent, dumps as they are read. */
static void read_answers(struct asker *asker)
{
	int fd = mnl_socket_get_fd(asker->socket);
	const struct nlmsghdr *nlh;
	ssize_t got;
	int left;

	while ((got = recv(fd, room, sizeof(room), MSG_DONTWAIT)) > 0) {
		left = (int)got;
		for (nlh = (struct nlmsghdr *)room; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left))
			judge(asker, nlh);
		if (random_once_in(&asker->fuzz.random, 16))
			return;
	}
	assert_int_equal(errno, EAGAIN);
}

/* Something that lists show begins, or ends. */
static void change_something(struct asker *asker)
{
	struct random *random = &asker->fuzz.random;
	int *fd = &random_of(random, asker->fds);
	union rds_addr addr = asker->topology->near[0];
	union rds_addr nobody = nobody_home(asker->topology);

	if (*fd < 0) {
		*fd = rds_open(&asker->topology->ns[0], &addr);
		assert_true(*fd >= 0);
	} else if (random_once_in(random, 8)) {
		close(*fd);
		*fd = -1;
	} else {
		nobody.in.sin_addr.s_addr ^= htonl(random_below(random, 64));
		rds_send(*fd, room, random_below(random, 2000), &nobody, MSG_DONTWAIT);
	}
}

static void requests__of_any_kind(void **state)
{
	struct asker asker = { .fuzz = fuzz_begin(), .topology = *state };
	struct ends ends = ends_open(state);
	size_t i;

	for (i = 0; i < SOCKETS; i++)
		asker.fds[i] = -1;
	ends_there_and_back(&ends, 3000, 1);
	connect_anew(&asker);
	asker.family = genl_family(asker.socket, NULL);
	while (fuzz_next(&asker.fuzz)) {
		const struct nlmsghdr *nlh = some_request(&asker);

		if (random_once_in(&asker.fuzz.random, 16))
			connect_anew(&asker);
		mnl_socket_sendto(asker.socket, nlh, nlh->nlmsg_len);
		read_answers(&asker);
		if (random_once_in(&asker.fuzz.random, 4))
			change_something(&asker);
	}
	print_message("# %lu refused, %lu entries told\n", asker.refused, asker.told);
	assert_true(asker.refused && asker.told);
	mnl_socket_close(asker.socket);
	for (i = 0; i < SOCKETS; i++)
		if (asker.fds[i] >= 0)
			close(asker.fds[i]);
	ends_there_and_back(&ends, 3000, 2);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "fuzz_netlink" };

	SUITE_ADD(&suite, requests__of_any_kind, variants_one_each);
	return suite_run(&suite, argc, argv);
}
