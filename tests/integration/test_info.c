// SPDX-License-Identifier: GPL-2.0
/*
 * RDS_INFO_*: the lists that tools read, with the structs of <linux/rds.h> as the parser. Rows 88
 * to 96 of rds-api.md section 15; the counters are in test_counters.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "diag.h"
#include "ends.h"
#include "info_layout.h"
#include "pattern.h"
#include "suite.h"
#include "zc.h"

struct list_kind {
	int name;
	socklen_t each;
};

static const struct list_kind kinds[] = {
	{ RDS_INFO_COUNTERS, 40 },
	{ RDS_INFO_CONNECTIONS, 42 },
	{ RDS_INFO_SEND_MESSAGES, 26 },
	{ RDS_INFO_RETRANS_MESSAGES, 26 },
	{ RDS_INFO_RECV_MESSAGES, 26 },
	{ RDS_INFO_SOCKETS, 28 },
	{ RDS_INFO_TCP_SOCKETS, 41 },
	{ RDS6_INFO_CONNECTIONS, 65 },
	{ RDS6_INFO_SEND_MESSAGES, 50 },
	{ RDS6_INFO_RETRANS_MESSAGES, 50 },
	{ RDS6_INFO_RECV_MESSAGES, 50 },
	{ RDS6_INFO_SOCKETS, 52 },
	{ RDS6_INFO_TCP_SOCKETS, 64 },
};

static socklen_t each_of(int name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (kinds[i].name == name)
			return kinds[i].each;
	fail_msg("no such list: %d", name);
	return 0;
}

/* A list as read in one call, by the length protocol. */
struct info {
	socklen_t each;
	size_t count;
	unsigned char bytes[1 << 20];
};

static struct info info;

/* A list that is shorter than so many bytes. */
static void read_short_info(int fd, int name, socklen_t length)
{
	memset(info.bytes, 0xa5, length);
	info.each = each_of(name);
	assert_int_equal(getsockopt(fd, SOL_RDS, name, info.bytes, &length), info.each);
	assert_int_equal(length % info.each, 0);
	info.count = length / info.each;
	/* Not a byte behind what was announced. */
	assert_int_equal(info.bytes[length], 0xa5);
}

static void read_info(int fd, int name)
{
	read_short_info(fd, name, sizeof(info.bytes));
}

#define RECORD(type, i) ((const struct type *)(info.bytes + (i) * sizeof(struct type)))

/* Sixteen bytes as the IPv6 lists have them: IPv4 is mapped. */
static struct in6_addr wide(const union rds_addr *addr)
{
	struct in6_addr ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	if (addr->sa.sa_family == AF_INET6)
		return addr->in6.sin6_addr;
	memcpy(&ip.s6_addr[12], &addr->in.sin_addr, 4);
	return ip;
}

static bool same6(const void *shown, const union rds_addr *addr)
{
	struct in6_addr ip = wide(addr);

	return !memcmp(shown, &ip, sizeof(ip));
}

static bool is_v4(const union rds_addr *addr)
{
	return addr->sa.sa_family == AF_INET;
}

static int watcher(const struct topology *topology, size_t ns)
{
	int fd = netns_in(&topology->ns[ns], rds_socket());

	assert_true(fd >= 0);
	return fd;
}

/* ---- the protocol of the call ---- */

/* True if there was something in the list. */
static bool expect_length_protocol(int fd, const struct list_kind *kind)
{
	static unsigned char buffer[65536];
	socklen_t length = 0, need;
	int rc = getsockopt(fd, SOL_RDS, kind->name, NULL, &length);

	if (rc >= 0) {		/* nothing there: it fits into nothing */
		assert_int_equal(rc, kind->each);
		assert_int_equal(length, 0);
		return false;
	}
	assert_int_equal(errno, ENOSPC);
	assert_true(length >= kind->each);
	assert_int_equal(length % kind->each, 0);
	need = length;
	length = need - 1;
	assert_fails(getsockopt(fd, SOL_RDS, kind->name, buffer, &length), ENOSPC);
	assert_int_equal(length, need);
	assert_int_equal(getsockopt(fd, SOL_RDS, kind->name, buffer, &length), kind->each);
	assert_int_equal(length, need);
	length = sizeof(buffer);
	assert_int_equal(getsockopt(fd, SOL_RDS, kind->name, buffer, &length), kind->each);
	assert_int_equal(length, need);
	return true;
}

/* Is something in that list, when all that call__length_protocol does is done? */
static bool is_filled(int name, const struct ends *ends)
{
	bool wire = ends->topology->variant->wire == WIRE_VETH;

	switch (name) {
	case RDS_INFO_SOCKETS:
	case RDS_INFO_CONNECTIONS:
	case RDS_INFO_RECV_MESSAGES:
		return is_v4(&ends->near);
	case RDS_INFO_SEND_MESSAGES:
	case RDS_INFO_RETRANS_MESSAGES:
	case RDS_INFO_TCP_SOCKETS:
		return wire && is_v4(&ends->near);
	case RDS6_INFO_SEND_MESSAGES:
	case RDS6_INFO_RETRANS_MESSAGES:
	case RDS6_INFO_TCP_SOCKETS:
		return wire;
	default:
		return true;
	}
}

#define STUCK 3

/* The wire swallows all: TCP has the first message, and no other one goes before it is sent. */
static void leave_unsent(const struct ends *ends)
{
	static unsigned char large[1 << 20];
	int i;

	assert_true(diag_wait_lanes(&ends->topology->ns[0], RDS_TCP_PORT, &ends->near));
	assert_int_equal(rds_set_buffers(ends->tx, STUCK << 20, 0), 0);
	topology_blackhole(ends->topology, 0, true);
	for (i = 0; i < STUCK; i++)
		assert_int_equal(rds_send(ends->tx, large, sizeof(large), &ends->far, 0),
				 sizeof(large));
}

/* Rows 89 and 90: probe, too short by one, exact, larger; empty lists, and each with a record. */
static void call__length_protocol(void **state)
{
	struct ends ends = ends_open(state);
	int fd = watcher(ends.topology, 0);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		expect_length_protocol(fd, &kinds[i]);
	ends_there_and_back(&ends, 1000, 1);
	send_pattern(ends.rx, 1000, 3, &ends.near);
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	if (ends.topology->variant->wire == WIRE_VETH)
		leave_unsent(&ends);
	/* A message that goes to TCP, or is acknowledged, between two looks changes the lists. */
	usleep(500000);
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		if (expect_length_protocol(fd, &kinds[i]) != is_filled(kinds[i].name, &ends))
			fail_msg("list %d: a record is missing, or one too many", kinds[i].name);
	close(fd);
}

/* Rows 88 and 96. */
static void call__lists_that_do_not_exist(void **state)
{
	static const int none[] = { 10002, 10008, 10009, 10010, 10017, 10018, 10020, 4, 9, 11 };
	unsigned char buffer[4096];
	int fd = watcher(*state, 0);
	socklen_t length;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		length = sizeof(buffer);
		assert_fails(getsockopt(fd, SOL_RDS, none[i], buffer, &length), ENOPROTOOPT);
		assert_fails(setsockopt(fd, SOL_RDS, none[i], buffer, 4), ENOPROTOOPT);
	}
	for (i = 0; i < ARRAY_SIZE(kinds); i++)
		assert_fails(setsockopt(fd, SOL_RDS, kinds[i].name, buffer, 4), ENOPROTOOPT);
	length = sizeof(buffer);
	assert_fails(getsockopt(fd, SOL_RDS - 1, RDS_INFO_COUNTERS, buffer, &length), ENOPROTOOPT);
	close(fd);
}

/* Row 95. */
static void call__bad_buffers(void **state)
{
	struct ends ends = ends_open(state);
	char *readonly = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *memory = zc_buffer(65536);
	int fd = watcher(ends.topology, 0);
	socklen_t length;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		length = (socklen_t)-1;
		assert_fails(getsockopt(fd, SOL_RDS, kinds[i].name, memory, &length), EINVAL);
		length = 0x7fffffff;
		assert_fails(getsockopt(fd, SOL_RDS, kinds[i].name, memory, &length), EINVAL);
	}
	length = 65536;
	assert_fails(getsockopt(fd, SOL_RDS, RDS6_INFO_SOCKETS, readonly, &length), EFAULT);
	length = 8;
	assert_fails(getsockopt(fd, SOL_RDS, RDS6_INFO_SOCKETS, readonly, &length), EFAULT);
	munmap(readonly, 65536);
	length = 65536;
	assert_fails(getsockopt(fd, SOL_RDS, RDS6_INFO_SOCKETS, readonly, &length), EFAULT);
	/* Over a page boundary, unaligned. */
	read_info(fd, RDS6_INFO_SOCKETS);
	length = 65536 - 4091;
	assert_int_equal(getsockopt(fd, SOL_RDS, RDS6_INFO_SOCKETS, memory + 4091, &length), 52);
	assert_int_equal(length, info.count * 52);
	assert_memory_equal(memory + 4091, info.bytes, length);
	zc_buffer_free(memory, 65536);
	close(fd);
}

/* ---- sockets ---- */

static uint64_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

static long find_socket6(int fd, uint64_t inode)
{
	size_t i;

	read_info(fd, RDS6_INFO_SOCKETS);
	for (i = 0; i < info.count; i++)
		if (RECORD(rds6_info_socket, i)->inum == inode)
			return (long)i;
	return -1;
}

static long find_socket4(int fd, uint64_t inode)
{
	size_t i;

	read_info(fd, RDS_INFO_SOCKETS);
	for (i = 0; i < info.count; i++)
		if (RECORD(rds_info_socket, i)->inum == inode)
			return (long)i;
	return -1;
}

/* Row 91. */
static void sockets__bound_and_connected(void **state)
{
	struct ends ends = ends_open(state);
	const struct rds6_info_socket *s6;
	const struct rds_info_socket *s4;
	int fd = watcher(ends.topology, 0);
	uint64_t inode = inode_of(ends.tx);
	long i;

	assert_int_equal(rds_set_buffers(ends.tx, 300000, 70000), 0);
	assert_int_equal(rds_connect(ends.tx, &ends.far), 0);
	i = find_socket6(fd, inode);
	assert_true(i >= 0);
	s6 = RECORD(rds6_info_socket, i);
	assert_int_equal(s6->sndbuf, 300000);
	assert_int_equal(s6->rcvbuf, 70000);
	assert_true(same6(&s6->bound_addr, &ends.near));
	assert_true(same6(&s6->connected_addr, &ends.far));
	assert_int_equal(ntohs(s6->bound_port), rds_port(&ends.near));
	assert_int_equal(ntohs(s6->connected_port), rds_port(&ends.far));

	i = find_socket4(fd, inode);
	assert_int_equal(i >= 0, is_v4(&ends.near));
	if (i >= 0) {
		s4 = RECORD(rds_info_socket, i);
		assert_int_equal(s4->sndbuf, 300000);
		assert_int_equal(s4->rcvbuf, 70000);
		assert_int_equal(s4->bound_addr, ends.near.in.sin_addr.s_addr);
		assert_int_equal(s4->connected_addr, ends.far.in.sin_addr.s_addr);
		assert_int_equal(ntohs(s4->bound_port), rds_port(&ends.near));
		assert_int_equal(ntohs(s4->connected_port), rds_port(&ends.far));
	}
	close(fd);
}

/* Row 91, and 4: an unbound socket is in the second list alone, with nothing but its buffers. */
static void sockets__unbound(void **state)
{
	static const struct rds6_info_socket empty;
	struct topology *topology = *state;
	int fd = watcher(topology, 0);
	struct rds6_info_socket shown;
	long i = find_socket6(fd, inode_of(fd));

	assert_int_equal(info.count, 1);
	assert_int_equal(i, 0);
	shown = *RECORD(rds6_info_socket, 0);
	assert_int_equal(shown.sndbuf, RDS_DEFAULT_SPACE);
	assert_int_equal(shown.rcvbuf, RDS_DEFAULT_SPACE);
	shown.sndbuf = 0;
	shown.rcvbuf = 0;
	shown.inum = 0;
	assert_memory_equal(&shown, &empty, sizeof(empty));
	assert_int_equal(find_socket4(fd, inode_of(fd)), -1);
	assert_int_equal(info.count, 0);
	close(fd);
}

/* Creation order, thousands of them, and none that is closed. */
static void sockets__many(void **state)
{
	struct topology *topology = *state;
	int fds[300], fd = watcher(topology, 0);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = watcher(topology, 0);
	read_info(fd, RDS6_INFO_SOCKETS);
	assert_int_equal(info.count, ARRAY_SIZE(fds) + 1);
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		assert_int_equal(RECORD(rds6_info_socket, i + 1)->inum, inode_of(fds[i]));
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	read_info(fd, RDS6_INFO_SOCKETS);
	assert_int_equal(info.count, 1);
	close(fd);
}

/* ---- connections ---- */

static void expect_transport(const void *name, const char *expected)
{
	char padded[16] = { 0 };

	strncpy(padded, expected, sizeof(padded) - 1);
	assert_memory_equal(name, padded, sizeof(padded));
}

static long find_connection6(int fd, const union rds_addr *near, const union rds_addr *far)
{
	size_t i;

	read_info(fd, RDS6_INFO_CONNECTIONS);
	for (i = 0; i < info.count; i++)
		if (same6(&RECORD(rds6_info_connection, i)->laddr, near) &&
		    same6(&RECORD(rds6_info_connection, i)->faddr, far))
			return (long)i;
	return -1;
}

static long find_connection4(int fd, const union rds_addr *near, const union rds_addr *far)
{
	size_t i;

	read_info(fd, RDS_INFO_CONNECTIONS);
	for (i = 0; i < info.count && is_v4(near); i++)
		if (RECORD(rds_info_connection, i)->laddr == near->in.sin_addr.s_addr &&
		    RECORD(rds_info_connection, i)->faddr == far->in.sin_addr.s_addr)
			return (long)i;
	return -1;
}

/* Row 92. */
static void connections__after_traffic(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const char *transport = ends.topology->variant->wire == WIRE_VETH ? "tcp" : "loopback";
	struct rds6_info_connection first, second;
	const struct rds_info_connection *c4;
	int fd = watcher(ends.topology, 0);
	uint32_t i;

	assert_int_equal(find_connection6(fd, &ends.near, &ends.far), -1);
	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	assert_true(find_connection6(fd, &ends.near, &ends.far) >= 0);
	first = *RECORD(rds6_info_connection, find_connection6(fd, &ends.near, &ends.far));
	expect_transport(first.transport, transport);
	assert_int_equal(first.flags & ~RDS_INFO_CONNECTION_FLAG_SENDING,
			 RDS_INFO_CONNECTION_FLAG_CONNECTED);
	for (i = 0; i < 10; i++) {
		send_pattern(ends.tx, 100, i, &ends.far);
		receive_pattern(ends.rx, 100, i, &ends.near);
		send_pattern(ends.rx, 100, i, &ends.near);
		receive_pattern(ends.tx, 100, i, &ends.far);
	}
	second = *RECORD(rds6_info_connection, find_connection6(fd, &ends.near, &ends.far));
	assert_in_range(second.next_tx_seq - first.next_tx_seq, 10, 40);
	if (ends.topology->variant->wire == WIRE_VETH)
		assert_true(second.next_rx_seq > first.next_rx_seq);

	assert_int_equal(find_connection4(fd, &ends.near, &ends.far) >= 0, is_v4(&ends.near));
	if (is_v4(&ends.near)) {
		c4 = RECORD(rds_info_connection, find_connection4(fd, &ends.near, &ends.far));
		expect_transport(c4->transport, transport);
		/* A late acknowledgement of our own takes a number, too. */
		assert_in_range(c4->next_tx_seq, second.next_tx_seq, second.next_tx_seq + 1);
		assert_int_equal(c4->tos, 0);
		assert_int_equal(c4->flags & ~RDS_INFO_CONNECTION_FLAG_SENDING,
				 RDS_INFO_CONNECTION_FLAG_CONNECTED);
	}
	close(fd);
}

/* A peer that does not answer: connecting, or waiting to try again; never connected. */
static void connections__to_nobody(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr nobody = nobody_home(ends.topology);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int fd = watcher(ends.topology, 0);
	bool connecting = false, down = false;
	unsigned int flags;

	send_pattern(ends.tx, 100, 1, &nobody);
	do {
		assert_false(deadline_over(&deadline));
		deadline_step();
		assert_true(find_connection6(fd, &ends.near, &nobody) >= 0);
		flags = RECORD(rds6_info_connection,
			       find_connection6(fd, &ends.near, &nobody))->flags;
		assert_int_equal(flags & RDS_INFO_CONNECTION_FLAG_CONNECTED, 0);
		connecting |= flags & RDS_INFO_CONNECTION_FLAG_CONNECTING;
		down |= !(flags & ~RDS_INFO_CONNECTION_FLAG_SENDING);
	} while (!connecting || !down);
	close(fd);
}

/* ---- messages ---- */

struct shown {
	uint64_t bytes;
	size_t count;
	uint64_t last_seq;
};

/* One lane has numbers of its own; what is to be sent has none until it is about to go. */
static void check_seq(struct shown *shown, int name, uint64_t seq)
{
	if (!seq && (name == RDS_INFO_SEND_MESSAGES || name == RDS6_INFO_SEND_MESSAGES))
		return;
	assert_true(seq > shown->last_seq);
	shown->last_seq = seq;
}

/* All records of a list that are between two ports; the rest of each must be as expected. */
static struct shown count_messages(int fd, int name, const union rds_addr *us,
				   const union rds_addr *them)
{
	struct shown shown = { 0 };
	size_t i;

	read_info(fd, name);
	for (i = 0; i < info.count; i++) {
		const struct rds6_info_message *m6 = RECORD(rds6_info_message, i);
		const struct rds_info_message *m4 = RECORD(rds_info_message, i);

		if (info.each == sizeof(*m6)) {
			if (ntohs(m6->lport) != rds_port(us) || ntohs(m6->fport) != rds_port(them))
				continue;
			assert_true(same6(&m6->laddr, us));
			assert_true(same6(&m6->faddr, them));
			assert_int_equal(m6->flags | m6->tos, 0);
			check_seq(&shown, name, m6->seq);
			shown.bytes += m6->len;
		} else {
			if (ntohs(m4->lport) != rds_port(us) || ntohs(m4->fport) != rds_port(them))
				continue;
			assert_int_equal(m4->laddr, us->in.sin_addr.s_addr);
			assert_int_equal(m4->faddr, them->in.sin_addr.s_addr);
			assert_int_equal(m4->flags | m4->tos, 0);
			check_seq(&shown, name, m4->seq);
			shown.bytes += m4->len;
		}
		shown.count++;
	}
	return shown;
}

static void expect_messages(int fd, const int names[2], const union rds_addr *us,
			    const union rds_addr *them, size_t count, uint64_t bytes)
{
	struct shown shown = count_messages(fd, names[1], us, them);

	assert_int_equal(shown.count, count);
	assert_int_equal(shown.bytes, bytes);
	shown = count_messages(fd, names[0], us, them);
	assert_int_equal(shown.count, is_v4(us) ? count : 0);
	assert_int_equal(shown.bytes, is_v4(us) ? bytes : 0);
}

static const int send_names[] = { RDS_INFO_SEND_MESSAGES, RDS6_INFO_SEND_MESSAGES };
static const int retrans_names[] = { RDS_INFO_RETRANS_MESSAGES, RDS6_INFO_RETRANS_MESSAGES };
static const int recv_names[] = { RDS_INFO_RECV_MESSAGES, RDS6_INFO_RECV_MESSAGES };

/* Row 93, and 34: a cancel empties it. */
static void messages__to_nobody(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	union rds_addr nobody = nobody_home(ends.topology);
	int fd = watcher(ends.topology, 0);

	send_pattern(ends.tx, 1000, 1, &nobody);
	send_pattern(ends.tx, 0, 1, &nobody);
	send_pattern(ends.tx, 50000, 2, &nobody);
	expect_messages(fd, send_names, &ends.near, &nobody, 3, 51000);
	expect_messages(fd, retrans_names, &ends.near, &nobody, 0, 0);
	assert_int_equal(setsockopt(ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &nobody,
				    rds_addr_len(&nobody)), 0);
	expect_messages(fd, send_names, &ends.near, &nobody, 0, 0);
	close(fd);
}

/* Row 93: what TCP has and the peer has not acknowledged is in the other list. */
static void messages__unacknowledged(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int fd = watcher(ends.topology, 0);

	send_pattern(ends.tx, 10, 1, &ends.far);
	receive_pattern(ends.rx, 10, 1, &ends.near);
	topology_blackhole(ends.topology, 0, true);
	send_pattern(ends.tx, 3000, 2, &ends.far);
	send_pattern(ends.tx, 4000, 3, &ends.far);
	while (count_messages(fd, retrans_names[1], &ends.near, &ends.far).bytes < 7000) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	expect_messages(fd, send_names, &ends.near, &ends.far, 0, 0);
	topology_blackhole(ends.topology, 0, false);
	receive_pattern(ends.rx, 3000, 2, &ends.near);
	receive_pattern(ends.rx, 4000, 3, &ends.near);
	close(fd);
}

static void messages__unread(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	size_t far_ns = ends.topology->count > 1 ? 1 : 0;
	int fd = watcher(ends.topology, far_ns);

	send_pattern(ends.tx, 3000, 2, &ends.far);
	send_pattern(ends.tx, 0, 2, &ends.far);
	send_pattern(ends.tx, 4000, 3, &ends.far);
	while (count_messages(fd, recv_names[1], &ends.far, &ends.near).count < 3) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	expect_messages(fd, recv_names, &ends.far, &ends.near, 3, 7000);
	receive_pattern(ends.rx, 3000, 2, &ends.near);
	expect_messages(fd, recv_names, &ends.far, &ends.near, 2, 4000);
	close(fd);
}

/* ---- TCP sockets ---- */

static void expect_tcp6(const struct rds6_info_tcp_socket *tcp, const struct ends *ends)
{
	assert_true(same6(&tcp->local_addr, &ends->near));
	assert_true(same6(&tcp->peer_addr, &ends->far));
	assert_true(ntohs(tcp->local_port) == RDS_TCP_PORT ||
		    ntohs(tcp->peer_port) == RDS_TCP_PORT);
	assert_int_equal(tcp->hdr_rem, 48);
	assert_int_equal(tcp->data_rem, 0);
}

static void expect_tcp4(const struct rds_info_tcp_socket *t4, const struct ends *ends)
{
	assert_int_equal(t4->local_addr, ends->near.in.sin_addr.s_addr);
	assert_int_equal(t4->peer_addr, ends->far.in.sin_addr.s_addr);
	assert_true(ntohs(t4->local_port) == RDS_TCP_PORT || ntohs(t4->peer_port) == RDS_TCP_PORT);
	assert_int_equal(t4->hdr_rem, 48);
	assert_int_equal(t4->data_rem, 0);
	assert_int_equal(t4->tos, 0);
}

/*
 * Row 94, and the sequence numbers once all is acknowledged. Frames of the module's own may come
 * and go at any time, so the two lists are read until they are of the same moment, and between
 * frames. An acknowledgement of deliveries in a frame of its own is not among what is expected, and
 * may be seen.
 */
static void tcp__after_traffic(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct rds_info_tcp_socket t4 = {};
	struct rds6_info_tcp_socket tcp;
	int fd = watcher(ends.topology, 0);
	bool v4 = is_v4(&ends.near);

	read_info(fd, RDS6_INFO_TCP_SOCKETS);
	assert_int_equal(info.count, 0);
	send_pattern(ends.tx, 3000, 1, &ends.far);
	receive_pattern(ends.rx, 3000, 1, &ends.near);
	do {
		assert_false(deadline_over(&deadline));
		deadline_step();
		read_info(fd, RDS6_INFO_TCP_SOCKETS);
		assert_true(info.count >= 1);
		assert_int_equal(info.count, diag_count(&ends.topology->ns[0], RDS_TCP_PORT));
		tcp = *RECORD(rds6_info_tcp_socket, 0);
		read_info(fd, RDS_INFO_TCP_SOCKETS);
		assert_int_equal(info.count > 0, v4);
		if (v4)
			t4 = *RECORD(rds_info_tcp_socket, 0);
	} while ((int32_t)(tcp.last_seen_una - tcp.last_expected_una) < 0 || tcp.hdr_rem != 48 ||
		 (v4 && (t4.last_sent_nxt != tcp.last_sent_nxt || t4.hdr_rem != 48)));
	expect_tcp6(&tcp, &ends);
	/* The last message was ours, header and all, or a smaller one of the module's own. */
	assert_in_range(tcp.last_expected_una - tcp.last_sent_nxt, 48, 3048);
	if (v4) {
		expect_tcp4(&t4, &ends);
		assert_int_equal(t4.local_port, tcp.local_port);
		assert_int_equal(t4.peer_port, tcp.peer_port);
		assert_int_equal(t4.last_expected_una, tcp.last_expected_una);
	}
	close(fd);
}

static atomic_bool enough;

static void *kill_all_the_time(void *argument)
{
	const struct ends *ends = argument;

	while (!enough) {
		diag_kill(&ends->topology->ns[1], RDS_TCP_PORT);
		sched_yield();
	}
	return NULL;
}

static void expect_tcp_ends(const struct ends *ends)
{
	const struct rds6_info_tcp_socket *tcp;
	size_t i;

	for (i = 0; i < info.count; i++) {
		tcp = RECORD(rds6_info_tcp_socket, i);
		assert_true(same6(&tcp->local_addr, &ends->near));
		assert_true(same6(&tcp->peer_addr, &ends->far));
		assert_true(ntohs(tcp->local_port) == RDS_TCP_PORT ||
			    ntohs(tcp->peer_port) == RDS_TCP_PORT);
	}
}

#define DIALS 1000

/* One that is being made has the address and the port it goes to. The smaller address dials. */
static void tcp__while_it_is_dialled(void **state)
{
	struct ends ends = ends_open(state);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	const struct netns *ns = &ends.topology->ns[0];
	int fd = watcher(ends.topology, 0);
	struct counters before;
	pthread_t killer;
	size_t i;

	assert_int_equal(counters_read(ns, &before), 0);
	enough = false;
	assert_int_equal(pthread_create(&killer, NULL, kill_all_the_time, &ends), 0);
	while (counter_moved(ns, &before, "tcp_connects") < DIALS) {
		rds_send(ends.tx, "hello", 5, &ends.far, MSG_DONTWAIT);
		for (i = 0; i < 100; i++) {
			read_short_info(fd, RDS6_INFO_TCP_SOCKETS, 4096);
			expect_tcp_ends(&ends);
		}
		assert_false(deadline_over(&deadline));
	}
	enough = true;
	pthread_join(killer, NULL);
	close(fd);
}

/* ---- namespaces ---- */

static void leave_unacknowledged(const struct ends *ends)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int fd = watcher(ends->topology, 0);

	topology_blackhole(ends->topology, 0, true);
	send_pattern(ends->tx, 3000, 3, &ends->far);
	while (!count_messages(fd, retrans_names[1], &ends->near, &ends->far).count) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	close(fd);
}

/* Row 96: who is elsewhere sees nothing of ours, in no list. */
static void namespace__sees_only_itself(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr nobody = nobody_home(ends.topology);
	struct netns other;
	uint64_t inode;
	size_t i, j;
	int fd;

	send_pattern(ends.tx, 1000, 1, &nobody);	/* to be sent */
	send_pattern(ends.tx, 1000, 2, &ends.far);	/* unread */
	assert_true(rds_wait(ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	if (ends.topology->variant->wire == WIRE_VETH)
		leave_unacknowledged(&ends);
	assert_int_equal(netns_create(&other), 0);
	fd = netns_in(&other, rds_socket());
	assert_true(fd >= 0);
	inode = inode_of(fd);
	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		read_info(fd, kinds[i].name);
		if (kinds[i].name == RDS_INFO_COUNTERS) {
			for (j = 0; j < info.count; j++)
				assert_int_equal(RECORD(rds_info_counter, j)->value, 0);
		} else if (kinds[i].name == RDS6_INFO_SOCKETS) {
			assert_int_equal(info.count, 1);
			assert_int_equal(RECORD(rds6_info_socket, 0)->inum, inode);
		} else {
			assert_int_equal(info.count, 0);
		}
	}
	close(fd);
	netns_destroy(&other);
	receive_pattern(ends.rx, 1000, 2, &ends.near);
	if (ends.topology->variant->wire == WIRE_VETH) {
		topology_blackhole(ends.topology, 0, false);
		receive_pattern(ends.rx, 3000, 3, &ends.near);
	}
}

/* ---- everything at once ---- */

static void *open_and_close(void *argument)
{
	const struct ends *ends = argument;
	union rds_addr addr;
	int fd;

	netns_enter(&ends->topology->ns[0]);
	while (!enough) {
		fd = rds_socket();
		addr = rds_addr_port(&ends->near, 0);
		if (rds_bind(fd, &addr) || rds_connect(fd, &ends->far))
			abort();
		rds_send(fd, "x", 1, NULL, MSG_DONTWAIT);
		close(fd);
	}
	return NULL;
}

static void *kill_connections(void *argument)
{
	const struct ends *ends = argument;
	struct timespec pause = { .tv_nsec = 20000000 };

	while (!enough) {
		diag_kill(&ends->topology->ns[1], RDS_TCP_PORT);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/*
 * Lists are read while sockets, messages and connections come and go; the kernel has to stay calm.
 */
static void all__while_everything_changes(void **state)
{
	struct ends ends = ends_open(state);
	struct deadline deadline = deadline_in(3000), latest = deadline_in(DEADLINE_USUAL_MS);
	int fd = watcher(ends.topology, 0);
	pthread_t threads[2];
	uint32_t sent = 0, got = 0;
	size_t i;

	enough = false;
	assert_int_equal(pthread_create(&threads[0], NULL, open_and_close, &ends), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, kill_connections, &ends), 0);
	while (!deadline_over(&deadline) || (!got && !deadline_over(&latest))) {
		sent += rds_send(ends.tx, "hello", 5, &ends.far, MSG_DONTWAIT) == 5;
		for (i = 0; i < ARRAY_SIZE(kinds); i++)
			read_info(fd, kinds[i].name);
		while (rds_recv(ends.rx, info.bytes, 5, NULL, MSG_DONTWAIT) > 0)
			got++;
	}
	enough = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	/* How many arrive is another test's business: connections were killed. */
	assert_true(sent > 0 && got > 0);
	close(fd);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "info" };

	SUITE_ADD(&suite, call__length_protocol, variants_basic);
	SUITE_ADD(&suite, call__length_protocol, variants_any_nobody);
	SUITE_ADD(&suite, call__lists_that_do_not_exist, variants_one_each);
	SUITE_ADD(&suite, call__bad_buffers, variants_one_each);
	SUITE_ADD(&suite, sockets__bound_and_connected, variants_basic);
	SUITE_ADD(&suite, sockets__unbound, variants_one_each);
	SUITE_ADD(&suite, sockets__many, variants_one);
	SUITE_ADD(&suite, connections__after_traffic, variants_basic);
	SUITE_ADD(&suite, connections__to_nobody, variants_wire);
	SUITE_ADD(&suite, messages__to_nobody, variants_wire);
	SUITE_ADD(&suite, messages__unacknowledged, variants_wire);
	SUITE_ADD(&suite, messages__unread, variants_basic);
	SUITE_ADD(&suite, tcp__after_traffic, variants_wire);
	SUITE_ADD(&suite, tcp__while_it_is_dialled, variants_one);
	SUITE_ADD(&suite, namespace__sees_only_itself, variants_basic);
	SUITE_ADD(&suite, all__while_everything_changes, variants_wire);
	return suite_run(&suite, argc, argv);
}
