/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A test's peer on the wire: the module in ns[0] of a topology, and in ns[1] plain TCP sockets that
 * speak RDS frame by frame (frame.h), as an in-tree peer begins. Everything here fails the test
 * when it cannot be done.
 */
#ifndef TESTS_WIRE_PEER_H
#define TESTS_WIRE_PEER_H

#include "counters.h"
#include "frame.h"
#include "topology.h"

#define PEER_PORT 4000
#define PEER_MESSAGE 3000	/* bytes of an ordinary message */

extern uint8_t peer_out[1 << 20], peer_in[1 << 20];

/* For tests in which it does not matter who dials. */
extern const struct variant peer_dials[];

struct peer {
	struct topology *topology;
	const struct netns *ns;		/* the module's */
	int rds;
	union rds_addr near, far;	/* the module's socket; the peer, at PEER_PORT */
	int listener;
	int fd;
	uint64_t seq;			/* of the peer's next frame */
	struct counters before;
};

struct deadline soon(void);

/* A socket of the module and a listener of the peer; no connection yet. */
struct peer peer_open(void **state);
/* The TCP connection, from whichever side has to make it. */
void peer_connect(struct peer *peer);
/* Both, then the peer's map, and an answer to our handshake, as in-tree does. */
struct peer peer_up(void **state);

/* Teardown closes it. */
int peer_owns(struct peer *peer, int fd);
void peer_reset(struct peer *peer);
/* Makes the side that dials want a connection; -1 if it ended ours before we looked. */
int peer_wake_up(struct peer *peer);

/* Counters of the module's namespace, since they were remembered. */
void peer_remember(struct peer *peer);
uint64_t peer_moved(const struct peer *peer, const char *counter);
void peer_expect_moved(const struct peer *peer, const char *counter, uint64_t by);

bool frame_is_hello(const struct frame *frame);
void peer_send(struct peer *peer, struct frame *frame, const void *payload);
void peer_wait_hello(struct peer *peer);
void peer_answer_hello(struct peer *peer);
/* The other answer: one of ours, with one lane, that acknowledges deliveries. */
void peer_says_ours(struct peer *peer);
/* The TCP connection, the peer's map, and that answer. */
void peer_connect_as_ours(struct peer *peer);
/* The next frame that is neither a map nor the handshake; that is answered. Payload in peer_in. */
void peer_next_message(struct peer *peer, struct frame *frame);

/* The module sends a pattern of peer_out to the peer, without waiting. */
void peer_gets(struct peer *peer, size_t length, uint32_t seed);
/* A message of the peer arrives: the stream is still understood. */
void peer_expect_delivery(struct peer *peer, uint32_t seed);

#endif
