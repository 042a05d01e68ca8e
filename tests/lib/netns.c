// SPDX-License-Identifier: GPL-2.0
/* Creating, entering and tuning network namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "cred.h"
#include "link.h"
#include "netns.h"

static int home_fd = -1;

static int open_current(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int remember_home(void)
{
	if (home_fd < 0)
		home_fd = open_current();
	return home_fd < 0 ? -1 : 0;
}

static int enter_fd(int fd)
{
	bool raised = cred_raise();
	int rc = setns(fd, CLONE_NEWNET);

	cred_lower(raised);
	return rc;
}

/*
 * Of the current namespace: a link that goes down and comes up again has its IPv6 addresses still.
 */
static int keep_addresses(void)
{
	int fd = open("/proc/sys/net/ipv6/conf/all/keep_addr_on_down", O_WRONLY | O_CLOEXEC);
	int rc = fd >= 0 && write(fd, "1\n", 2) == 2 ? 0 : -1;

	if (fd >= 0)
		close(fd);
	return rc;
}

int netns_create(struct netns *ns)
{
	int rc;

	ns->fd = -1;
	if (remember_home() || unshare(CLONE_NEWNET))
		return -1;
	ns->fd = open_current();
	rc = keep_addresses();
	if (enter_fd(home_fd) || ns->fd < 0 || rc)
		return -1;
	return link_set_up(ns, "lo", true);
}

void netns_destroy(struct netns *ns)
{
	if (ns->fd >= 0)
		close(ns->fd);
	ns->fd = -1;
}

int netns_enter(const struct netns *ns)
{
	if (remember_home())
		return -1;
	return enter_fd(ns->fd);
}

int netns_home(void)
{
	return home_fd < 0 ? 0 : enter_fd(home_fd);
}

const struct netns *netns_here(void)
{
	static struct netns here = { .fd = -1 };

	remember_home();
	here.fd = home_fd;
	return &here;
}

static FILE *open_sysctl(const char *name, const char *mode)
{
	char path[128];

	snprintf(path, sizeof(path), "/proc/sys/net/rds_zc/%s", name);
	return fopen(path, mode);
}

int netns_sysctl_set(const struct netns *ns, const char *name, long value)
{
	bool raised = cred_raise();
	int rc = -1;
	FILE *file;

	if (!netns_enter(ns)) {
		file = open_sysctl(name, "w");
		if (file) {
			rc = fprintf(file, "%ld\n", value) < 0 ? -1 : 0;
			if (fclose(file))
				rc = -1;
		}
		netns_home();
	}
	cred_lower(raised);
	return rc;
}

int netns_sysctl_get(const struct netns *ns, const char *name, long *value)
{
	int rc = -1;
	FILE *file;

	if (netns_enter(ns))
		return -1;
	file = open_sysctl(name, "r");
	if (file) {
		rc = fscanf(file, "%ld", value) == 1 ? 0 : -1;
		fclose(file);
	}
	netns_home();
	return rc;
}
