// SPDX-License-Identifier: GPL-2.0
/*
 * hrtimer_has_init - a timer is set up first, and its function is assigned then.
 * Yes: 5.10, 6.1, 6.12. No: 7.3.
 * Symbols: hrtimer_init
 */
#include <linux/hrtimer.h>

void rdsz_probe(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *timer))
{
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	timer->function = function;
}
