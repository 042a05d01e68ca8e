/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Allocations and copies from and to user memory that fail on request, where the kernel has fault
 * injection (CONFIG_FAULT_INJECTION: the debug kernels). Of the calling thread the Nth one of its
 * next system call; of the module's workers, or of everybody, a share of those of the slab. Main
 * thread only; needs root at the start.
 */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <stdbool.h>

/* Has this kernel got it? If so, prepares it; -1 when that cannot be done. */
int fault_prepare(void);

/* The Nth thing that can fail in this thread will, once. */
void fault_arm(unsigned int nth);

/* Ends that; true if it has failed. Keeps errno. */
bool fault_fired(void);

/* Percent of the slab allocations of the workers that the module may run in; 0 ends it. */
void fault_workers(unsigned int percent);

/* Of everybody: any process, any interrupt. */
void fault_all(unsigned int percent);

/* The end of all of it, as a test may have left it; for suite_at_end(). */
void fault_end(void);

#endif
