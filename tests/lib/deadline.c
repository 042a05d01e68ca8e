// SPDX-License-Identifier: GPL-2.0
/* Deadlines on the monotonic clock, stretched for slow machines. */
#include <stdlib.h>
#include <time.h>

#include "deadline.h"

uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

unsigned int time_scale(void)
{
	const char *text = getenv("RDSZ_SLOW");
	int scale = text ? atoi(text) : 1;

	return scale > 0 ? (unsigned int)scale : 1;
}

struct deadline deadline_in(unsigned int ms)
{
	return (struct deadline){ .end_ms = clock_ms() + (uint64_t)ms * time_scale() };
}

bool deadline_over(const struct deadline *deadline)
{
	return clock_ms() >= deadline->end_ms;
}

int deadline_left_ms(const struct deadline *deadline)
{
	uint64_t now = clock_ms();

	return now >= deadline->end_ms ? 0 : (int)(deadline->end_ms - now);
}

void deadline_step(void)
{
	struct timespec step = { .tv_nsec = 2000000 };

	nanosleep(&step, NULL);
}
