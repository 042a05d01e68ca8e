// SPDX-License-Identifier: GPL-2.0
/* Changing between root and nobody within one process. */
#include <sys/resource.h>
#include <unistd.h>

#include "cred.h"

/* The limit this process was born with: the kernel's default (64 KiB up to 5.15, then 8 MiB). */
static struct rlimit born_memlock;
static bool born_known;

static int remember_limit(void)
{
	if (!born_known && getrlimit(RLIMIT_MEMLOCK, &born_memlock))
		return -1;
	born_known = true;
	return 0;
}

bool cred_is_nobody(void)
{
	return getuid() == CRED_NOBODY;
}

int cred_become_nobody(void)
{
	if (remember_limit())
		return -1;
	return setresuid(CRED_NOBODY, CRED_NOBODY, 0);
}

int cred_become_root(void)
{
	if (setresuid(0, 0, 0))
		return -1;
	return born_known ? setrlimit(RLIMIT_MEMLOCK, &born_memlock) : 0;
}

/* False inside another raise, whose end lowers. */
bool cred_raise(void)
{
	return cred_is_nobody() && geteuid() && !seteuid(0);
}

void cred_lower(bool raised)
{
	if (raised && seteuid(CRED_NOBODY))
		_exit(125);
}

int cred_memlock_limit(size_t bytes)
{
	struct rlimit limit = { .rlim_cur = bytes, .rlim_max = bytes };
	bool raised;
	int rc;

	if (remember_limit())
		return -1;
	raised = cred_raise();
	rc = setrlimit(RLIMIT_MEMLOCK, &limit);
	cred_lower(raised);
	return rc;
}
