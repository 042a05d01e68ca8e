/* SPDX-License-Identifier: GPL-2.0 */
/* A program's list of tests: each function times the variants it is to be tried in. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>

#include <cmocka.h>

#include "topology.h"

#define SUITE_MAX 256

/* A call that must return -1 with exactly this errno. */
#define assert_fails(call, error)					\
do {									\
	errno = 0;							\
	assert_int_equal((call), -1);					\
	assert_int_equal(errno, error);					\
} while (0)

struct suite {
	const char *name;
	size_t count;
	struct CMUnitTest tests[SUITE_MAX];
};

/* A test of the module alone: root, no topology. */
void suite_add_plain(struct suite *suite, const char *name, CMUnitTestFunction function);

/* The same as uid 65534; its name gets that appended. */
void suite_add_nobody(struct suite *suite, const char *name, CMUnitTestFunction function);

/*
 * A test on a topology, once per variant of the list (which ends with a NULL name); its name gets
 * the variant's appended. The state it is given is a struct topology.
 */
void suite_add(struct suite *suite, const char *name, CMUnitTestFunction function,
	       const struct variant *variants);

/* A plain test, or one of nobody, that is given a state; its name gets a label appended. */
void suite_add_state(struct suite *suite, const char *name, const char *label,
		     CMUnitTestFunction function, const void *state, bool nobody);

#define SUITE_ADD_PLAIN(suite, function) suite_add_plain(suite, #function, function)
#define SUITE_ADD(suite, function, variants) suite_add(suite, #function, function, variants)

/*
 * Called at the end of each test, failed or not, before what it stood on is taken down: gives back
 * what of the machine a test may have left changed. Must not assert.
 */
void suite_at_end(void (*function)(void));

/*
 * Runs it. Arguments: --count prints how many tests there are and runs none; --only=PATTERN (with
 * * and ?) picks by name; NAME=NUMBER sets what suite_argument() answers. The module is loaded
 * first, or unloaded where a program wants to load it itself.
 */
int suite_run(struct suite *suite, int argc, char **argv);
int suite_run_unloaded(struct suite *suite, int argc, char **argv);

long suite_argument(const char *name, long fallback);

#endif
