// SPDX-License-Identifier: GPL-2.0
/* Creating, entering and tuning network namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
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

int netns_write(const struct netns *ns, const char *path, const char *text)
{
	ssize_t length = (ssize_t)strlen(text);
	bool raised = cred_raise();
	int fd = -1, rc = -1;

	if (!netns_enter(ns)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		netns_home();
	}
	if (fd >= 0) {
		rc = write(fd, text, (size_t)length) == length ? 0 : -1;
		close(fd);
	}
	cred_lower(raised);
	return rc;
}

#define SYSCTL "/proc/sys/net/rds_zc/%s"

int netns_sysctl_set(const struct netns *ns, const char *name, long value)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), SYSCTL, name);
	snprintf(text, sizeof(text), "%ld\n", value);
	return netns_write(ns, path, text);
}

int netns_sysctl_get(const struct netns *ns, const char *name, long *value)
{
	char path[128];
	int rc = -1;
	FILE *file;

	if (netns_enter(ns))
		return -1;
	snprintf(path, sizeof(path), SYSCTL, name);
	file = fopen(path, "r");
	if (file) {
		rc = fscanf(file, "%ld", value) == 1 ? 0 : -1;
		fclose(file);
	}
	netns_home();
	return rc;
}
