/* SPDX-License-Identifier: GPL-2.0 */
/* Looking at and killing the TCP connections of a namespace, through inet_diag. */
#ifndef TESTS_DIAG_H
#define TESTS_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "rds.h"

/* Aborts (RST) every connection from or to a TCP port; returns how many, -1 on failure. */
int diag_kill(const struct netns *ns, uint16_t port);

/* The same, and waits for one if they are just being made anew; false when it takes too long. */
bool diag_kill_next(const struct netns *ns, uint16_t port);

/* How many there are, in any state but LISTEN and TIME_WAIT. */
int diag_count(const struct netns *ns, uint16_t port);

/*
 * The lanes of connections: the low three bits of the port of the side that dialled. Aborts those
 * of one lane; counts those of each, and returns how many in all.
 */
#define DIAG_LANES 8
int diag_kill_lane(const struct netns *ns, uint16_t port, unsigned int lane);
int diag_lanes(const struct netns *ns, uint16_t port, unsigned int count[DIAG_LANES]);

/* The same for those that are established and have this local address. */
int diag_lanes_of(const struct netns *ns, uint16_t port, const union rds_addr *local,
		  unsigned int count[DIAG_LANES]);

/* How many are established and have this local address, and how many of them this side dialled. */
int diag_dialled_of(const struct netns *ns, uint16_t port, const union rds_addr *local,
		    unsigned int *dialled);

/*
 * Waits until this address has one connection of each lane; false, and says what it has, when it
 * takes too long. A socket goes to its lane with its next message, if nothing is under way.
 */
bool diag_wait_lanes(const struct netns *ns, uint16_t port, const union rds_addr *local);

/*
 * Bytes that the near TCP of each lane has sent, or is about to send, and nobody has acknowledged.
 */
int diag_lanes_unacked(const struct netns *ns, uint16_t port, uint64_t bytes[DIAG_LANES]);

/* Waits until they are that many in all lanes together; false, and says how many, if not. */
bool diag_wait_unacked(const struct netns *ns, uint16_t port, uint64_t min, uint64_t max);

/* Bytes that have come by these connections and that nobody has read; -1: no answer. */
long diag_unread(const struct netns *ns, uint16_t port);

/* Bytes that the peer of the only connection offers to take; -1: there is none, or more. */
long diag_window(const struct netns *ns, uint16_t port);

#endif
