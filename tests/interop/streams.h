/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Streams both ways between two machines, by some pairs of sockets on the same two addresses, and
 * something that happens in their middle.
 */
#ifndef TESTS_STREAMS_H
#define TESTS_STREAMS_H

#include "counters.h"
#include "remote.h"
#include "role.h"

#define STREAMS_MAX 8
#define STREAMS_LIMIT_MS 60000
#define STREAMS_MESSAGE_MS 12	/* and for each message so much more: 3 when nothing else runs */

struct stream {
	struct pair pair;
	struct flow flow;
	struct flow_result ours, theirs;
	union {
		struct flow_tx tx;	/* of one that goes to the peer */
		struct flow_rx rx;	/* of one that comes from it */
	};
};

struct streams {
	size_t count;			/* so many each way */
	struct stream out[STREAMS_MAX], in[STREAMS_MAX];
	struct remote helper;
	struct counters before;		/* when no socket was open yet */
	uint32_t happened;
	uint32_t gaps;			/* of all streams to the peer together */
};

typedef void happening(struct streams *streams);

/* Messages of 0 to @max bytes by zerocopy, @messages for each pair of sockets. */
void streams_open(struct streams *streams, const struct role *role, size_t count,
		  uint32_t messages, uint32_t max);

/*
 * First contact is over, in which messages of in-tree RDS may be lost with a lane, or be overtaken:
 * for tests of what happens later.
 */
void streams_settle(struct streams *streams);

/* So many messages to the peer may be missing in all, where it is known to lose some. */
void streams_allow_gaps(struct streams *streams, uint32_t gaps);

/*
 * How many in-tree RDS of the peer's kernel may lose of what we send it, in a test in which it
 * drops its connections a few times itself.
 *
 * Up to 6.12 it closes its TCP socket at once. What comes between the moment in which it takes its
 * callbacks out and the close is acknowledged and never read, and one segment may hold many small
 * messages: of some 60 such tests against 5.10 and 6.1 four lost some, 53 (on a busy host), 21, 4
 * and 1. Twice the most.
 *
 * From 7.x on it reads until we have closed, too (or 5 s): none was lost in 22 tests.
 */
uint32_t streams_gaps_of_in_tree(void);

/* Has the peer a kernel from 7.x on? */
bool peer_is_7_or_newer(void);

/* To their end; @happens is called @times over, while streams are under way in both directions. */
void streams_run(struct streams *streams, happening *happens, uint32_t times);

/* All came, in order, and each pair of sockets still works. Returns how many the peer lost. */
uint32_t streams_finish(struct streams *streams, uint32_t times);

uint64_t streams_moved(const struct streams *streams, const char *counter);

/* One flow there and one back between two sockets: all is well with the connection. */
void pair_settle(struct pair *pair, const struct flow *flow);

#endif
