// SPDX-License-Identifier: GPL-2.0
/* The module under test, loaded by the test program itself. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cred.h"
#include "deadline.h"
#include "module.h"

int module_load(const char *parameters)
{
	const char *path = getenv("RDSZ_MODULE");
	bool raised = cred_raise();
	int fd, rc = -1;

	fd = open(path ? path : "/rds_zc.ko", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		rc = (int)syscall(SYS_finit_module, fd, parameters, 0);
		close(fd);
	}
	cred_lower(raised);
	return rc;
}

int module_unload(void)
{
	bool raised = cred_raise();
	int rc = (int)syscall(SYS_delete_module, "rds_zc", O_NONBLOCK);

	cred_lower(raised);
	return rc;
}

int module_unload_within(unsigned int ms)
{
	struct deadline deadline = deadline_in(ms);
	int rc;

	while ((rc = module_unload()) && !deadline_over(&deadline))
		deadline_step();
	return rc;
}

bool module_loaded(void)
{
	return !access("/sys/module/rds_zc/initstate", F_OK);
}

int module_need(void)
{
	return module_loaded() || getenv("RDSZ_FAMILY") ? 0 : module_load("");
}

long module_parameter(const char *name, long fallback)
{
	char path[128];
	long value;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/module/rds_zc/parameters/%s", name);
	file = fopen(path, "r");
	if (!file)
		return fallback;
	if (fscanf(file, "%ld", &value) != 1)
		value = fallback;
	fclose(file);
	return value;
}

int module_family(void)
{
	const char *text = getenv("RDSZ_FAMILY");

	return text ? atoi(text) : (int)module_parameter("family", -1);
}

int module_dawdle(const char *event, bool on)
{
	char path[128];
	FILE *file;
	int rc;

	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);	/* or it is there already */
	snprintf(path, sizeof(path), "/sys/kernel/tracing/events/rds_zc/%s/trigger", event);
	file = fopen(path, "w");
	if (!file)
		return -1;
	rc = fputs(on ? "stacktrace\n" : "!stacktrace\n", file) < 0 ? -1 : 0;
	return fclose(file) ? -1 : rc;
}

bool kernel_before(unsigned int major, unsigned int minor)
{
	unsigned int is_major = 0, is_minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &is_major, &is_minor) != 2)
		return false;
	return is_major < major || (is_major == major && is_minor < minor);
}

bool kernel_log_says(const char *text)
{
	static char log[1 << 20];
	bool raised = cred_raise();	/* nobody may not read it */
	int length = klogctl(3 /* read all */, log, sizeof(log) - 1);

	cred_lower(raised);
	if (length < 0)
		return false;
	log[length] = '\0';
	return strstr(log, text);
}
