// SPDX-License-Identifier: GPL-2.0
/* Ends a test that hangs. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "deadline.h"
#include "watch.h"

#define NAMESPACES 8

#define SHOW_SECONDS 60

/* Of the two processes: seconds left, 0 where nothing is watched; the other one is to show all. */
static struct shared {
	unsigned int left;
	bool show;
} *shared;

/* Each line becomes a comment of TAP. */
static void show_output(const char *command)
{
	FILE *output = popen(command, "r");
	char line[512];

	printf("# == %s\n", command);
	while (output && fgets(line, sizeof(line), output))
		printf("# %s", line);
	if (output)
		pclose(output);
}

static void show_threads(pid_t pid)
{
	char command[256];

	snprintf(command, sizeof(command),
		 "for t in /proc/%d/task/*; do cat $t/comm $t/syscall $t/stack; done 2>&1", pid);
	show_output(command);
}

static void show_namespace(void)
{
	static const char * const what[] = {
		"ip address", "ip route show table all", "ip -6 route show table all", "ss -tano",
		"rdszc sockets", "rdszc paths", "rdszc messages", "rdszc stats",
	};
	char command[128];
	size_t i;

	for (i = 0; i < sizeof(what) / sizeof(*what); i++) {
		snprintf(command, sizeof(command), "timeout -s KILL 10 %s 2>&1 | head -n 60",
			 what[i]);
		show_output(command);
	}
}

/* rdszc lies beside this program; outside of our VMs there may be none. */
static void find_tool(void)
{
	char self[PATH_MAX] = "", path[2 * PATH_MAX];
	const char *old = getenv("PATH");
	char *name;

	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return;
	name = strrchr(self, '/');
	if (!name)
		return;
	*name = '\0';
	snprintf(path, sizeof(path), "%s:%s", self, old ? old : "/bin:/usr/bin");
	setenv("PATH", path, 1);
}

/* Opens what the descriptor is if it is a network namespace that was not shown yet. */
static int open_namespace(const char *path, char (*seen)[64], size_t count)
{
	char name[64] = "";
	size_t i;

	if (readlink(path, name, sizeof(name) - 1) < 0 || strncmp(name, "net:", 4))
		return -1;
	for (i = 0; i < count; i++)
		if (!strcmp(seen[i], name))
			return -1;
	strcpy(seen[count], name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* A test has its namespaces by descriptor. */
static void show_namespaces(pid_t pid)
{
	char seen[NAMESPACES][64], path[PATH_MAX];
	struct dirent *entry;
	size_t count = 0;
	DIR *folder;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	folder = opendir(path);
	while (folder && count < NAMESPACES && (entry = readdir(folder))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, entry->d_name);
		fd = open_namespace(path, seen, count);
		if (fd < 0)
			continue;
		printf("# ==== %s\n", seen[count++]);
		if (!setns(fd, CLONE_NEWNET))
			show_namespace();
		close(fd);
	}
	if (folder)
		closedir(folder);
}

static void show(pid_t pid)
{
	find_tool();
	show_threads(pid);
	show_namespaces(pid);
	fflush(stdout);
}

static void give_up(pid_t pid)
{
	printf("not ok - a test hangs, given up\n");
	show(pid);
	kill(pid, SIGKILL);
}

static void watch(pid_t pid)
{
	unsigned int now;

	for (;;) {
		sleep(1);
		if (__atomic_load_n(&shared->show, __ATOMIC_ACQUIRE)) {
			show(pid);
			__atomic_store_n(&shared->show, false, __ATOMIC_RELEASE);
		}
		now = __atomic_load_n(&shared->left, __ATOMIC_RELAXED);
		/* A limit that is set just now stays. */
		if (now && __atomic_compare_exchange_n(&shared->left, &now, now - 1, false,
						       __ATOMIC_RELAXED, __ATOMIC_RELAXED) &&
		    now == 1) {
			give_up(pid);
			return;
		}
	}
}

void watch_start(void)
{
	pid_t pid = getpid();

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED) {
		perror("memory of the watch");
		exit(2);
	}
	fflush(stdout);
	switch (fork()) {
	case -1:
		perror("fork of the watch");
		exit(2);
	case 0:
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "watch");
		if (getppid() == pid)
			watch(pid);
		_exit(0);
	}
}

void watch_limit(unsigned int seconds)
{
	__atomic_store_n(&shared->left, seconds * time_scale(), __ATOMIC_RELAXED);
}

void watch_show(void)
{
	unsigned int i;

	if (!shared)
		return;
	fflush(stdout);
	__atomic_store_n(&shared->show, true, __ATOMIC_RELEASE);
	for (i = 0; __atomic_load_n(&shared->show, __ATOMIC_ACQUIRE) && i < SHOW_SECONDS; i++)
		sleep(1);
}
