// SPDX-License-Identifier: GPL-2.0
/* Options, ioctls and modes beside those that other programs are about. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/rds_zc.h>
#include <linux/sockios.h>

#include "array.h"
#include "counters.h"
#include "link.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "zc.h"

static unsigned char data[65536];

/* ---- type of service, row 97 ---- */

static void tos__one_value(void **state)
{
	struct ends ends = ends_open(state);
	int fd = netns_in(&ends.topology->ns[0], rds_socket());
	unsigned char tos = 7;

	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, SIOCRDSGETTOS, &tos), 0);
	assert_int_equal(tos, 0);
	tos = 7;
	assert_fails(ioctl(fd, SIOCRDSSETTOS, &tos), ENOTTY);
	assert_fails(ioctl(fd, SIOCRDSSETTOS, NULL), EFAULT);
	assert_fails(ioctl(fd, SIOCRDSGETTOS, NULL), EFAULT);
	close(fd);

	assert_int_equal(ioctl(ends.tx, SIOCRDSSETTOS, &tos), 0);
	tos = 255;
	assert_int_equal(ioctl(ends.tx, SIOCRDSSETTOS, &tos), 0);
	assert_int_equal(ioctl(ends.tx, SIOCRDSGETTOS, &tos), 0);
	assert_int_equal(tos, 0);
	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	assert_fails(ioctl(ends.tx, SIOCRDSSETTOS, &tos), EINVAL);
	assert_int_equal(ioctl(ends.rx, SIOCRDSSETTOS, &tos), 0);
	assert_fails(ioctl(ends.tx, SIOCATMARK, data), ENOTTY);
}

/* ---- features ---- */

static void features__files_and_bits_agree(void **state)
{
	union rds_addr near;
	int fd = topology_near(*state, &near);
	DIR *dir = opendir("/sys/module/rds_zc/features");
	socklen_t length = sizeof(uint64_t);
	struct dirent *entry;
	uint64_t bits = 0;
	int files = 0;

	assert_int_equal(getsockopt(fd, SOL_RDS, RDSZC_FEATURES, &bits, &length), 0);
	assert_int_equal(length, sizeof(bits));
	assert_int_equal(bits & RDSZC_FEATURES_ALL, RDSZC_FEATURES_ALL);
	assert_true(bits & RDSZC_FEATURE_PEER_ERROR);
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		files += entry->d_name[0] != '.';
	closedir(dir);
	assert_int_equal(files, __builtin_popcountll(bits));
	length = 7;
	assert_fails(getsockopt(fd, SOL_RDS, RDSZC_FEATURES, &bits, &length), EINVAL);
	assert_fails(setsockopt(fd, SOL_RDS, RDSZC_FEATURES, &bits, 8), ENOPROTOOPT);
}

/* ---- control messages that do not mix, rows 43 to 45 ---- */

struct cmsg_kind {
	int type;
	size_t length;
};

/* Sends with these control messages, zeroes in them; returns the errno, 0 if it was sent. */
static int send_with(const struct ends *ends, size_t length, const struct cmsg_kind *list,
		     size_t count)
{
	static union {
		char space[1024];
		struct cmsghdr align;
	} control;
	struct iovec iov = { data, length };
	union rds_addr far = ends->far;
	struct msghdr message = {
		.msg_name = &far, .msg_namelen = rds_addr_len(&far),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
	size_t i, used = 0;

	memset(&control, 0, sizeof(control));
	for (i = 0; i < count; i++) {
		cmsg = (struct cmsghdr *)(control.space + used);
		cmsg->cmsg_level = SOL_RDS;
		cmsg->cmsg_type = list[i].type;
		cmsg->cmsg_len = CMSG_LEN(list[i].length);
		used += CMSG_SPACE(list[i].length);
	}
	message.msg_controllen = used;
	return sendmsg(ends->tx, &message, 0) < 0 ? errno : 0;
}

static const struct cmsg_kind args = { RDS_CMSG_RDMA_ARGS, 56 };
static const struct cmsg_kind dest = { RDS_CMSG_RDMA_DEST, 8 };
static const struct cmsg_kind map = { RDS_CMSG_RDMA_MAP, 32 };
static const struct cmsg_kind atomic = { RDS_CMSG_ATOMIC_FADD, 72 };
static const struct cmsg_kind cookie = { RDS_CMSG_ZCOPY_COOKIE, 4 };

static void cmsgs__of_rdma(void **state)
{
	static const int types[] = {
		RDS_CMSG_RDMA_ARGS, RDS_CMSG_RDMA_DEST, RDS_CMSG_RDMA_MAP, RDS_CMSG_ATOMIC_FADD,
		RDS_CMSG_ATOMIC_CSWP, RDS_CMSG_MASKED_ATOMIC_FADD, RDS_CMSG_MASKED_ATOMIC_CSWP,
	};
	static const size_t sizes[] = { 56, 8, 32, 72, 72, 72, 72 };
	static const int unknown[] = { 0, 4, 5, 10, 11, 13, 14, -1 };
	struct ends ends = ends_open(state);
	struct cmsg_kind kind;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++) {
		kind = (struct cmsg_kind){ types[i], sizes[i] };
		assert_int_equal(send_with(&ends, 10, &kind, 1), EOPNOTSUPP);
		kind.length--;
		assert_int_equal(send_with(&ends, 10, &kind, 1), EINVAL);
	}
	for (i = 0; i < ARRAY_SIZE(unknown); i++) {
		kind = (struct cmsg_kind){ unknown[i], 8 };
		assert_int_equal(send_with(&ends, 10, &kind, 1), EINVAL);
	}
}

static void cmsgs__of_two_groups(void **state)
{
	struct ends ends = ends_open(state);
	const struct cmsg_kind mixed[][2] = {
		{ args, dest }, { args, map }, { args, cookie }, { cookie, args }, { atomic, dest },
		{ atomic, cookie },
	};
	const struct cmsg_kind alike[][2] = { { dest, map }, { args, atomic }, { map, cookie } };
	struct cmsg_kind kind = args;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mixed); i++)
		assert_int_equal(send_with(&ends, 10, mixed[i], 2), EINVAL);
	for (i = 0; i < ARRAY_SIZE(alike); i++)
		assert_int_equal(send_with(&ends, 10, alike[i], 2), EOPNOTSUPP);
	/* Too large a message comes first, unless RDMA_ARGS are short. */
	assert_int_equal(rds_set_buffers(ends.tx, 30000, 0), 0);
	assert_int_equal(send_with(&ends, 40000, &args, 1), EMSGSIZE);
	kind.length = 55;
	assert_int_equal(send_with(&ends, 40000, &kind, 1), EINVAL);
}

/* ---- completion modes ---- */

static int get_mode(int fd)
{
	socklen_t length = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, SOL_RDS, RDSZC_COMPLETION_MODE, &value, &length), 0);
	return value;
}

/* Row 53: only who asked for mode 2 itself is woken by cookies; AF_RDS programs are not. */
static void mode__blocking_receive(void **state)
{
	struct ends ends = ends_open(state);
	struct reap_cmsg got;
	uint32_t list[8];

	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_fails(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, 4), EINVAL);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE,
				 RDSZC_COMPLETION_AF_RDS), 0);
	assert_int_equal(get_mode(ends.tx), RDSZC_COMPLETION_CMSG);
	zc_send(&ends, data, 64, 5);
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	assert_int_equal(rds_set_timeouts(ends.tx, 200), 0);
	got = reap_by_cmsg(ends.tx, data, 0, list, 1, 0);
	assert_int_equal(got.bytes, -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, RDSZC_COMPLETION_CMSG),
			 0);
	got = reap_by_cmsg(ends.tx, data, 0, list, 1, 0);
	assert_int_equal(got.bytes, 0);
	assert_int_equal(got.cookies, 1);
	assert_int_equal(list[0], 5);
}

/* What has no room to be told does not wake, and the call does not spin: it sleeps. */
static void mode__cookies_without_room_do_not_wake(void **state)
{
	struct ends ends = ends_open(state);
	uint32_t list[8];

	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE, RDSZC_COMPLETION_CMSG),
			 0);
	zc_send(&ends, data, 64, 5);
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	assert_int_equal(rds_set_timeouts(ends.tx, 200), 0);
	assert_fails(rds_recv(ends.tx, data, 10, NULL, 0), ETIMEDOUT);
	assert_int_equal(reap_by_cmsg(ends.tx, data, 0, list, 1, 0).cookies, 1);
}

/* Row 77, for AF_RDS programs: a change of some map shows as POLLIN too, once. */
static void mode__af_rds_polls_as_in_tree(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	const short all = POLLIN | POLLRDNORM | POLLWRBAND;
	struct counters before;
	uint64_t shown = 0;
	short events;

	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_COMPLETION_MODE,
				 RDSZC_COMPLETION_AF_RDS), 0);
	assert_int_equal(rds_wait(ends.tx, all, deadline_in(0)) & all, 0);
	assert_int_equal(counters_read(ns, &before), 0);
	/* Makes the connection, which brings a map. */
	send_pattern(ends.tx, 100, 1, &ends.far);
	assert_true(counter_wait(ns, &before, "cong_update_received", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	/* The two ends may dial each other, and the connection that stays brings another map. */
	while ((events = rds_wait(ends.tx, all, deadline_in(0)) & all)) {
		assert_int_equal(events, all);
		assert_fails(rds_recv(ends.tx, data, 10, NULL, MSG_DONTWAIT), EAGAIN);
		shown++;
	}
	assert_in_range(shown, 1, counter_moved(ns, &before, "cong_update_received"));
}

/* ---- who only looks takes nothing ---- */

/* One recvmsg; returns the mask of the notification that it ended with, 0 if there was none. */
static uint64_t cong_update(int fd, int flags)
{
	union {
		char space[CMSG_SPACE(sizeof(uint64_t))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr message = { .msg_control = &control, .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;
	uint64_t mask;

	if (recvmsg(fd, &message, flags | MSG_DONTWAIT))
		return 0;
	cmsg = CMSG_FIRSTHDR(&message);
	assert_non_null(cmsg);
	assert_int_equal(cmsg->cmsg_level, SOL_RDS);
	assert_int_equal(cmsg->cmsg_type, RDS_CMSG_CONG_UPDATE);
	memcpy(&mask, CMSG_DATA(cmsg), sizeof(mask));
	return mask;
}

static void peek__leaves_a_congestion_notification(void **state)
{
	struct ends ends = ends_open(state);
	uint64_t peeked, taken;
	uint32_t sent, i;

	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 1), 0);
	sent = ends_fill(&ends, sizeof(data));
	for (i = 0; i < sent; i++)
		receive_pattern(ends.rx, sizeof(data), i, &ends.near);
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	peeked = cong_update(ends.tx, MSG_PEEK);
	assert_true(peeked & RDS_CONG_MONITOR_MASK(rds_port(&ends.far)));
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(0)) & POLLIN);
	assert_true(cong_update(ends.tx, MSG_PEEK) == peeked);
	taken = cong_update(ends.tx, 0);
	assert_true(taken == peeked);
	assert_true(cong_update(ends.tx, MSG_PEEK) == 0);
	assert_int_equal(errno, EAGAIN);
}

/* ---- link-local addresses and others, row 24 ---- */

static union rds_addr link_local(const struct netns *ns, const char *text)
{
	union rds_addr addr = rds_addr(text, 0);

	assert_int_equal(link_add_address(ns, "w0", text, 64), 0);
	addr.in6.sin6_scope_id = (uint32_t)link_index(ns, "w0");
	return addr;
}

/* Whoever is link-local, the other one is not: both directions find their socket. */
static void scope__link_local_and_global(void **state)
{
	struct topology *topology = *state;
	union rds_addr local = link_local(&topology->ns[0], "fe80::a1");
	union rds_addr far, from, back;
	int tx = topology_socket(topology, &topology->ns[0], &local);
	int rx = topology_far(topology, &far);

	assert_int_equal(link_add_address(&topology->ns[1], "w0", "fe80::b1", 64), 0);
	pattern_fill(data, 100, 3);
	assert_int_equal(rds_send(tx, data, 100, &far, 0), 100);
	assert_int_equal(rds_recv(rx, data, sizeof(data), &from, 0), 100);
	assert_int_equal(pattern_check(data, 100, 3), -1);
	assert_memory_equal(&from.in6.sin6_addr, &local.in6.sin6_addr, 16);
	assert_int_equal(rds_port(&from), rds_port(&local));
	/* The name has no scope, since the receiver is not link-local: it adds its own. */
	back = local;
	back.in6.sin6_scope_id = (uint32_t)link_index(&topology->ns[1], "w0");
	pattern_fill(data, 200, 4);
	assert_int_equal(rds_send(rx, data, 200, &back, 0), 200);
	assert_int_equal(rds_recv(tx, data, sizeof(data), NULL, 0), 200);
	assert_int_equal(pattern_check(data, 200, 4), -1);
}

/* Two that are link-local; a scope that is not the one the socket is bound to is refused. */
static void scope__two_link_local(void **state)
{
	struct topology *topology = *state;
	union rds_addr a = link_local(&topology->ns[0], "fe80::a2");
	union rds_addr b = link_local(&topology->ns[1], "fe80::b2");
	union rds_addr to = b, from;
	int tx = topology_socket(topology, &topology->ns[0], &a);
	int rx = topology_socket(topology, &topology->ns[1], &b);

	to = b;
	to.in6.sin6_scope_id = a.in6.sin6_scope_id;
	pattern_fill(data, 100, 3);
	assert_int_equal(rds_send(tx, data, 100, &to, 0), 100);
	assert_int_equal(rds_recv(rx, data, sizeof(data), &from, 0), 100);
	assert_int_equal(from.in6.sin6_scope_id, b.in6.sin6_scope_id);
	assert_int_equal(rds_send(rx, data, 100, &from, 0), 100);
	assert_int_equal(rds_recv(tx, data, sizeof(data), &from, 0), 100);
	to.in6.sin6_scope_id = a.in6.sin6_scope_id + 1000;
	assert_fails(rds_send(tx, data, 100, &to, 0), EINVAL);
}

/*
 * The same address on another interface is another peer: what a socket remembers of its last
 * destination must not lead the next message to the first.
 */
static void scope__tells_peers_of_one_address_apart(void **state)
{
	struct topology *topology = *state;
	const struct netns *ns = topology->ns;
	union rds_addr peers[TOPOLOGY_PEERS] = {
		link_local(&ns[1], "fe80::b3"), link_local(&ns[2], "fe80::b3"),
	};
	union rds_addr to, near;
	int tx, rx[TOPOLOGY_PEERS], i, round;
	uint16_t port;

	/* The sender's address is not link-local, and both peers have a way back to it. */
	assert_int_equal(link_add_address(&ns[0], "w1", topology->near_text[0], 64), 0);
	assert_int_equal(link_add_address(&ns[2], "w0", "fd77:1::99", 64), 0);
	tx = topology_near(topology, &near);
	rx[0] = topology_socket(topology, &ns[1], &peers[0]);
	port = rds_port(&peers[0]);
	peers[1] = rds_addr_port(&peers[1], port);
	rx[1] = topology_socket(topology, &ns[2], &peers[1]);
	to = peers[0];
	for (round = 0; round < 3; round++) {
		for (i = 0; i < TOPOLOGY_PEERS; i++) {
			to.in6.sin6_scope_id = (uint32_t)link_index(&ns[0], i ? "w1" : "w0");
			send_pattern(tx, 100, (uint32_t)(10 * round + i), &to);
		}
		for (i = 0; i < TOPOLOGY_PEERS; i++)
			receive_pattern(rx[i], 100, (uint32_t)(10 * round + i), &near);
	}
}

/* ---- the limit of the namespace, within a host ---- */

struct sender {
	pthread_t thread;
	int fd;
	union rds_addr to;
	uint32_t count;
};

static void *send_many(void *argument)
{
	struct sender *sender = argument;
	static unsigned char piece[16384];
	uint32_t i;

	for (i = 0; i < sender->count; i++)
		if (rds_send(sender->fd, piece, sizeof(piece), &sender->to, 0) != sizeof(piece))
			break;
	return (void *)(uintptr_t)i;
}

/*
 * No reader is congested, but together they hold too much: delivery stops, and goes on when there
 * is room, because the limit was raised, or somebody has read.
 */
static void limit_stops_delivery(void **state, bool raise)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	struct sender sender = { .fd = ends.tx, .to = ends.far, .count = 100 };
	static unsigned char sink[16384];
	struct counters before;
	void *sent;
	uint32_t i;

	topology_sysctl(ends.topology, "rcv_mem_max", 400000);
	assert_int_equal(rds_set_buffers(ends.rx, 0, 8 << 20), 0);
	assert_int_equal(rds_set_buffers(ends.tx, 8 << 20, 0), 0);
	assert_int_equal(counters_read(ns, &before), 0);
	assert_int_equal(pthread_create(&sender.thread, NULL, send_many, &sender), 0);
	assert_true(counter_wait(ns, &before, "recv_paused", 1, deadline_in(DEADLINE_USUAL_MS)));
	pthread_join(sender.thread, &sent);
	assert_int_equal((uintptr_t)sent, sender.count);
	assert_in_range(counter_moved(ns, &before, "recv_queued"), 20, 40);
	if (raise) {
		topology_sysctl(ends.topology, "rcv_mem_max", 64 << 20);
		assert_true(counter_wait(ns, &before, "recv_queued", sender.count,
					 deadline_in(DEADLINE_USUAL_MS)));
	}
	for (i = 0; i < sender.count; i++)
		assert_int_equal(rds_recv(ends.rx, sink, sizeof(sink), NULL, 0), sizeof(sink));
	assert_fails(rds_recv(ends.rx, sink, sizeof(sink), NULL, MSG_DONTWAIT), EAGAIN);
}

static void limit__of_the_namespace_on_loop(void **state)
{
	limit_stops_delivery(state, false);
}

static void limit__raised(void **state)
{
	limit_stops_delivery(state, true);
}

static const struct variant variants_v6[] = {
	{ "veth v6 small", WIRE_VETH, 1, 0, 0, 0 },
	{ "veth v6 large", WIRE_VETH, 1, 1, 0, 0 },
	{ 0 }
};

static const struct variant variants_v6_nobody[] = {
	{ "veth v6 small, nobody", WIRE_VETH, 1, 0, 1, 0 },
	{ 0 }
};

static const struct variant variants_three_v6[] = {
	{ "three hosts, v6", WIRE_VETH, 1, 0, 0, 1 },
	{ 0 }
};

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "options" };

	SUITE_ADD(&suite, tos__one_value, variants_basic);
	SUITE_ADD(&suite, tos__one_value, variants_any_nobody);
	SUITE_ADD(&suite, features__files_and_bits_agree, variants_one_each);
	SUITE_ADD(&suite, cmsgs__of_rdma, variants_one_each);
	SUITE_ADD(&suite, cmsgs__of_two_groups, variants_one_each);
	SUITE_ADD(&suite, mode__blocking_receive, variants_any_each);
	SUITE_ADD(&suite, mode__cookies_without_room_do_not_wake, variants_one_each);
	SUITE_ADD(&suite, mode__af_rds_polls_as_in_tree, variants_wire);
	SUITE_ADD(&suite, peek__leaves_a_congestion_notification, variants_wire);
	SUITE_ADD(&suite, peek__leaves_a_congestion_notification, variants_one_nobody);
	SUITE_ADD(&suite, scope__link_local_and_global, variants_v6);
	SUITE_ADD(&suite, scope__two_link_local, variants_v6);
	SUITE_ADD(&suite, scope__two_link_local, variants_v6_nobody);
	SUITE_ADD(&suite, scope__tells_peers_of_one_address_apart, variants_three_v6);
	SUITE_ADD(&suite, limit__of_the_namespace_on_loop, variants_loop);
	SUITE_ADD(&suite, limit__raised, variants_loop);
	return suite_run(&suite, argc, argv);
}
