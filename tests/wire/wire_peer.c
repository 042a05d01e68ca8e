// SPDX-License-Identifier: GPL-2.0
#include "wire_peer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "pattern.h"
#include "suite.h"

uint8_t peer_out[1 << 20], peer_in[1 << 20];

const struct variant peer_dials[] = {
	{ "the peer dials", WIRE_VETH, 0, 1, 0, 0 },
	{ "the peer dials, v6", WIRE_VETH, 1, 1, 0, 0 },
	{ 0 }
};

struct deadline soon(void)
{
	return deadline_in(DEADLINE_USUAL_MS);
}

int peer_owns(struct peer *peer, int fd)
{
	struct topology *topology = peer->topology;

	if (fd < 0)
		fail_msg("no TCP connection: %s", strerror(errno));
	assert_true(topology->open_count < ARRAY_SIZE(topology->open));
	topology->open[topology->open_count++] = fd;
	return fd;
}

void peer_reset(struct peer *peer)
{
	struct topology *topology = peer->topology;
	size_t i;

	for (i = 0; i < topology->open_count; i++)
		if (topology->open[i] == peer->fd)
			topology->open[i] = -1;
	wire_reset(peer->fd);
}

void peer_remember(struct peer *peer)
{
	assert_int_equal(counters_read(peer->ns, &peer->before), 0);
}

uint64_t peer_moved(const struct peer *peer, const char *counter)
{
	return counter_moved(peer->ns, &peer->before, counter);
}

void peer_expect_moved(const struct peer *peer, const char *counter, uint64_t by)
{
	if (!counter_wait(peer->ns, &peer->before, counter, by, soon()))
		fail_msg("%s did not move", counter);
	assert_int_equal(peer_moved(peer, counter), by);
}

struct peer peer_open(void **state)
{
	struct peer peer = { .topology = *state, .seq = 1, .fd = -1 };

	peer.ns = &peer.topology->ns[0];
	peer.rds = topology_near(peer.topology, &peer.near);
	assert_int_equal(rds_set_timeouts(peer.rds, DEADLINE_USUAL_MS), 0);
	peer.far = rds_addr_port(&peer.topology->far[0], PEER_PORT);
	peer.listener = peer_owns(&peer, wire_listen(&peer.topology->ns[1], &peer.far));
	peer_remember(&peer);
	return peer;
}

bool frame_is_hello(const struct frame *frame)
{
	return frame->sport == 1 && frame->dport == 0 && frame->flags != FRAME_MAP;
}

void peer_send(struct peer *peer, struct frame *frame, const void *payload)
{
	frame->seq = peer->seq++;
	assert_int_equal(wire_send(peer->fd, frame, payload), 0);
}

void peer_answer_hello(struct peer *peer)
{
	struct frame pong = { .dport = 1 };

	frame_put_hello(pong.ext, 8, 0, false);
	peer_send(peer, &pong, NULL);
}

void peer_next_message(struct peer *peer, struct frame *frame)
{
	for (;;) {
		if (wire_receive(peer->fd, frame, peer_in, soon()))
			fail_msg("no frame: %s", strerror(errno));
		if (frame->flags == FRAME_MAP)
			continue;
		if (!frame_is_hello(frame))
			return;
		peer_answer_hello(peer);
	}
}

void peer_gets(struct peer *peer, size_t length, uint32_t seed)
{
	pattern_fill(peer_out, length, seed);
	if (rds_send(peer->rds, peer_out, length, &peer->far, MSG_DONTWAIT) != (ssize_t)length)
		fail_msg("send of %zu bytes: %s", length, strerror(errno));
}

/* Whose port tells lane 0 to those who look at it. */
static union rds_addr lane_zero(const struct peer *peer)
{
	static uint16_t port = 33000;

	port += 8;
	return rds_addr_port(&peer->far, port);
}

/*
 * Somebody has to want a connection where the module is the one that makes it. It may have ended
 * ours before we look.
 */
int peer_wake_up(struct peer *peer)
{
	union rds_addr local = lane_zero(peer);
	int fd = wire_connect(&peer->topology->ns[1], &local, &peer->near, soon());

	return fd < 0 && (errno == ECONNRESET || errno == EPIPE) ? -1 : peer_owns(peer, fd);
}

void peer_connect(struct peer *peer)
{
	union rds_addr local = lane_zero(peer);

	if (peer->topology->variant->swap) {
		peer->fd = peer_owns(peer, wire_connect(&peer->topology->ns[1], &local,
							&peer->near, soon()));
	} else {
		peer_wake_up(peer);
		peer->fd = peer_owns(peer, wire_accept(peer->listener, soon()));
	}
}

void peer_wait_hello(struct peer *peer)
{
	struct frame frame;

	do {
		if (wire_receive(peer->fd, &frame, peer_in, soon()))
			fail_msg("no handshake: %s", strerror(errno));
	} while (!frame_is_hello(&frame));
}

void peer_says_ours(struct peer *peer)
{
	struct frame pong = { .dport = 1, .ext = { 5, 0, 1, 0x40, 1, 0, 0, 0, 1 } };

	peer_send(peer, &pong, NULL);
}

void peer_connect_as_ours(struct peer *peer)
{
	peer_connect(peer);
	assert_int_equal(wire_send_map(peer->fd), 0);
	peer_wait_hello(peer);
	peer_says_ours(peer);
}

struct peer peer_up(void **state)
{
	struct peer peer = peer_open(state);

	peer_connect(&peer);
	assert_int_equal(wire_send_map(peer.fd), 0);
	peer_wait_hello(&peer);
	peer_answer_hello(&peer);
	peer_expect_moved(&peer, "conn_up", 1);
	peer_expect_moved(&peer, "cong_update_received", 1);
	peer_remember(&peer);
	return peer;
}

void peer_expect_delivery(struct peer *peer, uint32_t seed)
{
	struct frame frame = {
		.len = PEER_MESSAGE, .sport = PEER_PORT, .dport = rds_port(&peer->near),
	};
	union rds_addr from;

	pattern_fill(peer_out, PEER_MESSAGE, seed);
	peer_send(peer, &frame, peer_out);
	assert_int_equal(rds_recv(peer->rds, peer_in, sizeof(peer_in), &from, 0), PEER_MESSAGE);
	assert_int_equal(pattern_check(peer_in, PEER_MESSAGE, seed), -1);
	assert_true(rds_addr_equal(&from, &peer->far));
}
