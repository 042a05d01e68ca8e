/* SPDX-License-Identifier: GPL-2.0 */
/* One end of an RDS connection by a plain TCP socket (tests/wire), the other in the second VM. */
#ifndef TESTS_PLAIN_END_H
#define TESTS_PLAIN_END_H

#include "frame.h"
#include "remote.h"
#include "role.h"

#define PLAIN_PORT 4000		/* the near RDS port */
#define PLAIN_SIZE 3000

struct plain_end {
	struct remote remote;	/* its socket is the one that we talk to */
	union rds_addr near, far;
	int listener, fd;	/* -1: none */
	uint64_t seq;
};

/* Two addresses that nobody has used, so that the peer knows nothing of them; no connection yet. */
void plain_open(struct plain_end *end, const struct role *role);

/* Dials, and sends an empty map: for the smaller address. */
void plain_dial(struct plain_end *end);
void plain_close(struct plain_end *end);

/* A file descriptor, or the test fails. */
int plain_must(int fd);

/* With the next sequence number. */
void plain_send(struct plain_end *end, struct frame *frame, const void *payload);

/* A message of PLAIN_SIZE bytes to the socket there. */
void plain_send_data(struct plain_end *end, struct frame *frame, uint32_t seed);

/* The same, and it arrives, whatever its header has beside. */
void plain_expect_delivery(struct plain_end *end, struct frame *frame, uint32_t seed);

#endif
