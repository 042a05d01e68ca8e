/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who dials between two machines, and by which protocol: the variants of tests that have a second
 * VM.
 */
#ifndef TESTS_ROLE_H
#define TESTS_ROLE_H

#include "suite.h"

struct role {
	const char *name;
	bool v6;
	bool larger;	/* we have the larger address, so the peer dials */
};

/*
 * A test once for each of the first @many roles; its state is the role, its name gets the role's.
 */
void role_add(struct suite *suite, const char *name, CMUnitTestFunction function,
	      const struct role *roles, size_t many);

/* The same as uid 65534. */
void role_add_nobody(struct suite *suite, const char *name, CMUnitTestFunction function,
		     const struct role *roles, size_t many);

#endif
