/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Being nobody: the test process takes uid 65534, loses every effective capability and gets the
 * kernel's default RLIMIT_MEMLOCK. The saved uid stays 0, so that teardown can come back.
 *
 * The sysctls are the kernel's default too. rds_set_buffers() goes over wmem_max and rmem_max all
 * the same, by privilege: who wants messages of some size has these raised, here for one socket
 * instead of the machine, and what such tests are about, pins and charges, is counted by neither.
 * Who tests the limits themselves uses SO_SNDBUF and SO_RCVBUF (row_026, row_004,
 * more_buffers__are_told_doubled).
 */
#ifndef TESTS_CRED_H
#define TESTS_CRED_H

#include <stdbool.h>
#include <stddef.h>

#define CRED_NOBODY 65534

int cred_become_nobody(void);
int cred_become_root(void);
bool cred_is_nobody(void);

/* Sets soft and hard RLIMIT_MEMLOCK, whoever we are now. */
int cred_memlock_limit(size_t bytes);

/* For steps that need privilege inside an unprivileged test (links, sysctls, setns). */
bool cred_raise(void);
void cred_lower(bool raised);

#endif
