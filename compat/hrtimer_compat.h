/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hrtimer_compat.h - how a high resolution timer is set up.
 */
#ifndef RDSZ_COMPAT_HRTIMER_H
#define RDSZ_COMPAT_HRTIMER_H

#include <linux/hrtimer.h>

#include "gen/config.h"

static inline void rdsz_hrtimer_setup(struct hrtimer *timer,
				      enum hrtimer_restart (*function)(struct hrtimer *timer),
				      enum hrtimer_mode mode)
{
#if RDSZ_HRTIMER_HAS_SETUP
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, mode);
#elif RDSZ_HRTIMER_HAS_INIT
	hrtimer_init(timer, CLOCK_MONOTONIC, mode);
	timer->function = function;
#else
#error "timers of this kernel are set up in an unknown way (known: 5.10 .. 7.3)"
#endif
}

#endif /* RDSZ_COMPAT_HRTIMER_H */
