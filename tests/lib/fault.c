// SPDX-License-Identifier: GPL-2.0
/* /proc/PID/fail-nth and make-it-fail, and the knobs below /sys/kernel/debug. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "array.h"
#include "cred.h"
#include "fault.h"

static int nth_fd = -1, share_fd = -1;

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = (ssize_t)strlen(text);
	int rc = fd >= 0 && write(fd, text, (size_t)length) == length ? 0 : -1;

	if (fd >= 0)
		close(fd);
	return rc;
}

/*
 * Silent; also what may wait for memory fails, and single pages; not pages for user memory, for
 * then a page fault might fail and the machine would look for somebody to kill.
 */
static const char *const knobs[][2] = {
	{ "failslab/verbose", "0" },
	{ "failslab/ignore-gfp-wait", "N" },
	{ "failslab/times", "1000000000" },
	{ "failslab/probability", "0" },
	{ "fail_page_alloc/verbose", "0" },
	{ "fail_page_alloc/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/min-order", "0" },
	{ "fail_usercopy/verbose", "0" },
};

static int knob(const char *name, const char *value)
{
	char path[96];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s", name);
	if (!put(path, value))
		return 0;
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return -1;
}

int fault_prepare(void)
{
	size_t i;

	nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_fd < 0) {
		fprintf(stderr, "no fault injection in this kernel: %s\n", strerror(errno));
		return -1;
	}
	for (i = 0; i < ARRAY_SIZE(knobs); i++)
		if (knob(knobs[i][0], knobs[i][1]))
			return -1;
	share_fd = open("/sys/kernel/debug/failslab/probability", O_WRONLY | O_CLOEXEC);
	return share_fd < 0 ? -1 : 0;
}

void fault_arm(unsigned int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", nth);

	assert_int_equal(pwrite(nth_fd, text, (size_t)length, 0), length);
}

/*
 * Reading it copies to user memory, which can be what fails: then it had not before. So can
 * switching it off.
 */
bool fault_fired(void)
{
	int error = errno;
	char text[16] = "";
	bool fired;

	fired = pread(nth_fd, text, sizeof(text) - 1, 0) > 0 && !atoi(text);
	if (pwrite(nth_fd, "0", 1, 0) != 1)
		assert_int_equal(pwrite(nth_fd, "0", 1, 0), 1);
	errno = error;
	return fired;
}

/* Unbound workers, whatever they run, and the one that helps out when none can be made. */
static bool is_worker(const char *pid)
{
	char path[280], name[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(name, sizeof(name), file))
		name[0] = 0;
	fclose(file);
	return !strncmp(name, "kworker/u", 9) || !strncmp(name, "kworker/R-rds_zc", 16) ||
	       !strcmp(name, "rds_zc\n");
}

static void mark_workers(bool on)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[280];
	int marked = 0;

	assert_non_null(proc);
	while ((entry = readdir(proc))) {
		if (!isdigit(entry->d_name[0]) || !is_worker(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/make-it-fail", entry->d_name);
		marked += !put(path, on ? "1" : "0");	/* it may have ended meanwhile */
	}
	closedir(proc);
	assert_true(marked > 0);
}

/* By a file that is open already: to open it could fail by what it is to end. */
static void share(unsigned int percent)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", percent);

	assert_int_equal(write(share_fd, text, (size_t)length), length);
}

void fault_workers(unsigned int percent)
{
	bool raised = cred_raise();

	if (!percent)
		share(0);
	assert_int_equal(knob("failslab/task-filter", "Y"), 0);
	mark_workers(percent);
	if (percent)
		share(percent);
	cred_lower(raised);
}

/* By files that are open; the second write is for the one that switching off makes fail. */
void fault_end(void)
{
	bool raised = cred_raise();

	if (write(share_fd, "0", 1) != 1 ||
	    (pwrite(nth_fd, "0", 1, 0) != 1 && pwrite(nth_fd, "0", 1, 0) != 1))
		perror("faults go on");
	cred_lower(raised);
}

void fault_all(unsigned int percent)
{
	bool raised = cred_raise();

	if (percent)
		assert_int_equal(knob("failslab/task-filter", "N"), 0);
	share(percent);
	cred_lower(raised);
}
