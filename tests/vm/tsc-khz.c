// SPDX-License-Identifier: GPL-2.0
/*
 * Prints the frequency of this machine's time stamp counter in kHz. Emulated guests see the same
 * counter, but on a busy host they measure it wrong, and then all their clocks are wrong.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

#define TRIES 50

struct moment {
	uint64_t ticks, ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Of several tries the one that was interrupted least. */
static struct moment look(void)
{
	struct moment best = { 0 };
	uint64_t shortest = UINT64_MAX, before, took, ns;
	int i;

	for (i = 0; i < TRIES; i++) {
		before = __rdtsc();
		ns = now_ns();
		took = __rdtsc() - before;
		if (took >= shortest)
			continue;
		shortest = took;
		best = (struct moment){ .ticks = before + took / 2, .ns = ns };
	}
	return best;
}

int main(void)
{
	struct moment start = look(), end;

	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	end = look();
	printf("%llu\n", (unsigned long long)((end.ticks - start.ticks) * 1000000 /
					      (end.ns - start.ns)));
	return 0;
}
