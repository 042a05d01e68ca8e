// SPDX-License-Identifier: GPL-2.0
/*
 * In the middle of a large message the module lets a part of it come together in TCP before it
 * reads (src/tcp_part.c). A peer that sends less than a part, and then waits, must not notice.
 */
#include <string.h>

#include "array.h"
#include "diag.h"
#include "pattern.h"
#include "suite.h"
#include "wire_peer.h"

#define LARGE (1 << 20)
#define PIECE (100 * 1024)	/* some parts, whatever their size */
#define LITTLE 1000		/* less than any part */
#define SOME 18000		/* more than the smallest part */
#define SEED 5

/* A message in pieces. */
struct pieces {
	struct peer *peer;
	size_t length, sent;
};

/* The header and the first piece of the payload in one segment, if it is small enough for that. */
static struct pieces begin_with(struct peer *peer, size_t length, size_t first, uint8_t flags,
				uint64_t seq)
{
	static uint8_t both[FRAME_HEADER + LARGE];
	struct pieces pieces = { .peer = peer, .length = length, .sent = first };
	struct frame frame = {
		.len = (uint32_t)length, .sport = PEER_PORT, .dport = rds_port(&peer->near),
		.flags = flags, .seq = seq,
	};

	pattern_fill(peer_out, length, SEED);
	frame_encode(&frame, both);
	memcpy(both + FRAME_HEADER, peer_out, first);
	assert_int_equal(wire_send_bytes(peer->fd, both, FRAME_HEADER + first), 0);
	return pieces;
}

static struct pieces begin(struct peer *peer, size_t length, uint8_t flags, uint64_t seq)
{
	return begin_with(peer, length, 0, flags, seq);
}

static void more(struct pieces *pieces, size_t bytes)
{
	assert_true(bytes <= pieces->length - pieces->sent);
	assert_int_equal(wire_send_bytes(pieces->peer->fd, peer_out + pieces->sent, bytes), 0);
	pieces->sent += bytes;
}

static void arrives(const struct peer *peer, size_t length)
{
	assert_int_equal(rds_recv(peer->rds, peer_in, sizeof(peer_in), NULL, 0), (ssize_t)length);
	assert_int_equal(pattern_check(peer_in, length, SEED), -1);
}

/* All that was sent is with the module, and not in TCP. */
static void expect_read(const struct peer *peer)
{
	struct deadline deadline = soon();

	assert_true(wire_wait_acked(peer->fd, deadline));
	while (diag_unread(peer->ns, RDS_TCP_PORT)) {
		if (deadline_over(&deadline))
			fail_msg("%ld bytes are not read", diag_unread(peer->ns, RDS_TCP_PORT));
		deadline_step();
	}
}

/* What is less than a part is read a little later; if more of it comes so slowly, at once. */
static void part__of_a_slow_peer(void **state)
{
	struct peer peer = peer_up(state);
	struct pieces pieces = begin(&peer, LARGE, 0, peer.seq++);
	uint64_t late;
	int i;

	more(&pieces, PIECE);
	expect_read(&peer);
	for (i = 0; i < 10; i++) {
		more(&pieces, LITTLE);
		expect_read(&peer);
	}
	late = peer_moved(&peer, "recv_part_late");
	assert_true(late >= 1);
	for (i = 0; i < 10; i++) {
		more(&pieces, LITTLE);
		expect_read(&peer);
	}
	assert_int_equal(peer_moved(&peer, "recv_part_late"), late);
	/* Nor does it hold a buffer for each of them. */
	assert_true(peer_moved(&peer, "recv_copied_small") >= 20);
	assert_int_equal(peer_moved(&peer, "recv_queued"), 0);
	more(&pieces, LARGE - pieces.sent);
	arrives(&peer, LARGE);
	peer_expect_delivery(&peer, 6);
}

/* The last piece of a message is no part of anything, and the next header belongs to nobody. */
static void part__ends_with_the_message(void **state)
{
	struct peer peer = peer_up(state);
	static const size_t lengths[] = { 16383, 16384, 16385, 65536, 100000, 262144, LARGE };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		struct pieces pieces = begin(&peer, lengths[i], 0, peer.seq++);
		struct frame next = {
			.len = PEER_MESSAGE, .sport = PEER_PORT, .dport = rds_port(&peer.near),
		};
		uint64_t late;

		more(&pieces, lengths[i] - 1);
		expect_read(&peer);
		late = peer_moved(&peer, "recv_part_late");
		more(&pieces, 1);
		arrives(&peer, lengths[i]);
		assert_int_equal(peer_moved(&peer, "recv_part_late"), late);
		peer_send(&peer, &next, peer_out);
		arrives(&peer, PEER_MESSAGE);
	}
}

/*
 * The module sees the header, and lets it lie with what came behind it: TCP would acknowledge both.
 * More does not come, so a while later it takes them.
 */
static void part__of_which_the_header_is_one(void **state)
{
	struct peer peer = peer_up(state);
	uint64_t before, late = 0;
	int i;

	for (i = 0; i < 50 && !late; i++) {
		struct pieces pieces;

		/* In one go: parts grow with what comes together. */
		begin_with(&peer, LARGE, LARGE, 0, peer.seq++);
		arrives(&peer, LARGE);
		before = peer_moved(&peer, "recv_part_late");
		pieces = begin_with(&peer, LARGE, SOME, 0, peer.seq++);
		expect_read(&peer);
		late = peer_moved(&peer, "recv_part_late") - before;
		more(&pieces, LARGE - pieces.sent);
		arrives(&peer, LARGE);
	}
	assert_true(late >= 1);
}

/* The connection goes while a part is waited for; the same message comes by the next one. */
static void part__then_a_reset(void **state)
{
	struct peer peer = peer_up(state);
	uint64_t seq = peer.seq++;
	struct pieces pieces = begin(&peer, LARGE, 0, seq);
	int i;

	for (i = 1; i <= 5; i++) {
		more(&pieces, PIECE + LITTLE);
		peer_reset(&peer);
		peer_expect_moved(&peer, "conn_drop_peer", (uint64_t)i);
		peer_connect(&peer);
		assert_int_equal(wire_send_map(peer.fd), 0);
		pieces = begin(&peer, LARGE, FRAME_AGAIN, seq);
	}
	more(&pieces, LARGE);
	arrives(&peer, LARGE);
	assert_int_equal(peer_moved(&peer, "recv_delivered"), 1);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "part" };

	pattern_prepare();
	SUITE_ADD(&suite, part__of_a_slow_peer, peer_dials);
	SUITE_ADD(&suite, part__ends_with_the_message, peer_dials);
	SUITE_ADD(&suite, part__of_which_the_header_is_one, peer_dials);
	SUITE_ADD(&suite, part__then_a_reset, peer_dials);
	return suite_run(&suite, argc, argv);
}
