// SPDX-License-Identifier: GPL-2.0
/*
 * Frame by frame against a peer of plain TCP sockets in a second namespace, in both roles: what we
 * send, byte by byte, and what becomes of everything that a peer could send. A row of the hostile
 * table ends in the drop that docs/protocol.md says, and moves its counter by one. Peers that
 * connect and never send a first header, in any number and from many addresses, are in test_gate.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "cred.h"
#include "diag.h"
#include "ends.h"
#include "link.h"
#include "module.h"
#include "pattern.h"
#include "suite.h"
#include "watch.h"
#include "wire_peer.h"
#include "zc.h"

/* The module has the smaller address and dials, or the larger one and is dialled. */
static const struct variant roles[] = {
	{ "we dial", WIRE_VETH, 0, 0, 0, 0 },
	{ "we dial, v6", WIRE_VETH, 1, 0, 0, 0 },
	{ "the peer dials", WIRE_VETH, 0, 1, 0, 0 },
	{ "the peer dials, v6", WIRE_VETH, 1, 1, 0, 0 },
	{ 0 }
};

static const struct variant dialling[] = {
	{ "we dial", WIRE_VETH, 0, 0, 0, 0 },
	{ 0 }
};

static const struct variant dialled[] = {
	{ "the peer dials", WIRE_VETH, 0, 1, 0, 0 },
	{ 0 }
};

static const struct variant each[] = {
	{ "we dial", WIRE_VETH, 0, 0, 0, 0 },
	{ "the peer dials", WIRE_VETH, 0, 1, 0, 0 },
	{ 0 }
};

static const struct variant each_by_each[] = {
	{ "we dial, root", WIRE_VETH, 0, 0, 0, 0 },
	{ "we dial, nobody", WIRE_VETH, 0, 0, 1, 0 },
	{ "the peer dials, root", WIRE_VETH, 0, 1, 0, 0 },
	{ "the peer dials, nobody", WIRE_VETH, 0, 1, 1, 0 },
	{ 0 }
};

/* ---- what we send ---- */

static void assert_zero_fields(const struct frame *frame)
{
	assert_true(frame->ack == 0);
	assert_int_equal(frame->credit, 0);
	assert_int_equal(frame->padding, 0);
	assert_int_equal(frame->csum, 0);
}

static void assert_no_extension(const struct frame *frame)
{
	static const uint8_t none[FRAME_EXT];

	assert_memory_equal(frame->ext, none, FRAME_EXT);
}

/* What in-tree parsers would read before they stop; they warn of, or misread, everything else. */
static void assert_harmless_extension(const struct frame *frame, struct frame_hello *hello)
{
	assert_true(frame_hello(frame->ext, hello));
	assert_true(hello->private_type == 0 || hello->private_type >= 16);
}

/*
 * Rows 1, 7 and 10: map, then the handshake; 1 path, a generation, private things last. The first
 * number is that of the clock; in-tree's is 1 (test_intree_wire/row5_what_in_tree_sends).
 */
static void opening__map_and_handshake(void **state)
{
	struct peer peer = peer_open(state);
	time_t began = time(NULL);
	struct frame_hello hello;
	struct frame frame;
	size_t i;

	peer_connect(&peer);
	assert_int_equal(wire_send_map(peer.fd), 0);
	assert_int_equal(wire_receive(peer.fd, &frame, peer_in, soon()), 0);
	assert_int_equal(frame.flags, FRAME_MAP);
	assert_true(frame.seq == 0);
	assert_int_equal(frame.len, FRAME_MAP_BYTES);
	assert_int_equal(frame.sport, 0);
	assert_int_equal(frame.dport, 0);
	assert_zero_fields(&frame);
	assert_harmless_extension(&frame, &hello);
	for (i = 0; i < FRAME_MAP_BYTES; i++)
		assert_int_equal(peer_in[i], 0);

	assert_int_equal(wire_receive(peer.fd, &frame, peer_in, soon()), 0);
	assert_true(frame_is_hello(&frame));
	assert_int_equal(frame.flags, 0);
	assert_int_equal(frame.len, 0);
	assert_in_range(frame.seq >> 24, began, time(NULL));
	assert_zero_fields(&frame);
	assert_harmless_extension(&frame, &hello);
	assert_int_equal(hello.npaths, 1);
	assert_true(hello.gen_num != 0);
	assert_int_equal(frame.ext[0], 5);
}

static void expect_message(struct peer *peer, struct frame *frame, size_t length, uint32_t seed)
{
	peer_next_message(peer, frame);
	assert_int_equal(frame->len, length);
	assert_int_equal(frame->sport, rds_port(&peer->near));
	assert_int_equal(frame->dport, PEER_PORT);
	assert_zero_fields(frame);
	assert_no_extension(frame);
	assert_int_equal(pattern_check(peer_in, length, seed), -1);
}

/* Rows 1 and 17: sizes and sequence numbers, header fields that are all zero. */
static void messages__byte_by_byte(void **state)
{
	static const size_t sizes[] = { 64, 0, 1, 4095, 4096, 4097, 65536, 1 << 20, 64 };
	struct peer peer = peer_up(state);
	struct frame frame;
	uint64_t last = 0;
	size_t i;

	assert_int_equal(rds_set_buffers(peer.rds, 4 << 20, 4 << 20), 0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		peer_gets(&peer, sizes[i], (uint32_t)i);
		expect_message(&peer, &frame, sizes[i], (uint32_t)i);
		assert_int_equal(frame.flags, 0);
		assert_true(!last || frame.seq == last + 1);
		last = frame.seq;
	}
	assert_fails(rds_send(peer.rds, peer_out, (1 << 20) + 1, &peer.far, 0), EMSGSIZE);
}

/* Row 13: ping and pong, both directions. A pong has a number of its own, the next one. */
static void pings__both_ways(void **state)
{
	struct peer peer = peer_up(state);
	union rds_addr to = rds_addr_port(&peer.far, 0), from;
	struct frame frame;
	uint64_t last;

	assert_int_equal(rds_send(peer.rds, peer_out, 0, &to, 0), 0);
	peer_next_message(&peer, &frame);
	last = frame.seq;
	assert_int_equal(frame.sport, rds_port(&peer.near));
	assert_int_equal(frame.dport, 0);
	assert_int_equal(frame.len, 0);
	assert_no_extension(&frame);
	frame = (struct frame){ .dport = rds_port(&peer.near) };
	peer_send(&peer, &frame, NULL);
	assert_int_equal(rds_recv(peer.rds, peer_in, sizeof(peer_in), &from, 0), 0);
	assert_true(rds_addr_equal(&from, &to));

	frame = (struct frame){ .sport = PEER_PORT, .len = 100 };
	peer_send(&peer, &frame, NULL);
	peer_next_message(&peer, &frame);
	assert_true(frame.seq == last + 1);
	assert_int_equal(frame.sport, 0);
	assert_int_equal(frame.dport, PEER_PORT);
	assert_int_equal(frame.len, 0);
	assert_zero_fields(&frame);
	assert_no_extension(&frame);
	peer_expect_moved(&peer, "recv_ping", 1);
}

/* The peer's handshake is answered, with one path, whatever it announces without port numbers. */
static void handshake__is_answered(void **state)
{
	struct peer peer = peer_up(state);
	struct frame frame = { .sport = 1 };
	struct frame_hello hello;

	frame_put_hello(frame.ext, 8, 0, false);
	peer_send(&peer, &frame, NULL);
	peer_next_message(&peer, &frame);
	assert_int_equal(frame.sport, 0);
	assert_int_equal(frame.dport, 1);
	assert_int_equal(frame.len, 0);
	assert_zero_fields(&frame);
	assert_harmless_extension(&frame, &hello);
	assert_int_equal(hello.npaths, 1);
	assert_true(hello.gen_num != 0);
	peer_expect_delivery(&peer, 5);
	assert_int_equal(diag_count(peer.ns, RDS_TCP_PORT), 1);
}

/* Row 14: a peer that answers no ping gets data all the same. */
static void handshake__unanswered(void **state)
{
	struct peer peer = peer_open(state);
	struct frame frame;

	peer_connect(&peer);
	assert_int_equal(wire_send_map(peer.fd), 0);
	peer_gets(&peer, PEER_MESSAGE, 9);
	do {
		assert_int_equal(wire_receive(peer.fd, &frame, peer_in, soon()), 0);
	} while (frame.flags == FRAME_MAP || frame_is_hello(&frame));
	assert_int_equal(frame.len, PEER_MESSAGE);
	assert_int_equal(pattern_check(peer_in, PEER_MESSAGE, 9), -1);
}

/* Nothing of it waits for a port: neither handshakes nor pongs, ours as well as theirs. */
static void handshake__whatever_the_map_says(void **state)
{
	struct peer peer = peer_open(state);
	struct frame frame = { .len = FRAME_MAP_BYTES, .flags = FRAME_MAP };

	peer_connect(&peer);
	memset(peer_out, 0xff, FRAME_MAP_BYTES);
	assert_int_equal(wire_send(peer.fd, &frame, peer_out), 0);
	peer_wait_hello(&peer);
	peer_answer_hello(&peer);
	frame = (struct frame){ .sport = 1 };
	frame_put_hello(frame.ext, 8, 0, false);
	peer_send(&peer, &frame, NULL);
	peer_next_message(&peer, &frame);
	assert_int_equal(frame.sport, 0);
	assert_int_equal(frame.dport, 1);
	frame = (struct frame){ .sport = PEER_PORT };
	peer_send(&peer, &frame, NULL);
	peer_next_message(&peer, &frame);
	assert_int_equal(frame.sport, 0);
	assert_int_equal(frame.dport, PEER_PORT);
	assert_fails(rds_send(peer.rds, peer_out, 1, &peer.far, MSG_DONTWAIT), ENOBUFS);
}

/* Another peer of the same module, at one more address of the peer's namespace. */
static struct peer peer_beside(const struct peer *peer, const char *address)
{
	struct peer other = *peer;

	assert_int_equal(link_add_address(&peer->topology->ns[1], "w0", address, 24), 0);
	other.far = rds_addr(address, PEER_PORT);
	other.listener = peer_owns(&other, wire_listen(&peer->topology->ns[1], &other.far));
	return other;
}

/*
 * One that says nothing at all is taken for in-tree, too, after ten seconds. A map that tells
 * nothing is an answer: one of in-tree. So whoever sent one, and came first, is not counted; we
 * look four times in a second.
 */
static void handshake__of_a_silent_peer(void **state)
{
	struct peer silent = peer_open(state);
	struct peer other = peer_beside(&silent, "10.77.1.3");

	peer_connect(&other);
	assert_int_equal(wire_send_map(other.fd), 0);
	peer_expect_moved(&other, "cong_update_received", 1);
	peer_connect(&silent);
	assert_true(counter_wait(silent.ns, &silent.before, "handshake_unanswered", 1,
				 deadline_in(30000)));
	usleep(500 * 1000 * time_scale());
	assert_int_equal(peer_moved(&silent, "handshake_unanswered"), 1);
	peer_expect_delivery(&silent, 3);
	peer_expect_delivery(&other, 4);
}

/* In-tree of 7.x, which has eight lanes, comes back as one that has one. */
static void handshake__with_lanes_and_without(void **state)
{
	struct peer peer = peer_open(state);
	struct frame hello = { .dport = 1 };
	int lane;

	peer_connect(&peer);
	assert_int_equal(wire_send_map(peer.fd), 0);
	frame_put_hello(hello.ext, 8, 1, true);
	peer_send(&peer, &hello, NULL);
	for (lane = 1; lane < 8; lane++) {
		int fd = peer_owns(&peer, wire_accept(peer.listener, soon()));

		assert_int_equal(wire_send_map(fd), 0);
	}
	peer_expect_moved(&peer, "conn_up", 8);
	hello = (struct frame){ .sport = 1 };
	frame_put_hello(hello.ext, 1, 2, false);
	peer_send(&peer, &hello, NULL);
	peer_expect_moved(&peer, "lane_given_up", 7);
	peer_expect_moved(&peer, "peer_restarts", 1);
	peer_expect_delivery(&peer, 4);
}

/* From a port that tells the lane to whoever looks at it. */
static void dial_from(struct peer *peer, uint16_t port)
{
	union rds_addr local = rds_addr_port(&peer->far, port);

	peer->fd = peer_owns(peer, wire_connect(&peer->topology->ns[1], &local, &peer->near,
						soon()));
	assert_int_equal(wire_send_map(peer->fd), 0);
}

/*
 * The next frame that is no map; false at the end of the connection. In-tree would drop as old what
 * is sent again and has a smaller number than it expects; any other frame says what that is.
 */
static bool in_tree_reads(const struct peer *peer, uint64_t *next, struct frame *frame)
{
	do {
		if (wire_receive(peer->fd, frame, peer_in, soon()))
			return false;
	} while (frame->flags == FRAME_MAP);
	assert_false(frame->flags & FRAME_AGAIN && frame->seq < *next);
	*next = frame->seq + 1;
	return true;
}

/*
 * One of ours dies with a message unacknowledged, and comes back as in-tree, with one connection,
 * from whatever port. We take that for lane 1, tell it a number of that lane, and have it come
 * again: the message must not be older than that to it. (The lanes begin with the second in which
 * they are made.)
 */
static void handshake__of_one_connection_after_eight(void **state)
{
	struct frame ours = { .dport = 1, .ext = {
		5, 0, 8, 6, 0, 0, 0, 1, 8, 0, 0x40, 1, 0, 0, 0, 1 } };
	struct frame hello = { .sport = 1 }, frame;
	struct peer peer = peer_open(state);
	uint64_t next = 0;

	dial_from(&peer, 30000);
	peer_wait_hello(&peer);
	usleep(1100 * 1000);
	peer_send(&peer, &ours, NULL);
	peer_gets(&peer, PEER_MESSAGE, 1);
	do {
		assert_int_equal(wire_receive(peer.fd, &frame, peer_in, soon()), 0);
	} while (frame.len != PEER_MESSAGE);
	peer_reset(&peer);
	peer_expect_moved(&peer, "conn_drop_peer", 1);

	dial_from(&peer, 30009);
	do {
		assert_true(in_tree_reads(&peer, &next, &frame));
	} while (!frame_is_hello(&frame));
	frame_put_hello(hello.ext, 8, 0, false);
	peer_send(&peer, &hello, NULL);
	while (in_tree_reads(&peer, &next, &frame))
		assert_int_equal(frame.len, 0);
	peer_expect_moved(&peer, "lane_given_up", 1);
	peer_reset(&peer);

	dial_from(&peer, 30018);
	do {
		assert_true(in_tree_reads(&peer, &next, &frame));
	} while (!frame.len);
	assert_int_equal(frame.len, PEER_MESSAGE);
	assert_int_equal(pattern_check(peer_in, PEER_MESSAGE, 1), -1);
	peer_expect_delivery(&peer, 4);
}

/* What a lane of the peer sends again; its number is the seed. */
static void send_again(struct peer *peer, uint64_t seq)
{
	struct frame frame = {
		.flags = FRAME_AGAIN, .len = PEER_MESSAGE,
		.sport = PEER_PORT, .dport = rds_port(&peer->near),
	};

	pattern_fill(peer_out, PEER_MESSAGE, (uint32_t)seq);
	peer->seq = seq;
	peer_send(peer, &frame, peer_out);
}

static void expect_delivered(struct peer *peer, uint64_t seq)
{
	receive_pattern(peer->rds, PEER_MESSAGE, (uint32_t)seq, &peer->far);
}

/*
 * We were restarted, and a lane of the peer comes first: lane 2, by its port, but nothing is known
 * of such a peer, so it is taken for lane 0. The numbers that come there are not those of lane 0,
 * which comes next and sends again what has lower ones, and they are those of lane 2 when it comes
 * anew. The other way round after that.
 */
static void handshake__of_another_lane_first(void **state)
{
	struct frame hello = { .sport = 1 };
	struct peer peer = peer_open(state);

	frame_put_hello(hello.ext, 8, 7, true);
	dial_from(&peer, 30002);
	send_again(&peer, 900);
	expect_delivered(&peer, 900);
	peer_send(&peer, &hello, NULL);
	peer_wait_hello(&peer);

	dial_from(&peer, 30000);
	send_again(&peer, 500);
	expect_delivered(&peer, 500);

	dial_from(&peer, 30010);
	send_again(&peer, 900);
	send_again(&peer, 902);
	expect_delivered(&peer, 902);
	peer_expect_moved(&peer, "recv_drop_old_seq", 1);

	dial_from(&peer, 30008);
	send_again(&peer, 500);
	send_again(&peer, 501);
	expect_delivered(&peer, 501);
	peer_expect_moved(&peer, "recv_drop_old_seq", 2);
}

/*
 * It may acknowledge deliveries, then: what it was sent, and what it was sent before, but nothing
 * else.
 */
static void acknowledgement__of_what_was_never_sent(void **state)
{
	struct peer peer = peer_open(state);
	struct frame ack = { .len = PEER_MESSAGE, .sport = PEER_PORT }, frame;

	peer_connect_as_ours(&peer);
	peer_gets(&peer, PEER_MESSAGE, 1);
	peer_next_message(&peer, &frame);
	ack.dport = rds_port(&peer.near);
	for (ack.ack = frame.seq; ack.ack + 2 > frame.seq; ack.ack--)
		peer_send(&peer, &ack, peer_out);
	peer_expect_moved(&peer, "recv_queued", 2);
	assert_int_equal(peer_moved(&peer, "recv_drop_bad_ack"), 0);
	ack.ack = UINT64_MAX;	/* its own acknowledgements have numbers too */
	/* The header will do: what came behind it might meet the end of the connection. */
	assert_int_equal(wire_send_header(peer.fd, &ack), 0);
	peer_expect_moved(&peer, "recv_drop_bad_ack", 1);
	peer_expect_moved(&peer, "conn_drop_protocol", 1);
	assert_int_not_equal(wire_wait_end(peer.fd, soon()), WIRE_OPEN);
	assert_int_equal(peer_moved(&peer, "recv_queued"), 2);
}

/* ---- congestion: rows 15 and 16 ---- */

/*
 * The next map on the wire; says whether exactly this port is set in it, or none (-1: something
 * else).
 */
static int next_map(struct peer *peer, uint16_t port)
{
	struct frame frame;
	size_t i, set = 0;

	do {
		assert_int_equal(wire_receive(peer->fd, &frame, peer_in, soon()), 0);
	} while (frame.flags != FRAME_MAP);
	assert_int_equal(frame.len, FRAME_MAP_BYTES);
	assert_true(frame.seq == 0);
	for (i = 0; i < FRAME_MAP_BYTES; i++)
		set += (size_t)__builtin_popcount(peer_in[i]);
	if (set == 1 && peer_in[port >> 3] == 1 << (port & 7))
		return 1;
	return set ? -1 : 0;
}

static void congestion__our_reader_does_not_read(void **state)
{
	struct peer peer = peer_up(state);
	struct frame frame = { .len = 65536, .sport = PEER_PORT, .dport = rds_port(&peer.near) };
	int i, map, messages;

	for (messages = 0; messages < 4; messages++)
		peer_send(&peer, &frame, NULL);
	assert_int_equal(next_map(&peer, frame.dport), 1);
	for (i = 0; i < messages; i++)
		assert_int_equal(rds_recv(peer.rds, peer_in, sizeof(peer_in), NULL, 0), 65536);
	while ((map = next_map(&peer, frame.dport)) != 0)
		assert_int_equal(map, 1);
}

static void congestion__closing_clears(void **state)
{
	struct peer peer = peer_up(state);
	struct frame frame = { .len = 65536, .sport = PEER_PORT, .dport = rds_port(&peer.near) };
	int i;

	for (i = 0; i < 4; i++)
		peer_send(&peer, &frame, NULL);
	assert_int_equal(next_map(&peer, frame.dport), 1);
	topology_close(peer.topology, peer.rds);
	assert_int_equal(next_map(&peer, frame.dport), 0);
}

static void send_map_of(struct peer *peer, uint16_t port, uint8_t flags)
{
	static uint8_t map[FRAME_MAP_BYTES];
	struct frame frame = { .len = FRAME_MAP_BYTES, .flags = flags };

	map[port >> 3] = (uint8_t)(1 << (port & 7));
	assert_int_equal(wire_send(peer->fd, &frame, map), 0);
	map[port >> 3] = 0;
}

static void congestion__the_peer_says_so(void **state)
{
	struct peer peer = peer_up(state);

	send_map_of(&peer, PEER_PORT, FRAME_MAP);
	peer_expect_moved(&peer, "cong_update_received", 1);
	assert_fails(rds_send(peer.rds, peer_out, 1, &peer.far, MSG_DONTWAIT), ENOBUFS);
	send_map_of(&peer, PEER_PORT + 1, FRAME_MAP);
	peer_expect_moved(&peer, "cong_update_received", 2);
	assert_int_equal(rds_send(peer.rds, peer_out, 1, &peer.far, MSG_DONTWAIT), 1);
}

/* Any other bit beside it, and it is no map: an ordinary message from port 0 to port 0, ignored. */
static void congestion__a_map_has_no_other_flag(void **state)
{
	static const uint8_t flags[] = { 0x03, 0x05, 0x81, 0xff };
	struct peer peer = peer_up(state);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		struct frame frame = { .len = FRAME_MAP_BYTES, .flags = flags[i] };

		memset(peer_out, 0xff, FRAME_MAP_BYTES);
		peer_send(&peer, &frame, peer_out);
	}
	peer_expect_delivery(&peer, 3);
	assert_int_equal(peer_moved(&peer, "cong_update_received"), 0);
	assert_int_equal(rds_send(peer.rds, peer_out, 1, &peer.far, MSG_DONTWAIT), 1);
}

/* ---- connections: rows 2 and 3, resets ---- */

/* Row 2: we want the peer, which is the one to dial: an empty connection of ours tells it. */
static void wakeup__of_ours_carries_nothing(void **state)
{
	struct peer peer = peer_open(state);
	union rds_addr local = rds_addr_port(&peer.far, 0);
	struct frame frame;
	uint8_t byte;
	int fd;

	peer_gets(&peer, PEER_MESSAGE, 4);
	fd = peer_owns(&peer, wire_accept(peer.listener, soon()));
	while (recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		deadline_step();
	assert_true(recv(fd, &byte, 1, MSG_DONTWAIT) <= 0);
	peer.fd = peer_owns(&peer, wire_connect(&peer.topology->ns[1], &local, &peer.near, soon()));
	assert_int_equal(wire_send_map(peer.fd), 0);
	expect_message(&peer, &frame, PEER_MESSAGE, 4);
}

/*
 * Row 3: the peer wants us, and we are the one to dial: its connection is ended, without a byte on
 * it.
 */
static void wakeup__of_the_peer_is_answered(void **state)
{
	struct peer peer = peer_open(state);
	int fd = peer_wake_up(&peer);
	uint8_t byte;

	peer.fd = peer_owns(&peer, wire_accept(peer.listener, soon()));
	while (fd >= 0 && recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
		deadline_step();
	assert_true(fd < 0 || recv(fd, &byte, 1, MSG_DONTWAIT) <= 0);
	assert_int_equal(wire_send_map(peer.fd), 0);
	peer_expect_delivery(&peer, 6);
	peer_expect_moved(&peer, "tcp_wakeups_received", 1);
}

/* Nothing that connects to the peer gets through from now on. */
static void fill_listener(struct peer *peer)
{
	union rds_addr local = rds_addr_port(&peer->far, 0);

	assert_int_equal(listen(peer->listener, 0), 0);
	peer_owns(peer, wire_connect(&peer->topology->ns[1], &local, &peer->far, soon()));
}

/* While we wait for ours to get through, the peer connects: that is what it was for. */
static void wakeup__meets_a_connection(void **state)
{
	struct peer peer = peer_open(state);
	struct frame frame;

	fill_listener(&peer);
	peer_gets(&peer, PEER_MESSAGE, 4);
	peer_expect_moved(&peer, "tcp_wakeups_sent", 1);
	peer_connect(&peer);
	assert_int_equal(wire_send_map(peer.fd), 0);
	peer_expect_moved(&peer, "tcp_connect_raced", 1);
	peer_expect_moved(&peer, "conn_up", 1);
	expect_message(&peer, &frame, PEER_MESSAGE, 4);
	peer_expect_delivery(&peer, 5);
}

/* Messages until one with this seed; the others must not be there. */
static void expect_first_message(struct peer *peer, uint32_t seed, uint64_t *seq, uint8_t *flags)
{
	struct frame frame;

	do {
		if (wire_receive(peer->fd, &frame, peer_in, soon()))
			fail_msg("no frame: %s", strerror(errno));
	} while (frame.flags == FRAME_MAP || frame_is_hello(&frame));
	assert_int_equal(frame.len, PEER_MESSAGE);
	assert_int_equal(pattern_check(peer_in, PEER_MESSAGE, seed), -1);
	*seq = frame.seq;
	*flags = frame.flags;
}

/*
 * Row 4: in-tree resets a connection that it has no use for after its TCP has taken what came. Its
 * RDS has sent nothing, so nothing counts as delivered.
 */
static void reset__before_a_frame_of_the_peer(void **state)
{
	struct peer peer = peer_open(state);
	uint64_t first, second;
	uint8_t flags;

	peer_gets(&peer, PEER_MESSAGE, 7);
	peer.fd = wire_accept(peer.listener, soon());
	assert_true(peer.fd >= 0);
	expect_first_message(&peer, 7, &first, &flags);
	assert_int_equal(flags, 0);
	/* What was read is acknowledged: give the acknowledgement the time to arrive. */
	usleep(100000);
	wire_reset(peer.fd);
	peer.fd = peer_owns(&peer, wire_accept(peer.listener, soon()));
	assert_int_equal(wire_send_map(peer.fd), 0);
	expect_first_message(&peer, 7, &second, &flags);
	assert_int_equal(flags, FRAME_AGAIN);
	assert_true(first == second);
}

#define WINDOW_MS 2000
#define TRIES_TO_4_S 13

/* Takes our next connection, and resets it when it is up; false when none came in time. */
static bool reset_next(struct peer *peer, struct deadline deadline)
{
	int fd = wire_accept(peer->listener, deadline);
	struct deadline up = soon();
	uint8_t byte;

	if (fd < 0)
		return false;
	while (recv(fd, &byte, 1, MSG_DONTWAIT) != 1) {
		assert_false(deadline_over(&up));
		usleep(500);
	}
	wire_reset(fd);
	return true;
}

static unsigned int resets_in_window(struct peer *peer)
{
	struct deadline deadline = deadline_in(WINDOW_MS);
	unsigned int count = 0;

	while (reset_next(peer, deadline))
		count++;
	return count;
}

/*
 * To be connected is no success: as long as no frame of the peer comes, the next try waits as after
 * a refusal. As in test_reconnect the limit of the random delay doubles from 1 ms on: a dozen tries
 * in the first window, one or two in one that begins after them.
 */
static void reset__again_and_again_is_backed_off(void **state)
{
	struct peer peer = peer_open(state);
	unsigned int first, later, count;

	assert_int_equal(netns_sysctl_set(peer.ns, "reconnect_min_delay_ms", time_scale()), 0);
	assert_int_equal(netns_sysctl_set(peer.ns, "reconnect_max_delay_ms", 4000 * time_scale()),
			 0);
	peer_gets(&peer, PEER_MESSAGE, 7);
	first = resets_in_window(&peer);
	for (count = first; count < TRIES_TO_4_S; count++)
		assert_true(reset_next(&peer, soon()));
	later = resets_in_window(&peer);
	if (first < 6 || later * 2 > first)
		fail_msg("%u connections at first, %u later", first, later);
	assert_true(peer_moved(&peer, "conn_up") >= TRIES_TO_4_S);
}

/* Once it has, what its TCP acknowledged is done. */
static void reset__after_a_frame_of_the_peer(void **state)
{
	struct peer peer = peer_up(state);
	struct frame frame;
	uint64_t seq;
	uint8_t flags;

	peer_gets(&peer, PEER_MESSAGE, 7);
	expect_message(&peer, &frame, PEER_MESSAGE, 7);
	usleep(100000);
	shutdown(peer.fd, SHUT_WR);
	wire_wait_end(peer.fd, soon());
	peer.fd = peer_owns(&peer, wire_accept(peer.listener, soon()));
	assert_int_equal(wire_send_map(peer.fd), 0);
	peer_gets(&peer, PEER_MESSAGE, 8);
	expect_first_message(&peer, 8, &seq, &flags);
	assert_int_equal(flags, 0);
	assert_true(seq > frame.seq);
}

#define LARGE (1 << 20)

/* A connection that ends within a frame: nothing of it is delivered. */
static void cut(void **state, size_t bytes, bool reset)
{
	struct peer peer = peer_up(state);
	struct frame frame = {
		.seq = peer.seq, .len = PEER_MESSAGE, .sport = PEER_PORT,
		.dport = rds_port(&peer.near),
	};

	frame_encode(&frame, peer_out);
	assert_int_equal(wire_send_bytes(peer.fd, peer_out, bytes), 0);
	assert_true(wire_wait_acked(peer.fd, soon()));
	if (reset)
		peer_reset(&peer);
	else
		shutdown(peer.fd, SHUT_RDWR);
	peer_expect_moved(&peer, "conn_drop_peer", 1);
	assert_int_equal(peer_moved(&peer, "recv_queued"), 0);
	assert_int_equal(peer_moved(&peer, "conn_drop_protocol"), 0);
}

static void cut__within_a_header(void **state)
{
	cut(state, 20, false);
}

static void cut__within_a_payload(void **state)
{
	cut(state, FRAME_HEADER + PEER_MESSAGE / 2, false);
}

static void cut__by_a_reset(void **state)
{
	cut(state, FRAME_HEADER + PEER_MESSAGE / 2, true);
}

/* The next message that begins to come: its header. */
static void expect_beginning(struct peer *peer, struct frame *frame)
{
	for (;;) {
		if (wire_receive_header(peer->fd, frame, soon()))
			fail_msg("no frame: %s", strerror(errno));
		if (frame->flags != FRAME_MAP && !frame_is_hello(frame))
			return;
		assert_int_equal(wire_receive_bytes(peer->fd, NULL, frame->len, soon()), 0);
	}
}

/* Half of a message was read, and TCP has not taken all of it, when the connection is reset. */
static void cut_in_the_middle(struct peer *peer, struct frame *frame, size_t length)
{
	expect_beginning(peer, frame);
	assert_int_equal(frame->len, length);
	assert_int_equal(frame->flags, 0);
	assert_int_equal(wire_receive_bytes(peer->fd, peer_in, length / 2, soon()), 0);
	assert_int_equal(pattern_check(peer_in, length / 2, 5), -1);
	zc_expect_none(peer->rds, 50);
	peer_reset(peer);
	peer_expect_moved(peer, "conn_reset", 1);
	memset(peer_in, 0, length);
}

/* The connection that follows one that was lost. */
static void peer_connect_again(struct peer *peer)
{
	if (peer->topology->variant->swap)
		peer_connect(peer);
	else
		peer->fd = peer_owns(peer, wire_accept(peer->listener, soon()));
	assert_int_equal(wire_send_map(peer->fd), 0);
}

/*
 * A message of ours is cut in its middle: it goes out again, whole, from its first byte on, as the
 * message that it was; and its one cookie comes when that has arrived.
 */
static void cut__within_a_message_of_ours(void **state)
{
	size_t length = cred_is_nobody() ? 32768 : LARGE;
	unsigned char *buffer = zc_buffer(length);
	struct frame first, again, next;
	struct peer peer;
	uint32_t cookie;
	char room[64];

	/* Of the peer's TCP: what it has taken counts as delivered. */
	snprintf(room, sizeof(room), "4096 %zu %zu\n", length / 4, length / 4);
	assert_int_equal(netns_write(&((struct topology *)*state)->ns[1],
				     "/proc/sys/net/ipv4/tcp_rmem", room), 0);
	assert_non_null(buffer);
	peer = peer_up(state);
	assert_int_equal(rds_set_buffers(peer.rds, 2 * LARGE, 0), 0);
	assert_int_equal(zc_force(peer.rds), 0);
	pattern_fill(buffer, length, 5);
	assert_int_equal(rds_send_zc(peer.rds, buffer, length, &peer.far, 55, 0), length);
	cut_in_the_middle(&peer, &first, length);
	peer_connect_again(&peer);
	expect_message(&peer, &again, length, 5);
	assert_int_equal(again.flags, FRAME_AGAIN);
	assert_true(again.seq == first.seq);
	zc_reap_exactly(peer.rds, &cookie, 1);
	assert_int_equal(cookie, 55);
	pattern_poison(buffer, length);
	peer_gets(&peer, PEER_MESSAGE, 6);
	expect_message(&peer, &next, PEER_MESSAGE, 6);
	assert_int_equal(next.flags, 0);
	zc_reap_exactly(peer.rds, &cookie, 0);
	assert_int_equal(peer_moved(&peer, "zc_sent"), 1);
	assert_int_equal(peer_moved(&peer, "zc_completed"), 1);
	zc_buffer_free(buffer, length);
}

#define UNREAD 5

/* A message that nobody reads, by which reading stops, and some that TCP has, and nobody but it. */
static void leave_unread(struct peer *peer)
{
	struct frame frame = {
		.len = PEER_MESSAGE, .sport = PEER_PORT, .dport = rds_port(&peer->near),
	};
	uint32_t i;

	assert_int_equal(netns_sysctl_set(peer->ns, "rcv_mem_max", 1), 0);
	for (i = 0; i <= UNREAD; i++) {
		pattern_fill(peer_out, PEER_MESSAGE, i);
		peer_send(peer, &frame, peer_out);
		peer_expect_moved(peer, "recv_queued", 1);
	}
	assert_true(wire_wait_acked(peer->fd, soon()));
	assert_int_equal(peer_moved(peer, "recv_queued"), 1);
	assert_true(peer_moved(peer, "recv_paused") >= 1);
}

#define AT_A_TIME 1024	/* frames that are read with TCP's socket locked */

/* However much TCP has when reading goes on: in between it hears the peer's acknowledgements. */
static void pause__is_made_up_for_in_steps(void **state)
{
	const uint32_t count = 2 * AT_A_TIME + 500;
	struct frame frame = { .sport = PEER_PORT };
	struct peer peer;
	uint32_t i;

	topology_sysctl(*state, "tcp_rcvbuf", 8 << 20);
	peer = peer_up(state);
	leave_unread(&peer);
	frame.dport = rds_port(&peer.near);
	for (i = 0; i < count; i++)
		peer_send(&peer, &frame, NULL);
	assert_true(wire_wait_acked(peer.fd, soon()));
	assert_int_equal(peer_moved(&peer, "recv_later"), 0);
	assert_int_equal(netns_sysctl_set(peer.ns, "rcv_mem_max", 64 << 20), 0);
	for (i = 0; i <= UNREAD; i++)
		receive_pattern(peer.rds, PEER_MESSAGE, i, &peer.far);
	for (i = 0; i < count; i++)
		assert_int_equal(rds_recv(peer.rds, peer_in, 1, NULL, 0), 0);
	assert_int_equal(peer_moved(&peer, "recv_later"), 2);
}

/*
 * A peer that counts what our TCP acknowledged as delivered will not send it again: what has come
 * is read to its end, although the connection is gone.
 */
static void cut_with_messages_unread(void **state, bool reset)
{
	struct peer peer = peer_up(state);
	uint32_t i;

	leave_unread(&peer);
	if (reset)
		peer_reset(&peer);
	else
		shutdown(peer.fd, SHUT_WR);
	peer_expect_moved(&peer, "conn_drop_peer", 1);
	assert_int_equal(peer_moved(&peer, "recv_queued"), 1);
	assert_int_equal(netns_sysctl_set(peer.ns, "rcv_mem_max", 1 << 20), 0);
	for (i = 0; i <= UNREAD; i++)
		receive_pattern(peer.rds, PEER_MESSAGE, i, &peer.far);
	assert_fails(rds_recv(peer.rds, peer_in, 1, NULL, MSG_DONTWAIT), EAGAIN);
}

static void cut__with_messages_unread(void **state)
{
	cut_with_messages_unread(state, false);
}

static void cut__by_a_reset_with_messages_unread(void **state)
{
	cut_with_messages_unread(state, true);
}

static void pieces__one_byte_at_a_time(void **state)
{
	struct peer peer = peer_up(state);
	struct frame frame = {
		.seq = peer.seq++, .len = 16, .sport = PEER_PORT, .dport = rds_port(&peer.near),
	};
	size_t i;

	frame_encode(&frame, peer_out);
	pattern_fill(peer_out + FRAME_HEADER, 16, 11);
	for (i = 0; i < FRAME_HEADER + 16; i++)
		assert_int_equal(wire_send_bytes(peer.fd, peer_out + i, 1), 0);
	assert_int_equal(rds_recv(peer.rds, peer_in, sizeof(peer_in), NULL, 0), 16);
	assert_int_equal(pattern_check(peer_in, 16, 11), -1);
}

/* ---- connections that stay, or are replaced ---- */

#define LARGES 8
#define BEHIND 300000	/* more than the peer's TCP takes unread, and less than ours */

/* A busy host is late with acknowledgements, too. */
static unsigned int stall_ms(void)
{
	return 1000 * time_scale();
}

/* Before there is a path: a watchdog that was told another time sleeps for that. */
static void set_stall(const struct topology *topology)
{
	assert_int_equal(netns_sysctl_set(&topology->ns[0], "stall_ms", stall_ms()), 0);
}

static int unread(const struct peer *peer)
{
	int bytes = -1;

	assert_int_equal(ioctl(peer->fd, FIONREAD, &bytes), 0);
	return bytes;
}

/* The peer's TCP has room for no more: nothing has come for longer than a path may stall. */
static int wait_window_shut(const struct peer *peer)
{
	struct deadline deadline = soon();
	int before, now = unread(peer);

	do {
		assert_false(deadline_over(&deadline));
		before = now;
		usleep(2 * stall_ms() * 1000);
		now = unread(peer);
	} while (now != before || !now);
	assert_true(now < LARGES * LARGE);
	return now;
}

/* A peer that does not read is slow, and not dead: the watchdog leaves it alone. */
static void stall__not_in_a_shut_window(void **state)
{
	struct frame frame;
	struct peer peer;
	uint32_t i;
	int held;

	set_stall(*state);
	peer = peer_up(state);
	assert_int_equal(rds_set_buffers(peer.rds, 2 * LARGES * LARGE, 0), 0);
	for (i = 0; i < LARGES; i++)
		peer_gets(&peer, LARGE, i);
	held = wait_window_shut(&peer);
	usleep(4 * stall_ms() * 1000);
	assert_int_equal(unread(&peer), held);
	for (i = 0; i < LARGES; i++) {
		expect_message(&peer, &frame, LARGE, i);
		assert_int_equal(frame.flags, 0);
	}
	assert_int_equal(peer_moved(&peer, "conn_drop_stalled"), 0);
	assert_int_equal(peer_moved(&peer, "conn_reset"), 0);
	assert_int_equal(peer_moved(&peer, "conn_up"), 0);
}

/*
 * A peer without memory drops what is under way. Kernels from 6.6 on say that their window is shut
 * then, and are left alone; older ones say nothing, and look dead. Which of them it is, its window
 * tells: as it was seen last before the path is lost, or all the time that it is not.
 */
static void stall__not_in_a_window_that_is_taken_back(void **state)
{
	struct deadline deadline, shut = { 0 };
	long now, window = 1;
	struct peer peer;
	int room = 1;

	set_stall(*state);
	peer = peer_up(state);
	assert_int_equal(rds_set_buffers(peer.rds, 2 * LARGE, 0), 0);
	assert_int_equal(setsockopt(peer.fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	peer_gets(&peer, LARGE, 1);
	deadline = soon();
	do {
		assert_false(deadline_over(&deadline));
		now = diag_window(peer.ns, RDS_TCP_PORT);
		if (peer_moved(&peer, "conn_drop_stalled")) {	/* now is of the next one, maybe */
			assert_int_not_equal(window, 0);
			return;
		}
		window = now;
		assert_true(window >= 0);
		if (window || !shut.end_ms)
			shut = deadline_in(4 * 1000);
		deadline_step();
	} while (!deadline_over(&shut));
	assert_true(unread(&peer) < LARGE);
}

/* The window opens, and what goes out then is lost: there is nothing behind it that would tell. */
static void stall__of_the_last_behind_a_shut_window(void **state)
{
	struct topology *topology = *state;
	struct peer peer;
	int held;

	set_stall(topology);
	topology_sysctl(topology, "tcp_sndbuf", LARGE);
	peer = peer_open(state);
	peer_connect_as_ours(&peer);
	peer_remember(&peer);
	assert_int_equal(rds_set_buffers(peer.rds, 2 * LARGE, 0), 0);
	peer_gets(&peer, BEHIND, 1);
	held = wait_window_shut(&peer);
	assert_true(held < BEHIND);
	assert_int_equal(link_blackhole(&topology->ns[0], "w0", topology->far_text[0], true), 0);
	assert_int_equal(wire_receive_bytes(peer.fd, peer_in, (size_t)held, soon()), 0);
	peer_expect_moved(&peer, "conn_drop_stalled", 1);
}

#define UNACKED 3

/* The next that carries something: there are handshakes and bare acknowledgements, too. */
static void expect_data(struct peer *peer, struct frame *frame, uint32_t seed)
{
	do {
		if (wire_receive(peer->fd, frame, peer_in, soon()))
			fail_msg("no message %u: %s", seed, strerror(errno));
	} while (frame->flags == FRAME_MAP || !frame->len);
	assert_int_equal(frame->len, PEER_MESSAGE);
	assert_int_equal(pattern_check(peer_in, PEER_MESSAGE, seed), -1);
}

/* A path of one of ours, which has read so many messages: it has acknowledged the first only. */
static void leave_unacknowledged(struct peer *peer, uint64_t *seq)
{
	struct frame frame, ack = { .sport = PEER_PORT, .dport = rds_port(&peer->near) };
	uint32_t i;

	peer_connect_as_ours(peer);
	for (i = 0; i <= UNACKED; i++) {
		peer_gets(peer, PEER_MESSAGE, i);
		expect_data(peer, &frame, i);
		seq[i] = frame.seq;
	}
	ack.ack = seq[0];
	peer_send(peer, &ack, NULL);
	peer_expect_moved(peer, "recv_queued", 1);
}

/*
 * A peer that connects again has lost its first connection, whatever ours looks like: the new one
 * takes its place. What the peer had not acknowledged goes out again on it, and only once.
 */
static void replaced__by_a_second_connection(void **state)
{
	struct peer peer = peer_open(state);
	uint64_t seq[UNACKED + 1];
	struct frame frame;
	uint32_t i;
	int first;

	leave_unacknowledged(&peer, seq);
	first = peer.fd;
	assert_int_equal(peer_moved(&peer, "tcp_replaced"), 0);
	peer_connect(&peer);
	assert_int_equal(wire_send_map(peer.fd), 0);
	peer_says_ours(&peer);
	for (i = 1; i <= UNACKED; i++) {
		expect_data(&peer, &frame, i);
		assert_int_equal(frame.flags, FRAME_AGAIN);
		assert_true(frame.seq == seq[i]);
	}
	assert_int_not_equal(wire_wait_end(first, soon()), WIRE_OPEN);
	peer_gets(&peer, PEER_MESSAGE, i);
	expect_data(&peer, &frame, i);
	assert_int_equal(frame.flags, 0);
	assert_true(frame.seq > seq[UNACKED]);
	peer_expect_moved(&peer, "tcp_replaced", 1);
	peer_expect_moved(&peer, "conn_up", 2);
	assert_int_equal(diag_count(peer.ns, RDS_TCP_PORT), 1);
}

/* ---- sequence numbers ---- */

/* The first of a new path; they start at the clock, with 2^24 numbers for each second. */
static uint64_t expect_first_seq(struct peer *peer, void **state)
{
	time_t before = time(NULL);
	struct frame frame;

	*peer = peer_open(state);
	peer_connect(peer);
	assert_int_equal(wire_send_map(peer->fd), 0);
	do {
		assert_int_equal(wire_receive(peer->fd, &frame, peer_in, soon()), 0);
	} while (!frame_is_hello(&frame));
	assert_in_range(frame.seq >> 24, before, time(NULL));
	return frame.seq;
}

/* Of all that the module knew, the clock alone is left when it is loaded again. */
static void sequence__goes_on_after_the_module(void **state)
{
	struct peer peer;
	struct frame frame;
	uint64_t first;
	time_t second;

	first = expect_first_seq(&peer, state);
	peer_answer_hello(&peer);
	peer_gets(&peer, PEER_MESSAGE, 1);
	expect_message(&peer, &frame, PEER_MESSAGE, 1);
	assert_true(frame.seq > first);
	second = time(NULL);
	topology_close(peer.topology, peer.fd);
	topology_close(peer.topology, peer.listener);
	topology_close(peer.topology, peer.rds);
	assert_int_equal(module_unload_within(DEADLINE_USUAL_MS), 0);
	/* A path that is made in the same second starts at the same number. */
	while (time(NULL) == second)
		deadline_step();
	assert_int_equal(module_load(""), 0);
	assert_true(expect_first_seq(&peer, state) > frame.seq);
	peer_answer_hello(&peer);
	peer_gets(&peer, PEER_MESSAGE, 2);
	expect_message(&peer, &frame, PEER_MESSAGE, 2);
}

static void sequence__jumps_are_taken(void **state)
{
	static const uint64_t jumps[] = {
		5, 1000, 7 /* lower, not marked */, UINT64_MAX, 0, 1ull << 63, UINT64_MAX - 1,
	};
	struct peer peer = peer_up(state);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(jumps); i++) {
		peer.seq = jumps[i];
		peer_expect_delivery(&peer, (uint32_t)i);
	}
	assert_int_equal(peer_moved(&peer, "recv_drop_old_seq"), 0);
}

static void sequence__marked_and_old_is_dropped(void **state)
{
	struct peer peer = peer_up(state);
	struct frame frame = {
		.len = PEER_MESSAGE, .flags = FRAME_AGAIN, .sport = PEER_PORT,
		.dport = rds_port(&peer.near),
	};

	peer.seq = 1000;
	peer_expect_delivery(&peer, 1);
	peer.seq = 1000;
	peer_send(&peer, &frame, NULL);
	peer_expect_moved(&peer, "recv_drop_old_seq", 1);
	peer.seq = 0;
	peer_send(&peer, &frame, NULL);
	peer_expect_moved(&peer, "recv_drop_old_seq", 2);
	/* The next in order is none, marked or not. */
	peer.seq = 1001;
	pattern_fill(peer_out, PEER_MESSAGE, 2);
	peer_send(&peer, &frame, peer_out);
	assert_int_equal(rds_recv(peer.rds, peer_in, sizeof(peer_in), NULL, 0), PEER_MESSAGE);
	assert_int_equal(pattern_check(peer_in, PEER_MESSAGE, 2), -1);
}

/* ---- the hostile table ---- */

enum fate {
	ENDS,		/* the connection, and conn_drop_protocol counts it */
	DROPPED,	/* the frame, and the stream goes on */
	DELIVERED,	/* to the socket */
	ANSWERED,	/* by a pong */
};

struct row {
	enum fate fate;
	const char *counter;	/* moves by one */
	struct frame frame;
	bool header_only;	/* no payload behind it */
};

#define BAD_LEN(bytes) { ENDS, "recv_drop_bad_len", { .len = (bytes) }, true }
#define BAD_MAP(bytes) { ENDS, "recv_drop_bad_map", { .len = (bytes), .flags = FRAME_MAP }, true }
#define TAKEN(...) { DELIVERED, "recv_queued", { .len = PEER_MESSAGE, __VA_ARGS__ }, false }
#define LENGTH(bytes) { DELIVERED, "recv_queued", { .len = (bytes) }, false }
#define HELLO(...) { ANSWERED, "recv_ping", { .sport = 1, .ext = { __VA_ARGS__ } }, false }
#define ONES 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, \
	0xff, 0xff
#define LAST(type) 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, type

#define ROWS(X)									\
	X(length_of_1_MiB_and_1, BAD_LEN((1 << 20) + 1))			\
	X(length_of_7fffffff, BAD_LEN(0x7fffffff))				\
	X(length_of_80000000, BAD_LEN(0x80000000))				\
	X(length_of_ffffffff, BAD_LEN(0xffffffff))				\
	X(length_of_1_MiB, LENGTH(1 << 20))					\
	X(length_of_0, LENGTH(0))						\
	X(map_of_0_bytes, BAD_MAP(0))						\
	X(map_of_8191_bytes, BAD_MAP(8191))					\
	X(map_of_8193_bytes, BAD_MAP(8193))					\
	X(map_of_1_MiB, BAD_MAP(1 << 20))					\
	X(port_that_nobody_has,							\
	  { DROPPED, "recv_drop_no_sock", { .len = PEER_MESSAGE, .dport = 2 }, false })	\
	X(port_65535, { DROPPED, "recv_drop_no_sock", { .dport = 0xffff }, false })	\
	X(probe_port_from_a_socket,						\
	  { DROPPED, "recv_drop_no_sock", { .sport = 7, .dport = 1 }, false })	\
	X(source_port_of_0, TAKEN(.sport = 0))					\
	X(source_port_of_65535, TAKEN(.sport = 0xffff))				\
	X(ack_of_ones, TAKEN(.ack = UINT64_MAX))				\
	X(credit_of_ones, TAKEN(.credit = 0xff))				\
	X(padding_of_ones, TAKEN(.padding = 0xffffffff))			\
	X(checksum_of_ones, TAKEN(.csum = 0xffff))				\
	X(flags_02, TAKEN(.flags = 0x02))					\
	X(flags_08, TAKEN(.flags = 0x08))					\
	X(flags_e2, TAKEN(.flags = 0xe2))					\
	X(flags_ff, TAKEN(.flags = 0xff))					\
	X(extension_of_ones, TAKEN(.ext = { ONES }))				\
	X(extension_outside_of_the_space, TAKEN(.ext = { LAST(6) }))		\
	X(extension_for_RDMA, TAKEN(.ext = { 2, 1, 2, 3, 4, 3, 1, 2, 3, 4, 5, 6, 7, 8 }))	\
	X(handshake_of_nothing, HELLO(0))					\
	X(handshake_of_ones, HELLO(ONES))					\
	X(handshake_generation_outside, HELLO(LAST(6)))				\
	X(handshake_paths_outside, HELLO(LAST(5)))				\
	X(handshake_private_outside, HELLO(LAST(0x40)))				\
	X(handshake_RDMA_outside, HELLO(LAST(4)))				\
	X(handshake_unknown_7, HELLO(7, 5, 0, 2))				\
	X(handshake_unknown_15, HELLO(LAST(15)))				\
	X(handshake_unknown_16, HELLO(16, 1, 2, 3))				\
	X(handshake_unknown_255, HELLO(255, 5, 0, 8))				\
	X(handshake_65535_paths, HELLO(5, 0xff, 0xff))				\
	X(handshake_0_paths, HELLO(5, 0, 0))					\
	X(handshake_3_paths, HELLO(5, 0, 3))					\
	X(handshake_doubled, HELLO(5, 0, 8, 5, 0, 1, 5, 0, 3, 5, 0, 2, 5, 0, 8))	\
	X(handshake_generation_0, HELLO(5, 0, 1, 6, 0, 0, 0, 0))

/* With it comes no control message, whatever its header says, nor one that had no room. */
static void take(struct peer *peer, const struct row *row)
{
	char control[256];
	struct iovec iov = { .iov_base = peer_in, .iov_len = sizeof(peer_in) };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	assert_int_equal(recvmsg(peer->rds, &message, 0), row->frame.len);
	assert_int_equal(pattern_check(peer_in, row->frame.len, 77), -1);
	assert_int_equal(message.msg_controllen, 0);
	assert_int_equal(message.msg_flags & (MSG_CTRUNC | MSG_TRUNC), 0);
}

static void send_row(struct peer *peer, const struct row *row)
{
	struct frame frame = row->frame;

	if (row->fate == DELIVERED)
		frame.dport = rds_port(&peer->near);
	pattern_fill(peer_out, row->header_only ? 0 : frame.len, 77);
	frame.seq = peer->seq++;
	if (row->header_only)
		assert_int_equal(wire_send_header(peer->fd, &frame), 0);
	else
		assert_int_equal(wire_send(peer->fd, &frame, peer_out), 0);
}

static void hostile(void **state, const struct row *row)
{
	struct peer peer = peer_up(state);
	struct frame frame;

	assert_int_equal(rds_set_buffers(peer.rds, 4 << 20, 4 << 20), 0);
	send_row(&peer, row);
	peer_expect_moved(&peer, row->counter, 1);
	if (row->fate == ENDS) {
		assert_int_not_equal(wire_wait_end(peer.fd, soon()), WIRE_OPEN);
		peer_expect_moved(&peer, "conn_drop_protocol", 1);
		assert_int_equal(peer_moved(&peer, "recv_queued"), 0);
		return;
	}
	if (row->fate == ANSWERED)
		peer_next_message(&peer, &frame);
	if (row->fate == DELIVERED)
		take(&peer, row);
	peer_expect_delivery(&peer, 78);
	assert_int_equal(peer_moved(&peer, "conn_drop_protocol"), 0);
	assert_int_equal(peer_moved(&peer, "conn_drop_peer"), 0);
}

#define ROW_FUNCTION(name, ...)					\
static void hostile__##name(void **state)			\
{								\
	static const struct row row = __VA_ARGS__;		\
								\
	hostile(state, &row);					\
}
ROWS(ROW_FUNCTION)

/* ---- floods ---- */

#define FLOOD 3000
#define PING_RATE 100		/* answers in a second; as many at once, before */

/*
 * Each ping is answered, or counted as not answered; the answers wait for us, in a bounded number.
 */
static void flood__of_pings(void **state)
{
	struct peer peer = peer_up(state);
	struct frame ping = { .sport = PEER_PORT };
	uint64_t dropped, rate, pongs, seconds, start = clock_ms();
	struct frame frame;
	uint64_t i;

	assert_int_equal(netns_sysctl_set(peer.ns, "ping_rate", PING_RATE), 0);
	for (i = 0; i < FLOOD; i++)
		peer_send(&peer, &ping, NULL);
	assert_true(wire_wait_acked(peer.fd, soon()));
	peer_expect_delivery(&peer, 1);
	seconds = (clock_ms() - start) / 1000 + 1;
	dropped = peer_moved(&peer, "recv_drop_ping");
	rate = peer_moved(&peer, "recv_drop_ping_rate");
	pongs = FLOOD - dropped - rate;
	print_message("# %u pings: %u answered, %u over the number, %u over the rate\n", FLOOD,
		      (unsigned int)pongs, (unsigned int)dropped, (unsigned int)rate);
	assert_in_range(pongs, 1, PING_RATE * (seconds + 1));
	assert_int_equal(peer_moved(&peer, "send_pong"), pongs);
	for (i = 0; i < pongs; i++) {
		peer_next_message(&peer, &frame);
		assert_int_equal(frame.sport, 0);
		assert_int_equal(frame.dport, PEER_PORT);
	}
	assert_int_equal(peer_moved(&peer, "conn_drop_protocol"), 0);
}

#define MAX_PONGS 64		/* answers of a connection that wait for their acknowledgement */

/* The next pong; the module's own acknowledgements are from port 0 to port 0. */
static void next_pong(struct peer *peer, struct frame *frame)
{
	do
		peer_next_message(peer, frame);
	while (!frame->dport);
	assert_int_equal(frame->sport, 0);
	assert_int_equal(frame->dport, PEER_PORT);
}

/*
 * One of ours that acknowledges nothing, where the rate is no limit: so many answers are kept for
 * it, no other ping is answered, and each is counted. Its acknowledgement makes room for more.
 */
static void flood__of_pings_unacknowledged(void **state)
{
	struct peer peer = peer_open(state);
	struct frame ping = { .sport = PEER_PORT }, pong, ack = { .len = 0 };
	struct deadline deadline = soon();
	int i;

	assert_int_equal(netns_sysctl_set(peer.ns, "ping_rate", 1 << 20), 0);
	peer_connect_as_ours(&peer);
	for (i = 0; i < FLOOD; i++)
		peer_send(&peer, &ping, NULL);
	peer_expect_moved(&peer, "recv_ping", FLOOD);
	assert_int_equal(peer_moved(&peer, "recv_drop_ping"), FLOOD - MAX_PONGS);
	assert_int_equal(peer_moved(&peer, "recv_drop_ping_rate"), 0);
	assert_int_equal(peer_moved(&peer, "send_pong"), MAX_PONGS);
	for (i = 0; i < MAX_PONGS; i++)
		next_pong(&peer, &pong);
	ack.ack = pong.seq;
	peer_send(&peer, &ack, NULL);
	do {	/* what it acknowledges is let go behind the frames that are read with it */
		assert_false(deadline_over(&deadline));
		deadline_step();
		peer_send(&peer, &ping, NULL);
	} while (peer_moved(&peer, "send_pong") == MAX_PONGS);
	next_pong(&peer, &pong);
	assert_true(pong.seq > ack.ack);
}

#define EMPTY_BATCH 512		/* frames in a send */
#define EMPTY_MEM (128 << 10)	/* rcv_mem_max */
#define EMPTY_SOFT (8 << 10)	/* the receiver's buffer: the map is set at 64 KiB of memory */
#define EMPTY_LEAST 96		/* bytes of memory that an empty message takes at least */
#define EMPTY_MOST (EMPTY_MEM / EMPTY_LEAST + 1)
#define EMPTY_TCP (192 << 10)	/* tcp_rcvbuf: more of them than may be unread */

/* Empty messages of a peer: how many are encoded, and were read. */
struct empties {
	struct peer peer;
	long count, encoded, read;
	size_t length, at;	/* of the batch that is being sent: all of it, and what is out */
};

static void encode_batch(struct empties *empties)
{
	struct peer *peer = &empties->peer;
	struct frame frame = { .sport = PEER_PORT, .dport = rds_port(&peer->near) };
	size_t i;

	for (i = 0; i < EMPTY_BATCH && empties->encoded < empties->count; i++) {
		frame.seq = peer->seq++;
		frame_encode(&frame, peer_out + i * FRAME_HEADER);
		empties->encoded++;
	}
	empties->length = i * FRAME_HEADER;
	empties->at = 0;
}

/* Sends what TCP takes at once; true when it takes no more, or there is no more. */
static bool send_empties(struct empties *empties)
{
	ssize_t sent;

	for (;;) {
		if (empties->at == empties->length)
			encode_batch(empties);
		if (!empties->length)
			return true;
		sent = send(empties->peer.fd, peer_out + empties->at,
			    empties->length - empties->at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0) {
			assert_int_equal(errno, EAGAIN);
			return true;
		}
		empties->at += (size_t)sent;
	}
}

/* In the receiver's queue: rcv_mem_max and one more, whatever TCP has when reading goes on. */
static void assert_queue_bounded(const struct empties *empties)
{
	uint64_t queued = peer_moved(&empties->peer, "recv_queued");

	assert_true(queued <= (uint64_t)empties->read + EMPTY_MOST);
}

/* Reading has stopped, and TCP has more of them than may be in the queue. */
static void fill_tcp(struct empties *empties)
{
	struct deadline deadline = soon();
	long unread;

	do {
		assert_false(deadline_over(&deadline));
		deadline_step();
		assert_true(send_empties(empties));
		unread = diag_unread(empties->peer.ns, RDS_TCP_PORT);
	} while (unread < EMPTY_MOST * FRAME_HEADER || !peer_moved(&empties->peer, "recv_paused"));
	assert_true(empties->encoded < empties->count);
}

/* A third of the queue is read: TCP is read again, until the queue is full. */
static void read_a_third(struct empties *empties)
{
	struct peer *peer = &empties->peer;
	uint64_t stops = peer_moved(peer, "recv_paused");
	long third = (long)peer_moved(peer, "recv_queued") / 3;

	for (; empties->read < third; empties->read++)
		assert_int_equal(rds_recv(peer->rds, peer_in, 1, NULL, MSG_DONTWAIT), 0);
	assert_true(counter_wait(peer->ns, &peer->before, "recv_paused", stops + 1, soon()));
}

/* Reads what is there; what comes back to the peer, maps, it does not look at. */
static void read_empties(struct empties *empties)
{
	struct peer *peer = &empties->peer;
	union rds_addr from;

	while (!rds_recv(peer->rds, peer_in, 1, &from, MSG_DONTWAIT)) {
		assert_true(rds_addr_equal(&from, &peer->far));
		empties->read++;
	}
	assert_int_equal(errno, EAGAIN);
	while (recv(peer->fd, peer_in, sizeof(peer_in), MSG_DONTWAIT) > 0)
		;
}

/*
 * Messages of no bytes take memory, and a peer need not look at our map: when rcv_mem_max is full
 * of them nothing more is read from TCP, and the peer has to wait. As many as count= says, for as
 * long as it takes; all arrive.
 */
static void flood__of_empty_messages(void **state)
{
	struct empties empties = { .count = suite_argument("count", 8000) };
	struct topology *topology = *state;
	struct peer *peer = &empties.peer;
	int small = 65536;

	watch_limit(100 + (unsigned int)empties.count / 2000);
	assert_int_equal(netns_sysctl_set(&topology->ns[0], "tcp_rcvbuf", EMPTY_TCP), 0);
	empties.peer = peer_up(state);
	assert_int_equal(netns_sysctl_set(peer->ns, "rcv_mem_max", EMPTY_MEM), 0);
	assert_int_equal(rds_set_buffers(peer->rds, 0, EMPTY_SOFT), 0);
	assert_int_equal(setsockopt(peer->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	send_empties(&empties);
	assert_int_equal(next_map(peer, rds_port(&peer->near)), 1);
	fill_tcp(&empties);
	/* Nobody reads, so it stays as it is. */
	usleep(50 * 1000);
	send_empties(&empties);
	assert_queue_bounded(&empties);
	read_a_third(&empties);
	assert_queue_bounded(&empties);
	while (empties.read < empties.count) {
		read_empties(&empties);
		send_empties(&empties);
		assert_queue_bounded(&empties);
	}
	peer_expect_delivery(peer, 1);
	assert_int_equal(peer_moved(peer, "recv_queued"), empties.count + 1);
	assert_int_equal(peer_moved(peer, "conn_reset"), 0);
	print_message("# %ld empty messages, reading stopped %u times\n", empties.count,
		      (unsigned int)peer_moved(peer, "recv_paused"));
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "wire_peer" };

	SUITE_ADD(&suite, opening__map_and_handshake, roles);
	SUITE_ADD(&suite, messages__byte_by_byte, roles);
	SUITE_ADD(&suite, pings__both_ways, each);
	SUITE_ADD(&suite, handshake__is_answered, each);
	SUITE_ADD(&suite, handshake__unanswered, each);
	SUITE_ADD(&suite, handshake__whatever_the_map_says, dialling);
	SUITE_ADD(&suite, handshake__of_a_silent_peer, dialling);
	SUITE_ADD(&suite, handshake__with_lanes_and_without, dialling);
	SUITE_ADD(&suite, handshake__of_one_connection_after_eight, dialled);
	SUITE_ADD(&suite, handshake__of_another_lane_first, dialled);
	SUITE_ADD(&suite, acknowledgement__of_what_was_never_sent, each);
	SUITE_ADD(&suite, congestion__our_reader_does_not_read, each);
	SUITE_ADD(&suite, congestion__closing_clears, dialling);
	SUITE_ADD(&suite, congestion__the_peer_says_so, each);
	SUITE_ADD(&suite, congestion__a_map_has_no_other_flag, dialling);
	SUITE_ADD(&suite, wakeup__of_ours_carries_nothing, dialled);
	SUITE_ADD(&suite, wakeup__of_the_peer_is_answered, dialling);
	SUITE_ADD(&suite, wakeup__meets_a_connection, dialled);
	SUITE_ADD(&suite, reset__before_a_frame_of_the_peer, dialling);
	SUITE_ADD(&suite, reset__again_and_again_is_backed_off, dialling);
	SUITE_ADD(&suite, reset__after_a_frame_of_the_peer, dialling);
	SUITE_ADD(&suite, pause__is_made_up_for_in_steps, dialled);
	SUITE_ADD(&suite, cut__within_a_header, each);
	SUITE_ADD(&suite, cut__within_a_payload, each);
	SUITE_ADD(&suite, cut__by_a_reset, each);
	SUITE_ADD(&suite, cut__within_a_message_of_ours, each_by_each);
	SUITE_ADD(&suite, cut__with_messages_unread, each);
	SUITE_ADD(&suite, cut__by_a_reset_with_messages_unread, dialling);
	SUITE_ADD(&suite, pieces__one_byte_at_a_time, dialling);
	SUITE_ADD(&suite, stall__not_in_a_shut_window, each);
	SUITE_ADD(&suite, stall__not_in_a_window_that_is_taken_back, dialling);
	SUITE_ADD(&suite, stall__of_the_last_behind_a_shut_window, dialling);
	SUITE_ADD(&suite, replaced__by_a_second_connection, peer_dials);
	SUITE_ADD(&suite, sequence__jumps_are_taken, dialling);
	SUITE_ADD(&suite, sequence__marked_and_old_is_dropped, dialling);
#define ROW_ADD(name, ...) SUITE_ADD(&suite, hostile__##name, each);
	ROWS(ROW_ADD)
	SUITE_ADD(&suite, flood__of_pings, each);
	SUITE_ADD(&suite, flood__of_pings_unacknowledged, dialling);
	SUITE_ADD(&suite, flood__of_empty_messages, dialled);
	SUITE_ADD(&suite, sequence__goes_on_after_the_module, each);
	return suite_run(&suite, argc, argv);
}
