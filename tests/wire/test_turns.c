// SPDX-License-Identifier: GPL-2.0
/*
 * Who goes next on a connection (src/queue.c). A peer that does not read lets TCP fill; what the
 * sockets send then waits in the module, and the order in which it comes out is seen on the wire.
 */
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "diag.h"
#include "pattern.h"
#include "suite.h"
#include "wire_peer.h"

#define LARGE (1 << 20)
#define SMALL 256
#define SPACE (64 << 20)	/* send buffer: nothing is refused */
#define BACKLOG 24		/* large messages */
#define TCP_HAS 5		/* of them, at most: not sent yet, or not read by the peer */
#define QUICK_RUN (LARGE / (SMALL + 1024))	/* small ones that cost as much as a large one */

/* A socket of the module beside the peer's own, with what was sent by it and has arrived. */
struct sender {
	int fd;
	uint16_t port;
	uint32_t sent, arrived;
};

static struct sender sender_open(struct peer *peer)
{
	union rds_addr addr;
	struct sender sender = { .fd = topology_near(peer->topology, &addr) };

	sender.port = rds_port(&addr);
	assert_int_equal(rds_set_buffers(sender.fd, SPACE, 0), 0);
	return sender;
}

/* Its n-th message has the pattern of n, the port that of the socket. */
static void sender_sends_to(struct peer *peer, struct sender *sender, uint16_t port, size_t length)
{
	union rds_addr to = rds_addr_port(&peer->far, port);

	pattern_fill(peer_out, length, sender->sent++);
	assert_int_equal(rds_send(sender->fd, peer_out, length, &to, MSG_DONTWAIT),
			 (ssize_t)length);
}

static void sender_sends(struct peer *peer, struct sender *sender, size_t length)
{
	sender_sends_to(peer, sender, PEER_PORT, length);
}

/* The next frame is the next message of one of the senders; which, is returned. */
static size_t next_arrives(struct peer *peer, struct sender *senders, size_t count)
{
	struct frame frame;
	size_t i;

	peer_next_message(peer, &frame);
	for (i = 0; i < count && senders[i].port != frame.sport; i++)
		;
	assert_true(i < count);
	assert_int_equal(frame.dport, PEER_PORT);
	assert_int_equal(pattern_check(peer_in, frame.len, senders[i].arrived), -1);
	senders[i].arrived++;
	return i;
}

/* A connection on which TCP has enough, and more than enough of some sockets waits. */
static struct peer peer_behind(void **state, struct sender *bulk, size_t count)
{
	struct peer peer = peer_up(state);
	size_t i;

	for (i = 0; i < count; i++)
		bulk[i] = sender_open(&peer);
	for (i = 0; i < BACKLOG; i++)
		sender_sends(&peer, &bulk[i % count], LARGE);
	assert_true(counter_wait(peer.ns, &peer.before, "tcp_unsent_waits", 1, soon()) ||
		    peer_moved(&peer, "tcp_sndbuf_full"));
	return peer;
}

/* Of all that eight sockets sent before it, what is not with TCP yet lets it pass. */
static void small__does_not_wait_for_the_large_of_others(void **state)
{
	struct sender senders[9];
	struct peer peer = peer_behind(state, senders, 8);
	size_t before = 0;

	senders[8] = sender_open(&peer);
	sender_sends(&peer, &senders[8], SMALL);
	while (next_arrives(&peer, senders, 9) != 8)
		before++;
	print_message("# %zu of %d went before it\n", before, BACKLOG);
	assert_in_range(before, 1, TCP_HAS);
	while (++before <= BACKLOG)
		next_arrives(&peer, senders, 8);
}

/* However large TCP's buffer is, most waits where it can be overtaken. */
static void unsent__is_bounded(void **state)
{
	uint64_t bytes[DIAG_LANES];
	struct sender bulk;
	struct peer peer;

	topology_sysctl(*state, "tcp_sndbuf", BACKLOG * LARGE);
	peer = peer_behind(state, &bulk, 1);
	peer_expect_moved(&peer, "tcp_unsent_waits", 1);
	assert_true(diag_lanes_unacked(peer.ns, RDS_TCP_PORT, bytes) > 0);
	assert_in_range(bytes[0], 1, TCP_HAS * LARGE);
	while (bulk.arrived < BACKLOG)
		next_arrives(&peer, &bulk, 1);
}

/* However many small ones there are: both kinds have the same share. */
static void large__has_its_turn(void **state)
{
	struct sender senders[3];
	struct peer peer = peer_behind(state, senders, 1);
	int i;

	senders[1] = sender_open(&peer);
	senders[2] = sender_open(&peer);
	for (i = 0; i < 4 * QUICK_RUN; i++)
		sender_sends(&peer, &senders[1], SMALL);
	sender_sends(&peer, &senders[2], LARGE);
	while (next_arrives(&peer, senders, 3) != 2)
		;
	/* The backlog and this one take turns, and the backlog was first. */
	assert_in_range(senders[1].arrived, QUICK_RUN, 2 * QUICK_RUN + 2);
	while (senders[1].arrived < senders[1].sent)
		next_arrives(&peer, senders, 3);
}

/* Those with large messages take turns, too, however much one of them has queued. */
static void large__of_others_takes_turns(void **state)
{
	struct sender senders[2];
	struct peer peer = peer_behind(state, senders, 1);

	senders[1] = sender_open(&peer);
	sender_sends(&peer, &senders[1], LARGE);
	sender_sends(&peer, &senders[1], LARGE);
	while (senders[1].arrived < 2)
		next_arrives(&peer, senders, 2);
	assert_in_range(senders[0].arrived, 1, TCP_HAS + 2);
}

/* Small or large, the messages of a pair of sockets go in order; numbers go up by one. */
static void order__of_each_pair(void **state)
{
	static const size_t lengths[] = { SMALL, 16383, 16384, 0, 1, 200000, SMALL, 16385, 40000 };
	struct sender senders[5];
	struct peer peer = peer_behind(state, senders, 1);
	size_t total = BACKLOG, i;
	unsigned int seed = 1;

	for (i = 1; i < ARRAY_SIZE(senders); i++)
		senders[i] = sender_open(&peer);
	for (i = 0; i < 200; i++, total++)
		sender_sends(&peer, &senders[rand_r(&seed) % ARRAY_SIZE(senders)],
			     lengths[(unsigned int)rand_r(&seed) % ARRAY_SIZE(lengths)]);
	while (total--)
		next_arrives(&peer, senders, ARRAY_SIZE(senders));
	for (i = 0; i < ARRAY_SIZE(senders); i++)
		assert_int_equal(senders[i].arrived, senders[i].sent);
}

/* What is withdrawn leaves its place to the next of its pair: at the front, within, at the end. */
static void withdrawn__anywhere(void **state)
{
	struct sender senders[2];
	struct peer peer = peer_behind(state, senders, 1);
	struct sender gone = sender_open(&peer);
	union rds_addr other = rds_addr_port(&peer.far, PEER_PORT + 1);
	int i;

	senders[1] = sender_open(&peer);
	for (i = 0; i < 30; i++) {
		size_t length = i % 3 ? SMALL : LARGE / 8;

		pattern_fill(peer_out, length, (uint32_t)i);
		assert_int_equal(rds_send(senders[1].fd, peer_out, length, &other, 0),
				 (ssize_t)length);
		sender_sends(&peer, &senders[1], length);
		sender_sends(&peer, &gone, length);
	}
	assert_int_equal(setsockopt(senders[1].fd, SOL_RDS, RDS_CANCEL_SENT_TO, &other,
				    rds_addr_len(&other)), 0);
	topology_close(peer.topology, gone.fd);
	while (senders[1].arrived < senders[1].sent)
		next_arrives(&peer, senders, 2);
}

/* A socket that sends to very many ports makes as many flows; they end with it. */
static void pairs__very_many(void **state)
{
	struct sender bulk;
	struct peer peer = peer_behind(state, &bulk, 1);
	struct sender many = sender_open(&peer);
	struct frame frame;
	uint16_t port;

	for (port = 2; port < 10000; port++)
		sender_sends_to(&peer, &many, port, 1);
	for (port = 2; port < 10000; port++) {
		do
			peer_next_message(&peer, &frame);
		while (frame.sport == bulk.port);
		assert_int_equal(frame.sport, many.port);
		assert_int_equal(frame.dport, port);
	}
	sender_sends_to(&peer, &many, port, 1);
	topology_close(peer.topology, many.fd);
}

/* After a reset what had been decided comes again first, in its order and with its numbers. */
static void reset__keeps_what_was_decided(void **state)
{
	struct sender senders[2];
	struct peer peer = peer_behind(state, senders, 1);
	struct frame first, frame;
	uint64_t read;

	peer_next_message(&peer, &first);
	assert_int_equal(first.sport, senders[0].port);
	senders[1] = sender_open(&peer);
	sender_sends(&peer, &senders[1], SMALL);
	peer_reset(&peer);
	peer_connect(&peer);
	assert_int_equal(wire_send_map(peer.fd), 0);
	peer_next_message(&peer, &frame);
	assert_int_equal(frame.sport, senders[0].port);
	/* What TCP has acknowledged, in-tree RDS has got. */
	read = frame.seq - first.seq;
	assert_in_range(read, 1, TCP_HAS);
	assert_true(frame.flags & FRAME_AGAIN);
	assert_int_equal(pattern_check(peer_in, frame.len, (uint32_t)read), -1);
	senders[0].arrived = (uint32_t)read + 1;
	while (senders[0].arrived < BACKLOG || !senders[1].arrived)
		next_arrives(&peer, senders, 2);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "turns" };

	pattern_prepare();
	SUITE_ADD(&suite, small__does_not_wait_for_the_large_of_others, variants_one_each);
	SUITE_ADD(&suite, unsent__is_bounded, variants_one);
	SUITE_ADD(&suite, large__has_its_turn, variants_one);
	SUITE_ADD(&suite, large__of_others_takes_turns, variants_one);
	SUITE_ADD(&suite, order__of_each_pair, variants_wire);
	SUITE_ADD(&suite, withdrawn__anywhere, variants_one);
	SUITE_ADD(&suite, pairs__very_many, variants_one);
	SUITE_ADD(&suite, reset__keeps_what_was_decided, variants_one);
	return suite_run(&suite, argc, argv);
}
