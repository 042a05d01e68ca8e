// SPDX-License-Identifier: GPL-2.0
/*
 * Frame by frame against in-tree rds_tcp in the second VM, by the RDS peer of plain TCP sockets
 * (tests/wire): what in-tree sends, and what it makes of what our module adds to its frames. No
 * rds_zc runs here. Row 11 is the counterexample that shows why private types are 16 or more.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "plain_end.h"
#include "streams.h"

#define LIMIT_MS 20000

#define WARNING "unknown exthdr type"
#define WARNING_OF_OURS "unknown exthdr type 0x40"
#define WARNING_OF_9 "unknown exthdr type 0x9"

static const struct role roles[] = {
	{ "we dial", false, false },
	{ "v6, we dial", true, false },
	{ "in-tree dials", false, true },
};

static uint8_t in[1 << 20];

static struct deadline soon(void)
{
	return deadline_in(DEADLINE_USUAL_MS);
}

static void wire_open(struct plain_end *end, void **state)
{
	const struct role *role = *state;
	union rds_addr local;
	int fd;

	plain_open(end, role);
	end->listener = plain_must(wire_listen(netns_here(), &end->near));
	if (!role->larger) {
		plain_dial(end);
		return;
	}
	/* A wake-up: it may have been reset before we look. */
	local = rds_addr_port(&end->near, 0);
	fd = wire_connect(netns_here(), &local, &end->far, soon());
	assert_true(fd >= 0 || errno == ECONNRESET || errno == EPIPE);
	end->fd = plain_must(wire_accept(end->listener, soon()));
	if (fd >= 0)
		close(fd);
	assert_int_equal(wire_send_map(end->fd), 0);
}

/*
 * The next ping of the probe port; frames that are neither that nor a map are none of these tests.
 */
static void next_hello(struct plain_end *end, struct frame *frame)
{
	do {
		if (wire_receive(end->fd, frame, in, soon()))
			fail_msg("no frame: %s", strerror(errno));
	} while (frame->flags == FRAME_MAP);
	assert_int_equal(frame->sport, 1);
	assert_int_equal(frame->dport, 0);
}

static void send_hello_ping(struct plain_end *end, const uint8_t ext[FRAME_EXT])
{
	struct frame frame = { .sport = 1 };

	memcpy(frame.ext, ext, FRAME_EXT);
	plain_send(end, &frame, NULL);
}

/*
 * The pong to our ping, behind whatever else comes; its number. (Row 13: it has one of its own, not
 * that of the ping.)
 */
static uint64_t expect_pong(struct plain_end *end)
{
	struct frame frame;
	uint64_t last = 0;

	for (;;) {
		if (wire_receive(end->fd, &frame, in, soon()))
			fail_msg("no pong: %s", strerror(errno));
		if (frame.flags == FRAME_MAP)
			continue;
		assert_true(frame.seq == last + 1 || !last);
		last = frame.seq;
		if (frame.sport == 0 && frame.dport == 1)
			return frame.seq;
	}
}

/*
 * Row 5: 5.10 to 6.12 tell their paths and nothing else, 7.x all three. Row 1: the map is first,
 * and numbers start at 1, ours at the clock (test_wire_peer/opening__map_and_handshake).
 * (The older ones ping after an accept, and not when they dialled for a wake-up.)
 */
static void row5_what_in_tree_sends(void **state)
{
	static const uint8_t old[FRAME_EXT] = { 5, 0, 8 };
	struct frame_hello hello;
	struct frame frame;
	struct plain_end end;
	size_t i;

	wire_open(&end, state);
	assert_int_equal(wire_receive(end.fd, &frame, in, soon()), 0);
	assert_int_equal(frame.flags, FRAME_MAP);
	assert_int_equal(frame.len, FRAME_MAP_BYTES);
	assert_true(frame.seq == 0);
	next_hello(&end, &frame);
	assert_int_equal(frame.flags, 0);
	assert_true(frame.seq == 1);
	assert_true(frame.ack == 0 && !frame.credit && !frame.padding && !frame.csum);
	assert_int_equal(!memcmp(frame.ext, old, FRAME_EXT), !peer_is_7_or_newer());
	if (peer_is_7_or_newer()) {
		assert_true(frame_hello(frame.ext, &hello));
		assert_int_equal(hello.npaths, 8);
		assert_true(hello.gen_num != 0);
		assert_true(hello.sport_idx);
		assert_int_equal(hello.used, 10);
		for (i = hello.used; i < FRAME_EXT; i++)
			assert_int_equal(frame.ext[i], 0);
	}
	plain_close(&end);
}

/*
 * Row 6 as in-tree has it, where it dials: who is told of eight paths opens all of them. From 7.x
 * on its source port tells the lane. (6.1 sent no map on them that we had seen within the usual
 * time, although the checklist says so.) Ours says eight to those alone who tell lanes so; then
 * test_intree_lanes/row6_row9_lanes__open_under_load is its expectation.
 */
static void row6_told_of_eight_it_opens_eight(void **state)
{
	struct frame hello = { .sport = 1 };
	union rds_addr from;
	socklen_t length;
	struct plain_end end;
	unsigned int seen = 0, lane;
	bool by_port;
	int fd[7], i;

	wire_open(&end, state);
	frame_put_hello(hello.ext, 8, 0x12345678, peer_is_7_or_newer());
	plain_send(&end, &hello, NULL);
	expect_pong(&end);
	by_port = peer_is_7_or_newer();
	for (i = 0; i < 7; i++) {
		length = sizeof(from);
		fd[i] = plain_must(wire_accept(end.listener, soon()));
		assert_int_equal(getpeername(fd[i], &from.sa, &length), 0);
		lane = rds_port(&from) % 8;
		if (by_port && (lane == 0 || seen & 1U << lane))
			fail_msg("two connections of lane %u", lane);
		seen |= 1U << lane;
	}
	assert_int_equal(wire_accept(end.listener, deadline_in(200)), -1);
	for (i = 0; i < 7; i++)
		wire_reset(fd[i]);
	plain_close(&end);
}

/* Row 13: the pong's number is in-tree's next, whatever that of the ping was. */
static void row13_pong_has_a_number_of_its_own(void **state)
{
	static const uint8_t none[FRAME_EXT];
	struct plain_end end;
	uint64_t first;

	wire_open(&end, state);
	end.seq = 5000;
	send_hello_ping(&end, none);
	first = expect_pong(&end);
	assert_in_range(first, 1, 100);
	end.seq = 9000;
	send_hello_ping(&end, none);
	assert_true(expect_pong(&end) == first + 1);
	plain_close(&end);
}

/* Row 8: a pong without a path count makes it one path, and no further ping comes. */
static void row8_pong_without_paths(void **state)
{
	struct frame frame, pong = { .dport = 1 };
	struct plain_end end;

	wire_open(&end, state);
	next_hello(&end, &frame);
	plain_send(&end, &pong, NULL);
	frame = (struct frame){ 0 };
	plain_expect_delivery(&end, &frame, 1);
	while (!wire_receive(end.fd, &frame, in, deadline_in(1500)))
		assert_int_equal(frame.flags, FRAME_MAP);
	assert_int_equal(errno, ETIMEDOUT);
	/* No second connection: nobody waits at our listener. */
	assert_int_equal(wire_accept(end.listener, deadline_in(200)), -1);
	plain_close(&end);
}

/* Row 10: our private type stands last, and says nothing to in-tree. */
static void row10_private_type_is_silent(void **state)
{
	uint8_t ext[FRAME_EXT];
	struct frame frame = { 0 };
	struct plain_end end;

	wire_open(&end, state);
	frame_put_hello(ext, 1, 0x12345678, false);
	memcpy(ext + 8, "\x40\x05\x00\x02\x07\x09", 6);
	send_hello_ping(&end, ext);
	expect_pong(&end);
	memcpy(frame.ext, "\x40\xff\xff\xff\xff\xff", 6);
	plain_expect_delivery(&end, &frame, 2);
	frame = (struct frame){ 0 };
	plain_expect_delivery(&end, &frame, 3);
	assert_int_equal(remote_log_has(&end.remote, WARNING), 0);
	plain_close(&end);
}

/* The same behind the port rule, which the older ones do name in their log, and stop there. */
static void row10_private_type_after_the_port_rule(void **state)
{
	uint8_t ext[FRAME_EXT];
	struct frame frame = { 0 };
	struct plain_end end;

	wire_open(&end, state);
	frame_put_hello(ext, 1, 0x12345678, true);
	memcpy(ext + 10, "\x40\x05\x00\x02\x07\x09", 6);
	send_hello_ping(&end, ext);
	expect_pong(&end);
	plain_expect_delivery(&end, &frame, 2);
	assert_int_equal(remote_log_has(&end.remote, WARNING_OF_OURS), 0);
	assert_int_equal(wire_accept(end.listener, deadline_in(200)), -1);
	plain_close(&end);
}

/* Our map carries it too: it is taken as any other map. */
static void row10_private_type_in_a_map(void **state)
{
	static uint8_t map[FRAME_MAP_BYTES];
	struct frame frame = { .flags = FRAME_MAP, .len = FRAME_MAP_BYTES };
	struct plain_end end;

	wire_open(&end, state);
	frame_put_hello(frame.ext, 0, 0x12345678, false);
	memcpy(frame.ext + 5, "\x40\x01\x00\x00\x00\x00", 6);
	assert_int_equal(wire_send(end.fd, &frame, map), 0);
	frame = (struct frame){ 0 };
	plain_expect_delivery(&end, &frame, 4);
	assert_int_equal(remote_log_has(&end.remote, WARNING), 0);
	plain_close(&end);
}

/* Row 12: nothing of it is looked at. */
static void row12_random_fields(void **state)
{
	static const struct frame frames[] = {
		{ .ack = 0x0123456789abcdef },
		{ .credit = 0xff },
		{ .padding = 0xdeadbeef },
		{ .csum = 0x1234 },
		{ .flags = 0xe2 },
		{ .ack = UINT64_MAX, .credit = 1, .padding = 2, .csum = 3, .flags = 0xea },
	};
	struct plain_end end;
	uint32_t i;

	wire_open(&end, state);
	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct frame frame = frames[i];

		plain_expect_delivery(&end, &frame, 10 + i);
	}
	plain_close(&end);
}

/* The next map; how many of its bits are set. */
static unsigned int next_map(struct plain_end *end, struct deadline deadline)
{
	unsigned int bits = 0;
	struct frame frame;
	size_t i;

	do {
		if (wire_receive(end->fd, &frame, in, deadline))
			fail_msg("no map: %s", strerror(errno));
	} while (frame.flags != FRAME_MAP);
	assert_int_equal(frame.len, FRAME_MAP_BYTES);
	for (i = 0; i < FRAME_MAP_BYTES; i++)
		bits += (unsigned int)__builtin_popcount(in[i]);
	return bits;
}

/* No map that came until now, or comes in a while, has a bit. */
static void expect_no_bit(struct plain_end *end)
{
	struct deadline deadline = deadline_in(1000);
	struct frame frame;
	size_t i;

	while (!wire_receive(end->fd, &frame, in, deadline))
		for (i = 0; frame.flags == FRAME_MAP && i < FRAME_MAP_BYTES; i++)
			assert_int_equal(in[i], 0);
	assert_int_equal(errno, ETIMEDOUT);
}

/* Row 15: one byte more than half of the receive buffer, and the map has the bit of that port. */
static void row15_the_map_has_exactly_that_bit(void **state)
{
	struct flow flow = { .seed = 700, .min = PLAIN_SIZE, .max = PLAIN_SIZE };
	struct flow_result result;
	struct plain_end end;
	struct frame frame;
	uint16_t port;

	wire_open(&end, state);
	end.far = rds_addr_port(&end.far, 0);
	assert_int_equal(remote_open(&end.remote, &end.far, 0), 0);
	end.far = end.remote.addr;
	port = rds_port(&end.far);
	while ((flow.count + 1) * PLAIN_SIZE <= RDS_DEFAULT_SPACE) {
		frame = (struct frame){ 0 };
		plain_send_data(&end, &frame, flow.seed + flow.count++);
	}
	expect_no_bit(&end);
	frame = (struct frame){ 0 };
	plain_send_data(&end, &frame, flow.seed + flow.count++);
	assert_int_equal(next_map(&end, soon()), 1);
	assert_int_equal(in[port >> 3], 1 << (port & 7));

	assert_int_equal(remote_receive_start(&end.remote, &end.near, &flow, LIMIT_MS), 0);
	assert_int_equal(remote_finish(&end.remote, &result), 0);
	flow_assert("their receiver", &result, &flow);
	assert_int_equal(next_map(&end, soon()), 0);
	plain_close(&end);
}

/* The duplicate rule that ours follows, with in-tree as the oracle. */
static void sequence__duplicate_rule(void **state)
{
	struct frame frame = { 0 }, old = {
		.len = PLAIN_SIZE, .flags = FRAME_AGAIN, .sport = PLAIN_PORT,
	};
	struct plain_end end;

	wire_open(&end, state);
	end.seq = 1000;
	plain_expect_delivery(&end, &frame, 1);
	/* Marked and old: dropped, or the next flow would meet it. */
	end.seq = 999;
	old.dport = rds_port(&end.far);
	plain_send(&end, &old, NULL);
	/* Old, and not marked: taken. */
	end.seq = 7;
	frame = (struct frame){ 0 };
	plain_expect_delivery(&end, &frame, 2);
	/* Marked, and the next: taken. */
	frame = (struct frame){ .flags = FRAME_AGAIN };
	plain_expect_delivery(&end, &frame, 3);
	end.seq = 1ull << 60;
	frame = (struct frame){ 0 };
	plain_expect_delivery(&end, &frame, 4);
	plain_close(&end);
}

/*
 * Row 11, to be the last: it leaves a line in the log. A type below 16 is misread byte by byte, and
 * the line names it.
 */
static void row11_low_private_type_is_misread(void **state)
{
	static const uint8_t ext[FRAME_EXT] = { 5, 0, 1, 9, 5, 0, 2 };
	struct plain_end end;

	wire_open(&end, state);
	assert_int_equal(remote_log_has(&end.remote, WARNING_OF_9), 0);
	send_hello_ping(&end, ext);
	expect_pong(&end);
	assert_int_equal(remote_log_has(&end.remote, WARNING_OF_9), 1);
	plain_close(&end);
}

#define ADD(function, many) role_add(&suite, #function, function, roles, many)

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "intree_wire" };

	ADD(row5_what_in_tree_sends, 2);
	role_add(&suite, "row6_told_of_eight_it_opens_eight", row6_told_of_eight_it_opens_eight,
		 &roles[2], 1);
	ADD(row8_pong_without_paths, 1);
	ADD(row10_private_type_is_silent, 3);
	ADD(row10_private_type_in_a_map, 3);
	ADD(row10_private_type_after_the_port_rule, 1);
	ADD(row12_random_fields, 3);
	ADD(row13_pong_has_a_number_of_its_own, 3);
	ADD(row15_the_map_has_exactly_that_bit, 3);
	ADD(sequence__duplicate_rule, 3);
	ADD(row11_low_private_type_is_misread, 1);
	return suite_run_unloaded(&suite, argc, argv);
}
