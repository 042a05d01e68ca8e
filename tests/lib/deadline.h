/* SPDX-License-Identifier: GPL-2.0 */
/* A moment after which waiting is a failure. */
#ifndef TESTS_DEADLINE_H
#define TESTS_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

struct deadline {
	uint64_t end_ms;
};

uint64_t clock_ms(void);

/* Emulated and debug kernels are slow: RDSZ_SLOW (default 1) stretches every bound. */
unsigned int time_scale(void);

struct deadline deadline_in(unsigned int ms);
bool deadline_over(const struct deadline *deadline);
int deadline_left_ms(const struct deadline *deadline);

/* One short step of a polling loop that has a deadline. */
void deadline_step(void);

/*
 * What a wait of so long takes at least by the clock of a test. The kernel counts ticks; where the
 * host keeps the CPU that counts from running, they are late, and then come all at once.
 */
#define AT_LEAST_MS(limit) ((limit) / 10)

/* How long an operation that must succeed may take. */
#define DEADLINE_USUAL_MS 20000

#endif
