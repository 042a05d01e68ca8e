// SPDX-License-Identifier: GPL-2.0
/*
 * tools/demo/host: it asks first, does what it says, and removes what it added, also on Ctrl-C. The
 * script is part of this program, and so is the tool that it calls: under the name rdszc this
 * program is the tool.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deadline.h"
#include "module.h"
#include "suite.h"

int rdszc_main(int argc, char **argv);

#define SCRIPT "/tmp/demo-host"
#define MODULE "/rds_zc.ko"
#define TOOL "/tmp/rdszc"
#define OUTPUT "/tmp/demo-output"

/* From tests/Makefile: the path of the file. */
__asm__(".section .rodata\n"
	".global script_start, script_end\n"
	"script_start: .incbin \"" SCRIPT_FILE "\"\n"
	"script_end:\n"
	".previous\n");
extern const char script_start[], script_end[];

static char text[1 << 16];

static void write_files(void)
{
	int fd = open(SCRIPT, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	char self[256] = { 0 };

	assert_true(fd >= 0);
	assert_int_equal(write(fd, script_start, (size_t)(script_end - script_start)),
			 script_end - script_start);
	close(fd);
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	unlink(TOOL);
	assert_int_equal(symlink(self, TOOL), 0);
}

static void be_script(int in, const char *module)
{
	int out = open(OUTPUT, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	/* Whoever runs tests in the background has it ignored, which a shell keeps. */
	signal(SIGINT, SIG_DFL);
	setpgid(0, 0);
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	setenv("RDSZC", TOOL, 1);
	if (module)
		setenv("MODULE", module, 1);
	setenv("SECONDS_EACH", "2", 1);
	execl("/bin/sh", "sh", SCRIPT, NULL);
	_exit(127);
}

/* The script in a process group of its own, as a shell at a terminal starts it. */
static pid_t start(const char *answer, const char *module)
{
	int in[2];
	pid_t pid;

	write_files();
	unlink(OUTPUT);
	assert_int_equal(pipe(in), 0);
	assert_int_equal(write(in[1], answer, strlen(answer)), (ssize_t)strlen(answer));
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	close(in[1]);
	if (!pid)
		be_script(in[0], module);
	close(in[0]);
	return pid;
}

static const char *output(void)
{
	FILE *file = fopen(OUTPUT, "re");
	size_t size = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

	text[size] = '\0';
	if (file)
		fclose(file);
	return text;
}

static int finish(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	output();
	return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static void assert_ends_within(pid_t pid, unsigned int ms)
{
	struct deadline deadline = deadline_in(ms);
	siginfo_t info = { .si_pid = 0 };

	while (!waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) && !info.si_pid) {
		if (deadline_over(&deadline))
			fail_msg("does not end: %s", output());
		deadline_step();
	}
}

static void assert_says(const char *words)
{
	if (!strstr(output(), words))
		fail_msg("does not say '%s': %s", words, text);
}

/* Namespaces of the demo that have a name. */
static int namespaces(void)
{
	DIR *folder = opendir("/run/netns");
	struct dirent *entry;
	int count = 0;

	while (folder && (entry = readdir(folder)))
		count += !strncmp(entry->d_name, "rdsz-demo-", 10);
	if (folder)
		closedir(folder);
	return count;
}

static void wait_for(const char *words)
{
	struct deadline deadline = deadline_in(60000);

	while (!strstr(output(), words)) {
		if (deadline_over(&deadline))
			fail_msg("does not say '%s' in time: %s", words, text);
		usleep(20000);
	}
}

static void assert_nothing_left(bool loaded)
{
	assert_int_equal(namespaces(), 0);
	assert_int_equal(module_loaded(), loaded);
}

static void demo__asks_first(void **state)
{
	(void)state;
	assert_int_equal(finish(start("no\n", MODULE)), 1);
	assert_says("Go on? [y/N]");
	assert_says("Nothing was done.");
	assert_null(strstr(text, "Preflight"));
	assert_null(strstr(text, "Two ends"));
	assert_nothing_left(false);
	assert_int_equal(finish(start("", MODULE)), 1);
	assert_says("Nothing was done.");
	assert_nothing_left(false);
}

/* No module is installed here: said by rdszc doctor, and that is all that is done. */
static void demo__preflight_refuses(void **state)
{
	(void)state;
	assert_int_equal(finish(start("y\n", NULL)), 1);
	assert_says("there is no rds_zc for kernel");
	assert_says("not on this machine");
	assert_null(strstr(text, "Two ends"));
	assert_nothing_left(false);
}

static void demo__runs_and_removes(void **state)
{
	int status = finish(start("y\n", MODULE));

	(void)state;
	if (status)
		printf("%s\n", text);
	assert_int_equal(status, 0);
	assert_says("TCP port 16390");
	assert_says("$ rdszc ping -c 3 -w 10 10.213.77.2");
	assert_says("cookies came back");
	assert_says("no fault");
	assert_says("Removed: ");
	assert_nothing_left(false);
}

/* A module that was there stays. */
static void demo__leaves_a_loaded_module(void **state)
{
	int status;

	(void)state;
	assert_int_equal(module_load(""), 0);
	status = finish(start("yes\n", NULL));
	if (status)
		print_error("%s", text);
	assert_int_equal(status, 0);
	assert_says("rds_zc is loaded already");
	assert_says("Removed: ");
	assert_nothing_left(true);
	assert_int_equal(module_unload_within(10000), 0);
}

static void demo__interrupted(void **state)
{
	pid_t pid = start("y\n", MODULE);
	int status;

	(void)state;
	wait_for("$ rdszc stress -s 1M");
	assert_int_equal(namespaces(), 2);
	assert_true(module_loaded());
	usleep(500000);
	assert_int_equal(kill(-pid, SIGINT), 0);
	assert_ends_within(pid, 20000);
	status = finish(pid);
	if (status != 130)
		print_error("%s", text);
	assert_int_equal(status, 130);
	assert_says("Removed: ");
	assert_nothing_left(false);
}

int main(int argc, char **argv)
{
	struct suite suite = { .name = "demo" };
	const char *name = strrchr(argv[0], '/');

	if (!strcmp(name ? name + 1 : argv[0], "rdszc"))
		return rdszc_main(argc, argv);
	SUITE_ADD_PLAIN(&suite, demo__asks_first);
	SUITE_ADD_PLAIN(&suite, demo__preflight_refuses);
	SUITE_ADD_PLAIN(&suite, demo__runs_and_removes);
	SUITE_ADD_PLAIN(&suite, demo__leaves_a_loaded_module);
	SUITE_ADD_PLAIN(&suite, demo__interrupted);
	return suite_run_unloaded(&suite, argc, argv);
}
