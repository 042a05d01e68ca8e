/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzzers share: numbers that come again, and a loop of cases that ends in time.
 *
 * A case is drawn from the seed and its own number, so one that failed can be tried alone.
 * Arguments of each program: seconds=N for each test (3), seed=N (1), case=N where to begin.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "array.h"
#include "deadline.h"

/* Of nrand48(). Each thread has one of its own. */
struct random {
	unsigned short state[3];
};

struct random random_from(uint64_t seed, uint64_t number);
uint64_t random_bits(struct random *random);
/* 0 to below - 1. */
uint32_t random_below(struct random *random, uint32_t below);
bool random_once_in(struct random *random, uint32_t times);
void random_fill(struct random *random, void *bytes, size_t length);

/*
 * A number of so many bits from where mistakes are: 0, a power of two or one beside it, all ones;
 * now and then any.
 */
uint64_t random_edge(struct random *random, unsigned int bits);

#define random_of(random, array) ((array)[random_below(random, ARRAY_SIZE(array))])

struct fuzz {
	struct random random;
	uint64_t seed;
	uint64_t next;		/* number of the next case */
	struct deadline end;
};

/* The test's limit becomes one for that many seconds; at its end it says how far it came. */
struct fuzz fuzz_begin(void);

/* Draws the next case; false when the time is over. */
bool fuzz_next(struct fuzz *fuzz);

#endif
