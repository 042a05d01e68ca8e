// SPDX-License-Identifier: GPL-2.0
/*
 * A peer that sends what it likes: frames with fields at their limits, or cut short, in any order
 * and in any pieces, on connections that end in any way. Meanwhile a socket of the module sends to
 * it by zerocopy, and receives. Now and then a peer that does all right has to be served; and at
 * the end each cookie has come back, once, and no page is pinned.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "wire_peer.h"
#include "zc.h"

#define CASES_BETWEEN 50	/* honest peers */
#define FRAMES 24		/* of a connection, at most */
#define BUFFERS 16		/* of the module's socket */
#define BUFFER_SIZE (64 << 10)
#define GREETING_MS 100
#define PROOF 2000		/* bytes of an honest message */
#define FIRST_PORT 20000	/* of ours; the low three bits are the lane */

static const struct variant roles[] = {
	{ "we dial", WIRE_VETH, 0, 0, 0, 0 },
	{ "the peer dials", WIRE_VETH, 0, 1, 0, 0 },
	{ "the peer dials, v6", WIRE_VETH, 1, 1, 0, 0 },
	{ 0 }
};

struct hostile {
	struct fuzz fuzz;
	struct peer peer;		/* the module's socket, our listener */
	int fd;
	int left_open;			/* a connection that nobody uses any more */
	uint64_t seq;			/* of our next frame */
	uint64_t heard;			/* number of the last frame of the module */
	bool lost;			/* we do not know where its next frame begins */
	uint16_t port;			/* the last one that we dialled from */
	unsigned char *memory;
	bool lent[BUFFERS];		/* the number is the cookie */
	uint32_t proofs;
};

static uint8_t noise[1 << 20];

/* ---- the module's socket; refusals are part of it ---- */

static void near_sends(struct hostile *hostile)
{
	struct random *random = &hostile->fuzz.random;
	uint32_t i = random_below(random, BUFFERS);
	size_t length = 1 + random_below(random, random_once_in(random, 8) ? BUFFER_SIZE : 2000);

	if (hostile->lent[i])
		return;
	if (rds_send_zc(hostile->peer.rds, hostile->memory + i * BUFFER_SIZE, length,
			&hostile->peer.far, i, MSG_DONTWAIT) == (ssize_t)length)
		hostile->lent[i] = true;
	else if (errno != EAGAIN && errno != ENOBUFS)
		fail_msg("send: %s", strerror(errno));
}

static void near_reaps(struct hostile *hostile)
{
	uint32_t cookies[BUFFERS];
	struct reap reap;
	size_t i;

	for (;;) {
		reap = reap_errqueue(hostile->peer.rds, cookies, sizeof(cookies), 0);
		if (reap.bytes < 0)
			break;
		for (i = 0; i < reap.cookies; i++) {
			if (cookies[i] >= BUFFERS || !hostile->lent[cookies[i]])
				fail_msg("cookie %u twice, or never sent", cookies[i]);
			hostile->lent[cookies[i]] = false;
			pattern_poison(hostile->memory + cookies[i] * BUFFER_SIZE, BUFFER_SIZE);
		}
	}
	assert_int_equal(errno, EAGAIN);
}

static void near_works(struct hostile *hostile)
{
	uint32_t messages = random_below(&hostile->fuzz.random, 8);

	near_sends(hostile);
	near_reaps(hostile);
	while (messages--)
		if (rds_recv(hostile->peer.rds, peer_in, sizeof(peer_in), NULL, MSG_DONTWAIT) < 0)
			break;
}

static void near_cancels(struct hostile *hostile)
{
	assert_int_equal(setsockopt(hostile->peer.rds, SOL_RDS, RDS_CANCEL_SENT_TO,
				    &hostile->peer.far, rds_addr_len(&hostile->peer.far)), 0);
	near_reaps(hostile);
}

/* ---- TCP ---- */

/* Dials from the port of a lane. -1: refused, which the module may. */
static int dial(struct hostile *hostile, unsigned int lane)
{
	struct topology *topology = hostile->peer.topology;
	union rds_addr local;
	int tries = 100;
	int fd;

	do {
		hostile->port = (hostile->port + 8 - FIRST_PORT) % 8192 / 8 * 8 + FIRST_PORT + lane;
		local = rds_addr_port(&hostile->peer.far, hostile->port);
		fd = wire_connect(&topology->ns[1], &local, &hostile->peer.near, soon());
	} while (fd < 0 && (errno == EADDRINUSE || errno == EADDRNOTAVAIL) && tries--);
	return fd;
}

static void hang_up(int *fd)
{
	if (*fd >= 0)
		wire_reset(*fd);
	*fd = -1;
}

static void hang_up_all(struct hostile *hostile)
{
	hang_up(&hostile->fd);
	hang_up(&hostile->left_open);
}

/*
 * What the module dials. Where it does not, it has one that we left open: those end, and a
 * connection of ours makes it want another.
 */
static int be_dialled(struct hostile *hostile, struct deadline deadline)
{
	int fd, wake;

	while ((fd = wire_accept(hostile->peer.listener, deadline_in(20))) < 0) {
		hang_up_all(hostile);
		if (deadline_over(&deadline))
			fail_msg("the module does not dial");
		wake = dial(hostile, 0);
		if (wake >= 0)
			close(wake);
	}
	return fd;
}

static bool is_lane_0(const struct hostile *hostile)
{
	union rds_addr dialled_from = rds_addr_port(&hostile->peer.far, hostile->port);
	socklen_t length = sizeof(dialled_from);

	if (!hostile->peer.topology->variant->swap)
		getpeername(hostile->fd, &dialled_from.sa, &length);	/* fails: it is reset */
	return rds_port(&dialled_from) % 8 == 0;
}

/* The module waits until a wake-up of its own has ended, before it takes what we dial. */
static void end_wake_ups(struct hostile *hostile)
{
	int fd;

	while ((fd = wire_accept(hostile->peer.listener, deadline_in(0))) >= 0)
		close(fd);
}

/* -1: this time there is none. */
static int connection(struct hostile *hostile, unsigned int lane)
{
	if (hostile->peer.topology->variant->swap) {
		end_wake_ups(hostile);
		return dial(hostile, lane);
	}
	return be_dialled(hostile, soon());
}

static void end_somehow(struct hostile *hostile)
{
	struct random *random = &hostile->fuzz.random;

	switch (random_below(random, 16)) {
	case 0:
		shutdown(hostile->fd, SHUT_WR);
		/* fallthrough */
	case 1:
		hang_up(&hostile->left_open);
		hostile->left_open = hostile->fd;
		break;
	case 2 ... 8:
		close(hostile->fd);
		break;
	default:
		wire_reset(hostile->fd);
	}
	hostile->fd = -1;
}

/* ---- frames ---- */

/* What waits of the module's, as long as it can be told apart. */
static void far_reads(struct hostile *hostile)
{
	struct frame frame;
	int frames = 64;

	while (frames-- && poll(&(struct pollfd){ hostile->fd, POLLIN, 0 }, 1, 0) == 1) {
		if (hostile->lost) {
			if (recv(hostile->fd, peer_in, sizeof(peer_in), MSG_DONTWAIT) <= 0)
				return;
		} else if (wire_receive(hostile->fd, &frame, NULL, deadline_in(10))) {
			hostile->lost = true;
		} else if (frame.flags != FRAME_MAP) {
			hostile->heard = frame.seq;
		}
	}
}

static void put_hello(struct random *random, struct frame *frame, bool ping)
{
	static const uint8_t ours[] = { 5, 0, 1, 0x40, 1, 0, 0, 0, 1 };

	frame->len = 0;
	frame->sport = ping;
	frame->dport = !ping;
	if (random_once_in(random, 2))
		frame_put_hello(frame->ext, (uint16_t)random_edge(random, 4),
				(uint32_t)random_edge(random, 32), random_once_in(random, 2));
	else
		memcpy(frame->ext, ours, sizeof(ours));
}

static void honest_frame(struct hostile *hostile, struct frame *frame)
{
	struct random *random = &hostile->fuzz.random;

	*frame = (struct frame){
		.seq = hostile->seq++, .len = random_below(random, 3000), .sport = PEER_PORT,
		.dport = rds_port(&hostile->peer.near), .ack = hostile->heard,
	};
	switch (random_below(random, 12)) {
	case 0:
		*frame = (struct frame){ .flags = FRAME_MAP, .len = FRAME_MAP_BYTES };
		break;
	case 1:
	case 2:
		put_hello(random, frame, random_once_in(random, 2));
		break;
	case 3:
		frame->dport = 0;	/* a ping */
		frame->len = 0;
		break;
	case 4:
		frame->flags = FRAME_AGAIN;
		frame->seq -= random_below(random, 8);
		break;
	case 5:
		frame->len = 1 << 20;
	}
}

static void spoil(struct random *random, struct frame *frame)
{
	switch (random_below(random, 10)) {
	case 0:
		frame->seq = random_edge(random, 64);
		break;
	case 1:
		frame->ack = random_edge(random, 64);
		break;
	case 2:
		frame->ack += random_below(random, 16) - 8;
		break;
	case 3:
		frame->len = (uint32_t)random_edge(random, 32);
		break;
	case 4:
		frame->sport = (uint16_t)random_edge(random, 16);
		break;
	case 5:
		frame->dport = (uint16_t)random_edge(random, 16);
		break;
	case 6:
		frame->flags = (uint8_t)random_edge(random, 8);
		break;
	case 7:
		frame->credit = (uint8_t)random_bits(random);
		frame->padding = (uint32_t)random_bits(random);
		frame->csum = (uint16_t)random_bits(random);
		break;
	case 8:
		random_fill(random, frame->ext, sizeof(frame->ext));
		break;
	default:
		frame->ext[random_below(random, FRAME_EXT)] = (uint8_t)random_bits(random);
	}
}

/* False where the module has hung up, or reads no more. */
static bool send_in_pieces(struct hostile *hostile, const uint8_t *bytes, size_t length)
{
	struct random *random = &hostile->fuzz.random;
	int patience = 20;
	ssize_t sent;
	size_t piece;

	while (length) {
		piece = length;
		if (random_once_in(random, 4))
			piece = 1 + random_below(random, length < 100 ? (uint32_t)length : 100);
		sent = send(hostile->fd, bytes, piece, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && (errno != EAGAIN || !patience--))
			return false;
		if (sent < 0) {
			near_works(hostile);
			far_reads(hostile);
			deadline_step();
			continue;
		}
		bytes += sent;
		length -= (size_t)sent;
	}
	return true;
}

static bool send_frame(struct hostile *hostile)
{
	struct random *random = &hostile->fuzz.random;
	uint8_t header[FRAME_HEADER];
	struct frame frame;
	uint32_t behind;

	honest_frame(hostile, &frame);
	behind = frame.len;
	while (random_once_in(random, 3))
		spoil(random, &frame);
	if (frame.len <= sizeof(noise) && !random_once_in(random, 8))
		behind = frame.len;
	frame_encode(&frame, header);
	return send_in_pieces(hostile, header, sizeof(header)) &&
	       send_in_pieces(hostile, noise, behind);
}

/* One connection, from its beginning to its end. */
static void one_case(struct hostile *hostile)
{
	struct random *random = &hostile->fuzz.random;
	uint32_t frames = 1 + random_below(random, FRAMES);

	hostile->fd = connection(hostile, random_once_in(random, 4) ? random_below(random, 8) : 0);
	if (hostile->fd < 0)
		return;
	hostile->lost = false;
	/* A new connection of the same lane has to wait until the old one has ended. */
	if (!random_once_in(random, 4))
		hang_up(&hostile->left_open);
	if (!random_once_in(random, 4))
		wire_send_map(hostile->fd);
	/* Who hangs up before the module has taken the connection has sent nothing. */
	if (!random_once_in(random, 8))
		rds_wait(hostile->fd, POLLIN, deadline_in(GREETING_MS));
	while (frames-- && send_frame(hostile)) {
		if (random_once_in(random, 2))
			near_works(hostile);
		if (random_once_in(random, 2))
			far_reads(hostile);
	}
	wire_wait_acked(hostile->fd, deadline_in(GREETING_MS));
	near_works(hostile);
	end_somehow(hostile);
}

/* ---- the proof that nothing is broken ---- */

/* A connection of lane 0 that begins as it should. False: the module ended it. */
static bool begin(struct hostile *hostile)
{
	struct frame frame;

	hostile->fd = connection(hostile, 0);
	if (hostile->fd < 0 || !is_lane_0(hostile) || wire_send_map(hostile->fd))
		return false;
	do {
		if (wire_receive(hostile->fd, &frame, peer_in, deadline_in(2000)))
			return false;
	} while (!frame_is_hello(&frame));
	frame = (struct frame){ .seq = 1, .dport = 1 };
	/* A peer that was started just now: what it said before is of no account. */
	frame_put_hello(frame.ext, 1, 0x10000000 + ++hostile->proofs, false);
	return !wire_send(hostile->fd, &frame, NULL);
}

static void proof_arrives(struct hostile *hostile)
{
	struct frame frame = {
		.seq = 2, .len = PROOF, .sport = PEER_PORT,
		.dport = rds_port(&hostile->peer.near),
	};
	ssize_t got;

	pattern_fill(peer_out, PROOF, hostile->proofs);
	assert_int_equal(wire_send(hostile->fd, &frame, peer_out), 0);
	do {
		got = rds_recv(hostile->peer.rds, peer_in, sizeof(peer_in), NULL, 0);
		if (got < 0)
			fail_msg("an honest message does not arrive: %s", strerror(errno));
	} while (got != PROOF || pattern_check(peer_in, PROOF, hostile->proofs) != -1);
}

static void proof_comes(struct hostile *hostile)
{
	struct deadline deadline = soon();
	struct frame frame;

	near_cancels(hostile);
	pattern_fill(peer_out, PROOF, hostile->proofs);
	while (rds_send(hostile->peer.rds, peer_out, PROOF, &hostile->peer.far, MSG_DONTWAIT) < 0) {
		if (deadline_over(&deadline))
			fail_msg("an honest peer cannot be sent to: %s", strerror(errno));
		near_reaps(hostile);
		deadline_step();
	}
	do {
		if (wire_receive(hostile->fd, &frame, peer_in, deadline))
			fail_msg("an honest peer gets nothing: %s", strerror(errno));
	} while (frame.len != PROOF || pattern_check(peer_in, PROOF, hostile->proofs) != -1);
}

static void honest_peer_is_served(struct hostile *hostile)
{
	struct deadline deadline = soon();

	hang_up_all(hostile);
	while (!begin(hostile)) {
		if (deadline_over(&deadline))
			fail_msg("the module does not greet an honest peer");
		hang_up(&hostile->fd);
	}
	proof_arrives(hostile);
	proof_comes(hostile);
	hang_up(&hostile->fd);
}

static void everything_comes_back(struct hostile *hostile)
{
	struct deadline deadline = soon();
	size_t i;

	near_cancels(hostile);
	for (i = 0; i < BUFFERS; i++) {
		while (hostile->lent[i]) {
			if (deadline_over(&deadline))
				fail_msg("cookie %zu does not come back", i);
			near_reaps(hostile);
			deadline_step();
		}
	}
	assert_int_equal(zc_wait_unpinned(0, soon()), 0);
}

static void frames__of_a_hostile_peer(void **state)
{
	struct hostile hostile = {
		.fuzz = fuzz_begin(), .fd = -1, .left_open = -1, .seq = 1, .port = FIRST_PORT,
	};

	/* Connections that were refused come again soon. */
	topology_sysctl(*state, "reconnect_max_delay_ms", 2);
	hostile.peer = peer_open(state);
	hostile.memory = zc_buffer(BUFFERS * BUFFER_SIZE);
	assert_non_null(hostile.memory);
	assert_int_equal(zc_force(hostile.peer.rds), 0);
	assert_int_equal(rds_set_buffers(hostile.peer.rds, 2 << 20, 4 << 20), 0);
	random_fill(&hostile.fuzz.random, noise, sizeof(noise));
	while (fuzz_next(&hostile.fuzz)) {
		one_case(&hostile);
		if (hostile.fuzz.next % CASES_BETWEEN == 0)
			honest_peer_is_served(&hostile);
	}
	honest_peer_is_served(&hostile);
	everything_comes_back(&hostile);
	zc_buffer_free(hostile.memory, BUFFERS * BUFFER_SIZE);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "fuzz_frames" };

	SUITE_ADD(&suite, frames__of_a_hostile_peer, roles);
	return suite_run(&suite, argc, argv);
}
