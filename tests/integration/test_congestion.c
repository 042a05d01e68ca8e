// SPDX-License-Identifier: GPL-2.0
/* Congestion: a receiver that does not read, and what its senders are told. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "counters.h"
#include "diag.h"
#include "ends.h"
#include "pattern.h"
#include "suite.h"

#define PIECE 16384

static unsigned char data[65536];

static void drain(struct ends *ends, uint32_t first, uint32_t count)
{
	uint32_t i;

	for (i = first; i < first + count; i++)
		receive_pattern(ends->rx, PIECE, i, &ends->near);
}

/* Waits until a non-blocking send is taken again. */
static void send_soon(struct ends *ends, uint32_t seed)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	pattern_fill(data, PIECE, seed);
	while (rds_send(ends->tx, data, PIECE, &ends->far, MSG_DONTWAIT) != PIECE) {
		assert_true(errno == ENOBUFS || errno == EAGAIN);
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

/* Rows 78 and 82. */
static void full__enobufs_then_clears(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	struct counters before;
	uint32_t sent;

	assert_int_equal(counters_read(ns, &before), 0);
	sent = ends_fill(&ends, PIECE);
	/* Not before the receiver holds more than its buffer. */
	assert_true(sent * PIECE > RDS_DEFAULT_SPACE);
	assert_int_equal(counter_moved(ns, &before, "cong_send_error"), 1);
	assert_true(rds_wait(ends.tx, POLLOUT, deadline_in(DEADLINE_USUAL_MS)) & POLLOUT);
	assert_fails(rds_send(ends.tx, data, 0, &ends.far, MSG_DONTWAIT), ENOBUFS);
	/* Above half of the buffer the bit stays. */
	drain(&ends, 0, 1);
	assert_fails(rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT), ENOBUFS);
	drain(&ends, 1, sent - 1);
	send_soon(&ends, sent);
	drain(&ends, sent, 1);
}

/* ENOBUFS means congestion: another port of the same receiver is not concerned. */
static void full__other_ports_are_free(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr other;
	int rx = topology_far(ends.topology, &other);
	uint32_t sent = ends_fill(&ends, PIECE);

	send_pattern(ends.tx, 100, 5, &other);
	receive_pattern(rx, 100, 5, &ends.near);
	drain(&ends, 0, sent);
}

struct blocked {
	pthread_t thread;
	struct ends *ends;
	ssize_t rc;
	int error;
	atomic_bool done;
};

static void *send_blocking(void *argument)
{
	static unsigned char piece[PIECE];
	struct blocked *blocked = argument;

	pattern_fill(piece, PIECE, 60000);
	blocked->rc = rds_send(blocked->ends->tx, piece, PIECE, &blocked->ends->far, 0);
	blocked->error = errno;
	blocked->done = true;
	return NULL;
}

static void full__blocking_sender_sleeps_and_wakes(void **state)
{
	struct timespec pause = { .tv_nsec = 300000000 };
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	struct blocked blocked = { .ends = &ends };
	struct counters before;
	uint32_t sent = ends_fill(&ends, PIECE);

	assert_int_equal(rds_set_timeouts(ends.tx, 0), 0);	/* nothing else wakes it */
	assert_int_equal(counters_read(ns, &before), 0);
	assert_int_equal(pthread_create(&blocked.thread, NULL, send_blocking, &blocked), 0);
	assert_true(counter_wait(ns, &before, "cong_send_blocked", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	nanosleep(&pause, NULL);
	assert_false(blocked.done);
	drain(&ends, 0, sent);
	pthread_join(blocked.thread, NULL);
	assert_int_equal(blocked.rc, PIECE);
	receive_pattern(ends.rx, PIECE, 60000, &ends.near);
}

/* Section 14, row 16. */
static void full__blocking_sender_has_a_timeout(void **state)
{
	struct timeval limit = { .tv_usec = 200000 };
	struct ends ends = ends_open(state);
	uint32_t sent = ends_fill(&ends, PIECE);
	uint64_t start;

	assert_int_equal(setsockopt(ends.tx, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	start = clock_ms();
	assert_fails(rds_send(ends.tx, data, PIECE, &ends.far, 0), ETIMEDOUT);
	assert_in_range(clock_ms() - start, AT_LEAST_MS(200), 5000 * time_scale());
	drain(&ends, 0, sent);
}

/* Row 83. */
static void close__of_a_full_receiver_clears_its_port(void **state)
{
	struct ends ends = ends_open(state);

	ends_fill(&ends, PIECE);
	topology_close(ends.topology, ends.rx);
	send_soon(&ends, 1);
	ends.rx = topology_socket(ends.topology, topology_far_ns(ends.topology, 0), &ends.far);
	send_soon(&ends, 2);
}

/* One recvmsg with control room; returns the 64-bit mask of a notification, 0 if there is none. */
static uint64_t notification(int fd, size_t room, ssize_t *rc)
{
	union {
		char space[128];
		struct cmsghdr align;
	} control = { 0 };
	union rds_addr from;
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof(from),
		.msg_control = room ? &control : NULL, .msg_controllen = room,
	};
	struct cmsghdr *cmsg;
	uint64_t mask = 0;

	*rc = recvmsg(fd, &message, MSG_DONTWAIT);
	cmsg = *rc < 0 ? NULL : CMSG_FIRSTHDR(&message);
	if (!cmsg)
		return 0;
	assert_int_equal(message.msg_namelen, 0);
	assert_int_equal(cmsg->cmsg_level, SOL_RDS);
	assert_int_equal(cmsg->cmsg_type, RDS_CMSG_CONG_UPDATE);
	assert_int_equal(cmsg->cmsg_len, CMSG_LEN(8));
	memcpy(&mask, CMSG_DATA(cmsg), sizeof(mask));
	return mask;
}

/* Row 79. */
static void monitor__tells_which_group_cleared(void **state)
{
	struct ends ends = ends_open(state);
	uint32_t sent;
	uint64_t mask;
	ssize_t rc;

	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 1), 0);
	sent = ends_fill(&ends, PIECE);
	drain(&ends, 0, sent);
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	mask = notification(ends.tx, 128, &rc);
	assert_int_equal(rc, 0);
	assert_true(mask & (1ull << rds_port(&ends.far) % 64));
	assert_int_equal(notification(ends.tx, 128, &rc), 0);
	assert_int_equal(rc, -1);
	send_soon(&ends, sent);
	drain(&ends, sent, 1);
}

/* Section 16: without room it waits, and nothing is lost. */
static void monitor__without_control_room_it_stays(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	struct counters before;
	uint32_t sent;
	ssize_t rc;

	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 1), 0);
	sent = ends_fill(&ends, PIECE);
	drain(&ends, 0, sent);
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	assert_int_equal(counters_read(ns, &before), 0);
	notification(ends.tx, 0, &rc);
	assert_int_equal(rc, -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(counter_moved(ns, &before, "cong_notify_no_room") >= 1);
	assert_true(notification(ends.tx, 128, &rc) != 0);
	assert_int_equal(rc, 0);
}

/*
 * The same for a call that may block: it does not take what it cannot be given for a reason to end.
 */
static void monitor__without_control_room_a_reader_sleeps(void **state)
{
	struct ends ends = ends_open(state);
	uint32_t sent;
	ssize_t rc;

	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 1), 0);
	sent = ends_fill(&ends, PIECE);
	drain(&ends, 0, sent);
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	assert_int_equal(rds_set_timeouts(ends.tx, 200), 0);
	assert_fails(rds_recv(ends.tx, data, 1, NULL, 0), ETIMEDOUT);
	assert_true(notification(ends.tx, 128, &rc) != 0);
}

/*
 * Row 81, second half, and section 14, row 15. In monitor mode there is something to read; without
 * it there is not, but a sender who waits to write is woken.
 */
static void epoll_sender(struct ends *ends, bool monitor)
{
	struct epoll_event event = { .events = (monitor ? EPOLLIN : EPOLLOUT) | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	uint32_t sent;

	assert_int_equal(rds_set(ends->tx, SOL_RDS, RDS_CONG_MONITOR, monitor), 0);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends->tx, &event), 0);
	sent = ends_fill(ends, PIECE);
	/* Whoever is woken for another reason tries again, as programs do. */
	while (epoll_wait(epoll, &event, 1, 100) == 1)
		assert_fails(rds_send(ends->tx, data, PIECE, &ends->far, MSG_DONTWAIT), ENOBUFS);
	drain(ends, 0, sent);
	assert_int_equal(epoll_wait(epoll, &event, 1, DEADLINE_USUAL_MS * (int)time_scale()), 1);
	send_soon(ends, sent);
	drain(ends, sent, 1);
	close(epoll);
}

static void epoll__sender_wakes_in_monitor_mode(void **state)
{
	struct ends ends = ends_open(state);

	epoll_sender(&ends, true);
}

static void epoll__sender_wakes_without_monitor_mode(void **state)
{
	struct ends ends = ends_open(state);

	epoll_sender(&ends, false);
}

/* Messages of no bytes take memory too: they must not grow a receiver without bound. */
static void full__empty_messages_count(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = topology_far_ns(ends.topology, 0);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint32_t sent = 0, i;
	struct counters before;

	topology_sysctl(ends.topology, "rcv_mem_max", 1 << 20);
	assert_int_equal(counters_read(ns, &before), 0);
	for (;;) {
		if (!rds_send(ends.tx, NULL, 0, &ends.far, MSG_DONTWAIT)) {
			sent++;
		} else {
			assert_true(errno == ENOBUFS || errno == EAGAIN);
			if (errno == ENOBUFS || counter_moved(ns, &before, "recv_paused"))
				break;
			deadline_step();
		}
		assert_false(deadline_over(&deadline));
		if (sent > 1000000)
			fail_msg("a million empty messages and no end");
	}
	for (i = 0; i < sent; i++)
		assert_int_equal(rds_recv(ends.rx, data, 1, NULL, 0), 0);
}

/*
 * Somebody who never stops sending nothing: what is accepted stays bounded, on both sides. As many
 * tries as count= says; a million takes half a minute under emulation.
 */
static void full__empty_messages_without_end(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = topology_far_ns(ends.topology, 0);
	long tries = suite_argument("count", 100000), sent = 0, i;
	struct counters before;
	int left;

	assert_int_equal(counters_read(ns, &before), 0);
	for (i = 0; i < tries; i++) {
		if (!rds_send(ends.tx, NULL, 0, &ends.far, MSG_DONTWAIT))
			sent++;
		else
			assert_true(errno == ENOBUFS || errno == EAGAIN);
	}
	/* Room for 65536 at the sender, eight times the buffer's bytes at the receiver. */
	assert_in_range(sent, 100, 65536 + 20000);
	assert_true(counter_moved(ns, &before, "recv_queued") <= (uint64_t)sent);
	assert_int_equal(ioctl(ends.tx, SIOCOUTQ, &left), 0);
	assert_int_equal(left, 0);
	while (sent--)
		assert_int_equal(rds_recv(ends.rx, data, 1, NULL, 0), 0);
	assert_fails(rds_recv(ends.rx, data, 1, NULL, MSG_DONTWAIT), EAGAIN);
	send_soon(&ends, 1);
	drain(&ends, 1, 1);
}

/* ---- what is full is not the receiver ---- */

#define QUEUE_MAX 65536		/* messages that a socket may have queued, whatever their size */
#define BATCH 1024		/* as many as one sendmmsg() takes */

static void send_empty_batch(int fd, union rds_addr *to)
{
	static struct mmsghdr many[BATCH];
	size_t i;

	for (i = 0; i < BATCH; i++) {
		many[i].msg_hdr.msg_name = to;
		many[i].msg_hdr.msg_namelen = rds_addr_len(to);
	}
	assert_int_equal(sendmmsg(fd, many, BATCH, MSG_DONTWAIT), BATCH);
}

/* Bytes do not limit messages of none; their number does, until some are taken back. */
static void full__a_socket_has_so_many_queued(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	union rds_addr nobody = nobody_home(ends.topology);
	struct counters before;
	uint32_t sent;

	assert_int_equal(counters_read(ns, &before), 0);
	for (sent = 0; sent < QUEUE_MAX; sent += BATCH)
		send_empty_batch(ends.tx, &nobody);
	assert_fails(rds_send(ends.tx, NULL, 0, &nobody, MSG_DONTWAIT), EAGAIN);
	/* The limit is the socket's: no other peer is an exception, but another socket is. */
	assert_fails(rds_send(ends.tx, NULL, 0, &ends.far, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(rds_send(ends.rx, NULL, 0, &nobody, MSG_DONTWAIT), 0);
	assert_int_equal(rds_wait(ends.tx, POLLOUT, deadline_in(0)) & POLLOUT, 0);
	assert_int_equal(rds_set_timeouts(ends.tx, 50), 0);
	assert_fails(rds_send(ends.tx, NULL, 0, &nobody, 0), ETIMEDOUT);
	assert_int_equal(counter_moved(ns, &before, "send_queued"), QUEUE_MAX);
	assert_int_equal(counter_moved(ns, &before, "send_queue_full"), 3);
	assert_int_equal(counter_moved(ns, &before, "send_refused_full"), 3);
	assert_int_equal(setsockopt(ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &nobody,
				    rds_addr_len(&nobody)), 0);
	assert_true(rds_wait(ends.tx, POLLOUT, deadline_in(DEADLINE_USUAL_MS)) & POLLOUT);
	assert_int_equal(rds_send(ends.tx, NULL, 0, &nobody, MSG_DONTWAIT), 0);
}

#define SENDERS 8
#define DEPTH 64
#define SMALL 1024

/* Sends until EAGAIN; returns how many were sent. */
static uint32_t send_until_eagain(const struct ends *ends, int fd, bool zerocopy)
{
	uint32_t sent = 0;
	ssize_t rc;

	do {
		rc = zerocopy ?
			rds_send_zc(fd, data, SMALL, &ends->far, sent, MSG_DONTWAIT) :
			rds_send(fd, data, SMALL, &ends->far, MSG_DONTWAIT);
		sent += rc == SMALL;
	} while (rc == SMALL);
	assert_int_equal(rc, -1);
	assert_int_equal(errno, EAGAIN);
	return sent;
}

/*
 * Many sockets, as many cookies out as there may be, full send buffers, a dead link, a reader that
 * is late: nothing of it is ENOBUFS while the receiver's buffer holds it all.
 */
static void room__nothing_else_is_enobufs(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	struct counters before;
	uint32_t sent = 0, i;
	union rds_addr addr;
	int fd[SENDERS];

	topology_sysctl(ends.topology, "max_completions", DEPTH);
	assert_int_equal(rds_set_buffers(ends.rx, 0, 16 << 20), 0);
	ends_there_and_back(&ends, 100, 1);
	topology_blackhole(ends.topology, 0, true);
	assert_int_equal(counters_read(ns, &before), 0);
	for (i = 0; i < SENDERS; i++) {
		fd[i] = topology_near(ends.topology, &addr);
		assert_int_equal(rds_set(fd[i], SOL_SOCKET, SO_ZEROCOPY, 1), 0);
		assert_int_equal(send_until_eagain(&ends, fd[i], true), DEPTH);
		sent += DEPTH + send_until_eagain(&ends, fd[i], false);
	}
	assert_int_equal(counter_moved(ns, &before, "send_refused_completions"), SENDERS);
	assert_int_equal(counter_moved(ns, &before, "send_refused_full"), SENDERS);
	topology_blackhole(ends.topology, 0, false);
	for (i = 0; i < sent; i++)
		assert_int_equal(rds_recv(ends.rx, data, sizeof(data), NULL, 0), SMALL);
	/* With room again, cookies alone hold them back. */
	for (i = 0; i < SENDERS; i++)
		assert_int_equal(send_until_eagain(&ends, fd[i], true), 0);
	assert_int_equal(counter_moved(ns, &before, "cong_send_error"), 0);
}

/* ---- the map on the wire, seen and sent by a plain TCP socket ---- */

#define HEADER 48
#define MAP_BYTES 8192
#define FLAG_MAP 1

struct frame {
	unsigned char header[HEADER];
	uint32_t length;
	unsigned char payload[65536];
};

static struct frame frame;

static int tcp_listener(const struct topology *topology)
{
	union rds_addr addr = rds_addr_port(&topology->far[0], RDS_TCP_PORT);
	int fd = netns_in(&topology->ns[1], socket(addr.sa.sa_family, SOCK_STREAM, 0)), one = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	assert_int_equal(bind(fd, &addr.sa, rds_addr_len(&addr)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void read_all(int fd, void *buffer, size_t length)
{
	size_t got = 0;

	while (got < length) {
		ssize_t rc;

		assert_true(rds_wait(fd, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
		rc = read(fd, (char *)buffer + got, length - got);
		assert_true(rc > 0);
		got += (size_t)rc;
	}
}

/* Length is at 16, big-endian, flags at 24. */
static void read_frame(int fd)
{
	uint32_t length;

	read_all(fd, frame.header, HEADER);
	memcpy(&length, frame.header + 16, sizeof(length));
	frame.length = ntohl(length);
	assert_true(frame.length <= sizeof(frame.payload));
	read_all(fd, frame.payload, frame.length);
}

static void read_map(int fd)
{
	do
		read_frame(fd);
	while (frame.header[24] != FLAG_MAP);
	assert_int_equal(frame.length, MAP_BYTES);
}

static void write_frame(int fd, uint32_t seq, uint16_t port, unsigned char flags,
			const void *payload,
			uint32_t length)
{
	unsigned char header[HEADER] = { 0 };
	uint32_t be_length = htonl(length), be_seq = htonl(seq);
	uint16_t be_port = htons(port);

	memcpy(header + 4, &be_seq, 4);
	memcpy(header + 16, &be_length, 4);
	header[21] = 9;
	memcpy(header + 22, &be_port, 2);
	header[24] = flags;
	assert_int_equal(write(fd, header, HEADER), HEADER);
	assert_int_equal(write(fd, payload, length), length);
}

/* Our first message makes the module connect to the peer that we are; its first frame is a map. */
static int raw_peer(struct ends *ends, int listener)
{
	int fd;

	send_pattern(ends->tx, 10, 1, &ends->far);
	assert_true(rds_wait(listener, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	fd = accept(listener, NULL, NULL);
	assert_true(fd >= 0);
	return fd;
}

static void expect_map(int fd, int port)
{
	int i, want;

	read_map(fd);
	for (i = 0; i < MAP_BYTES; i++) {
		want = i == port >> 3 ? 1 << (port & 7) : 0;
		assert_int_equal(frame.payload[i], want);
	}
}

/* rds-wire.md section 8: port p is bit p & 7 of byte p >> 3; row 15 of its section 16. */
static void map__bits_that_we_send(void **state)
{
	struct ends ends = { .topology = *state };
	int listener = tcp_listener(ends.topology), fd;
	static unsigned char piece[16384];
	uint32_t i;

	ends.near = rds_addr_port(&ends.topology->near[0], 4003);
	ends.tx = topology_socket(ends.topology, &ends.topology->ns[0], &ends.near);
	ends.far = rds_addr_port(&ends.topology->far[0], 9);
	fd = raw_peer(&ends, listener);
	expect_map(fd, -8);
	for (i = 1; i <= 7; i++)	/* seven of them are more than the default buffer */
		write_frame(fd, i, 4003, 0, piece, sizeof(piece));
	expect_map(fd, 4003);
	for (i = 1; i <= 7; i++)
		assert_int_equal(rds_recv(ends.tx, data, sizeof(data), NULL, 0), sizeof(piece));
	expect_map(fd, -8);
	close(fd);
	close(listener);
}

static bool congested(struct ends *ends, uint16_t port)
{
	union rds_addr to = rds_addr_port(&ends->far, port);

	if (!rds_send(ends->tx, NULL, 0, &to, MSG_DONTWAIT))
		return false;
	assert_int_equal(errno, ENOBUFS);
	return true;
}

static void map__bits_that_we_read(void **state)
{
	struct ends ends = { .topology = *state };
	int listener = tcp_listener(ends.topology), fd;
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	unsigned char map[MAP_BYTES] = { 0 };
	uint16_t port;

	ends.tx = topology_near(ends.topology, &ends.near);
	ends.far = rds_addr_port(&ends.topology->far[0], 9);
	fd = raw_peer(&ends, listener);
	map[4005 >> 3] = 1 << (4005 & 7);
	map[8191] = 0x80;
	write_frame(fd, 0, 0, FLAG_MAP, map, sizeof(map));
	while (!congested(&ends, 4005)) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	for (port = 3990; port < 4020; port++)
		assert_int_equal(congested(&ends, port), port == 4005);
	assert_true(congested(&ends, 65535));
	assert_false(congested(&ends, 65534));
	map[4005 >> 3] = 0;
	write_frame(fd, 0, 0, FLAG_MAP, map, sizeof(map));
	while (congested(&ends, 4005)) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	assert_true(congested(&ends, 65535));
	close(fd);
	close(listener);
}

static const struct variant variants_small[] = {
	{ "veth v4", WIRE_VETH, 0, 0, 0, 0 },
	{ "veth v6", WIRE_VETH, 1, 0, 0, 0 },
	{ 0 }
};

static const struct variant variants_loop_and_wire[] = {
	{ "veth v4", WIRE_VETH, 0, 0, 0, 0 },
	{ "own address", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ 0 }
};

/*
 * Maps go by lane 0, one after the other, and one that is due stays due whatever becomes of a lane:
 * each is reset just before the reader makes room, and just after that.
 */
static void map__comes_though_lanes_are_reset(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = topology_far_ns(ends.topology, 0);
	unsigned int round;
	uint32_t sent;

	ends_there_and_back(&ends, 100, 1);
	for (round = 0; round < 2 * DIAG_LANES; round++) {
		assert_true(diag_wait_lanes(ns, RDS_TCP_PORT, &ends.far));
		sent = ends_fill(&ends, PIECE);
		if (round % 2)
			drain(&ends, 0, sent);
		assert_true(diag_kill_lane(ns, RDS_TCP_PORT, round / 2) >= 1);
		if (round % 2 == 0)
			drain(&ends, 0, sent);
		send_soon(&ends, sent);
		drain(&ends, sent, 1);
	}
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "congestion" };

	SUITE_ADD(&suite, full__enobufs_then_clears, variants_basic);
	SUITE_ADD(&suite, full__enobufs_then_clears, variants_any_nobody);
	SUITE_ADD(&suite, full__other_ports_are_free, variants_any_each);
	SUITE_ADD(&suite, full__blocking_sender_sleeps_and_wakes, variants_basic);
	SUITE_ADD(&suite, full__blocking_sender_has_a_timeout, variants_any_each);
	SUITE_ADD(&suite, close__of_a_full_receiver_clears_its_port, variants_basic);
	SUITE_ADD(&suite, monitor__tells_which_group_cleared, variants_any_each);
	SUITE_ADD(&suite, monitor__without_control_room_it_stays, variants_any_each);
	SUITE_ADD(&suite, epoll__sender_wakes_in_monitor_mode, variants_any_each);
	SUITE_ADD(&suite, epoll__sender_wakes_without_monitor_mode, variants_any_each);
	SUITE_ADD(&suite, monitor__without_control_room_a_reader_sleeps, variants_any_each);
	SUITE_ADD(&suite, full__empty_messages_count, variants_one);
	SUITE_ADD(&suite, full__empty_messages_without_end, variants_loop_and_wire);
	SUITE_ADD(&suite, full__a_socket_has_so_many_queued, variants_one);
	SUITE_ADD(&suite, room__nothing_else_is_enobufs, variants_wire_each);
	SUITE_ADD(&suite, map__bits_that_we_send, variants_small);
	SUITE_ADD(&suite, map__bits_that_we_read, variants_small);
	SUITE_ADD(&suite, map__comes_though_lanes_are_reset, variants_wire);
	return suite_run(&suite, argc, argv);
}
