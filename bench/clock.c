// SPDX-License-Identifier: GPL-2.0
/*
 * Nanoseconds without a system call. User Mode Linux has no clock in its vDSO, and a trap for each
 * time stamp would be a good part of a short round trip; the cycle counter is read directly, and
 * measured against the clock once at the start.
 */
#include <time.h>

#include "bench.h"

static uint64_t monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

#ifdef __x86_64__

#include <x86intrin.h>

static uint64_t base_cycles, base_ns;
static double ns_per_cycle;

/* The reading of the two that lay closest together, of several. */
static void both(uint64_t *cycles, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;
	int i;

	for (i = 0; i < 20; i++) {
		uint64_t before = __rdtsc(), at = monotonic_ns(), after = __rdtsc();

		if (after - before >= best)
			continue;
		best = after - before;
		*cycles = before + best / 2;
		*ns = at;
	}
}

void clock_start(void)
{
	struct timespec ts = { .tv_nsec = 100000000 };
	uint64_t cycles, ns;

	both(&base_cycles, &base_ns);
	nanosleep(&ts, NULL);
	both(&cycles, &ns);
	ns_per_cycle = (double)(ns - base_ns) / (double)(cycles - base_cycles);
}

uint64_t now_ns(void)
{
	return base_ns + (uint64_t)((double)(__rdtsc() - base_cycles) * ns_per_cycle);
}

#else

void clock_start(void)
{
}

uint64_t now_ns(void)
{
	return monotonic_ns();
}

#endif
