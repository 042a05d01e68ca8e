// SPDX-License-Identifier: GPL-2.0
/* A signal by a timer: SIGUSR1, for SIGALRM ends the children of some tests. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "interrupt.h"

static void woken(int signal)
{
	(void)signal;
}

void interrupt_every(unsigned int ms)
{
	struct timespec every = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	struct itimerspec when = { .it_value = every, .it_interval = every };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct sigaction action = { .sa_handler = woken };
	static timer_t timer;
	static bool made;

	if (!made) {
		assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
		assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
		made = true;
	}
	assert_int_equal(timer_settime(timer, 0, &when, NULL), 0);
}
