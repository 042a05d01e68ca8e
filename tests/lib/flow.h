/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Streams of messages that both ends can compute: message i has a length and a pattern, so a
 * receiver knows what must come next without being told. What is found goes into a result that can
 * travel to the other VM; only flow_assert() fails a test.
 */
#ifndef TESTS_FLOW_H
#define TESTS_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rds.h"

#define FLOW_DEPTH 64

struct flow {
	uint32_t seed;		/* of message 0; message i has the pattern seed + i */
	uint32_t count;
	uint32_t min, max;	/* bytes; both occur, what lies between is spread over all orders */
	uint32_t zerocopy;	/* MSG_ZEROCOPY with a cookie, except for empty messages */
	uint32_t gaps;		/* messages that may be missing if the far end is known to lose */
};

struct flow_result {
	uint64_t bytes;
	uint32_t messages;	/* sent, or received; those that may be missing included */
	uint32_t missing;	/* of them */
	uint32_t wrong;		/* messages and cookies that were not what they had to be */
	uint32_t cookies;
	uint32_t copied;	/* cookies told as "copied" */
	int32_t error;		/* errno that ended it early, else 0 */
	char text[128];		/* the first thing that was wrong */
};

size_t flow_length(const struct flow *flow, uint32_t i);

/* All of the flow was sent, or received, and nothing was wrong with it. */
void flow_assert(const char *who, const struct flow_result *result, const struct flow *flow);

/* ---- sending: up to FLOW_DEPTH cookies are out, each buffer is overwritten at its cookie ---- */

struct flow_tx {
	int fd;
	union rds_addr to;
	struct flow flow;
	struct flow_result result;
	unsigned char *buffers;			/* FLOW_DEPTH slots of flow.max bytes */
	uint32_t cookie[FLOW_DEPTH];		/* of the message in a slot */
	bool busy[FLOW_DEPTH];
	uint32_t out;				/* busy slots: cookies that must come back */
	uint32_t most;				/* the most that were out at once */
};

int flow_tx_open(struct flow_tx *tx, int fd, const union rds_addr *to, const struct flow *flow);
void flow_tx_close(struct flow_tx *tx);

/* One message, without waiting; false when it cannot be sent now, or there is no more to send. */
bool flow_tx_send(struct flow_tx *tx);

/* Takes the cookies that are there; returns how many. */
uint32_t flow_tx_reap(struct flow_tx *tx);

/* All is sent and every cookie is back, or it failed. */
bool flow_tx_done(const struct flow_tx *tx);

/* Sleeps a little, less if a cookie or room comes. */
void flow_tx_wait(struct flow_tx *tx);

/* The whole of it; limit_ms is stretched like every bound. */
void flow_send(int fd, const union rds_addr *to, const struct flow *flow, unsigned int limit_ms,
	       struct flow_result *result);

/* ---- receiving ---- */

struct flow_rx {
	int fd;
	union rds_addr from;	/* who must have sent it */
	struct flow flow;
	struct flow_result result;
	unsigned char *buffer;
	size_t length;		/* of the message in the buffer */
};

int flow_rx_open(struct flow_rx *rx, int fd, const union rds_addr *from, const struct flow *flow);
void flow_rx_close(struct flow_rx *rx);

/* Takes and checks one message, without waiting; false when there is none. */
bool flow_rx_take(struct flow_rx *rx);

bool flow_rx_done(const struct flow_rx *rx);

/* Nothing more may come for a while: one that does is one too many. */
void flow_rx_expect_quiet(struct flow_rx *rx);

void flow_receive(int fd, const union rds_addr *from, const struct flow *flow,
		  unsigned int limit_ms, struct flow_result *result);

#endif
