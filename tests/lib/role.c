// SPDX-License-Identifier: GPL-2.0
/* Tests that run once for each role. */
#include "role.h"

void role_add(struct suite *suite, const char *name, CMUnitTestFunction function,
	      const struct role *roles, size_t many)
{
	size_t i;

	for (i = 0; i < many; i++)
		suite_add_state(suite, name, roles[i].name, function, &roles[i], false);
}

void role_add_nobody(struct suite *suite, const char *name, CMUnitTestFunction function,
		     const struct role *roles, size_t many)
{
	char label[64];
	size_t i;

	for (i = 0; i < many; i++) {
		snprintf(label, sizeof(label), "%s, nobody", roles[i].name);
		suite_add_state(suite, name, label, function, &roles[i], true);
	}
}
