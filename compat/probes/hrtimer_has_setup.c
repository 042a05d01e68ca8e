// SPDX-License-Identifier: GPL-2.0
/*
 * hrtimer_has_setup - a timer and its function are set up in one call.
 * Yes: 7.3. No: 5.10, 6.1, 6.12.
 * Symbols: hrtimer_setup
 */
#include <linux/hrtimer.h>

void rdsz_probe(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *timer))
{
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
}
