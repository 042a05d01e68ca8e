/* SPDX-License-Identifier: GPL-2.0 */
/* A limit for each test, and a look at what hangs. */
#ifndef TESTS_WATCH_H
#define TESTS_WATCH_H

/*
 * Starts the process that watches this one. It counts seconds that it has lived through, not those
 * of the clock: a machine that stands still for minutes is not held against a test.
 */
void watch_start(void);

/*
 * From now on so many seconds are left, times RDSZ_SLOW; 0: no limit. After that the whole program
 * ends, and what it hung in is shown: where the kernel has its threads, and what rdszc sees in its
 * namespaces.
 */
void watch_limit(unsigned int seconds);

/* Shows the same now, for a test that is about to fail for want of something, and goes on. */
void watch_show(void);

#endif
