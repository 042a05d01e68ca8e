// SPDX-License-Identifier: GPL-2.0
#include "fuzz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "watch.h"

struct random random_from(uint64_t seed, uint64_t number)
{
	uint64_t mixed = (seed * 1000003 + number) * 0x9e3779b97f4a7c15;
	struct random random;

	/* Neighbours are to have nothing in common: only the upper half differs in every bit. */
	mixed = (mixed ^ mixed >> 32) * 0x9e3779b97f4a7c15 >> 16;
	memcpy(random.state, &mixed, sizeof(random.state));
	return random;
}

uint64_t random_bits(struct random *random)
{
	uint64_t bits = (uint64_t)nrand48(random->state) >> 7;

	bits = bits << 24 | (uint64_t)nrand48(random->state) >> 7;
	return bits << 24 | (uint64_t)nrand48(random->state) >> 7;
}

uint32_t random_below(struct random *random, uint32_t below)
{
	return (uint32_t)((uint64_t)nrand48(random->state) % below);
}

bool random_once_in(struct random *random, uint32_t times)
{
	return !random_below(random, times);
}

void random_fill(struct random *random, void *bytes, size_t length)
{
	uint8_t *to = bytes;

	while (length--)
		*to++ = (uint8_t)random_bits(random);
}

uint64_t random_edge(struct random *random, unsigned int bits)
{
	uint64_t all = bits < 64 ? (1ull << bits) - 1 : ~0ull;
	uint64_t power = 1ull << random_below(random, bits);

	switch (random_below(random, 6)) {
	case 0:
		return 0;
	case 1:
		return all;
	case 2:
		return power;
	case 3:
		return power - 1;
	case 4:
		return (power + 1) & all;
	default:
		return random_bits(random) & all;
	}
}

static uint64_t the_seed, the_case;	/* of the test that runs */

/* Failed or not: this is how to come there again. */
static void say_where(void)
{
	print_message("# ended with case %" PRIu64 " of seed %" PRIu64 "\n", the_case, the_seed);
}

struct fuzz fuzz_begin(void)
{
	unsigned int seconds = (unsigned int)suite_argument("seconds", 3);
	struct fuzz fuzz = {
		.seed = (uint64_t)suite_argument("seed", 1),
		.next = (uint64_t)suite_argument("case", 0),
	};

	watch_limit(seconds + 100);
	fuzz.end.end_ms = clock_ms() + seconds * 1000;	/* not stretched: it is what was asked */
	the_seed = fuzz.seed;
	the_case = 0;
	suite_at_end(say_where);
	return fuzz;
}

bool fuzz_next(struct fuzz *fuzz)
{
	if (deadline_over(&fuzz->end))
		return false;
	the_case = fuzz->next;
	fuzz->random = random_from(fuzz->seed, fuzz->next++);
	return true;
}
