/* SPDX-License-Identifier: GPL-2.0 */
/* The two sockets most tests need, and checked messages between them. */
#ifndef TESTS_ENDS_H
#define TESTS_ENDS_H

#include <stddef.h>
#include <stdint.h>

#include "topology.h"

struct ends {
	struct topology *topology;
	union rds_addr near, far;
	int tx, rx;	/* bound to near and far; teardown closes them */
};

struct ends ends_open(void **state);

/* The same with a single connection between them: for tests that count connections. */
struct ends ends_open_one_lane(void **state);

/* Sends a pattern from a buffer of its own; a refusal fails the test. */
void send_pattern(int fd, size_t length, uint32_t seed, const union rds_addr *to);

/* Receives one message and fails the test unless length, contents and sender are right. */
void receive_pattern(int fd, size_t length, uint32_t seed, const union rds_addr *expected);

/* One checked message each way, of that length: the connection is up, and both ends know it. */
void ends_there_and_back(const struct ends *ends, size_t length, uint32_t seed);

/*
 * Sends pieces until ENOBUFS says that the receiver is full, and returns how many went out, with
 * the seeds from 0 on. The map has to travel, so EAGAIN (own queue) and patience are part of it.
 */
uint32_t ends_fill(const struct ends *ends, size_t piece);

/* Until the send buffer is empty: all that was sent has reached the peer's TCP. */
void ends_wait_acknowledged(int fd);

/* An address on the first wire that nobody answers for, port 9. */
union rds_addr nobody_home(const struct topology *topology);

#endif
