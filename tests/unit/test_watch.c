// SPDX-License-Identifier: GPL-2.0
/*
 * What ends a test that hangs: it must, it says what it hung in, and neither one that is through nor
 * one on a machine that stood still is ended.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "watch.h"

/* Until the other end is closed by all who have it. */
static void read_all(int fd, char *text, size_t size)
{
	size_t have = 0;
	ssize_t got;

	while (have < size - 1 && (got = read(fd, text + have, size - 1 - have)) > 0)
		have += (size_t)got;
	text[have] = '\0';
}

/* A watched program, the first of a process group, whose words come by a pipe. */
static pid_t start(void (*program)(void), int *words)
{
	int ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		setpgid(0, 0);
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		watch_start();
		program();
		_exit(7);
	}
	setpgid(pid, pid);
	close(ends[1]);
	*words = ends[0];
	return pid;
}

static int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Its words and how it ended. */
static int watched(void (*program)(void), char *text, size_t size)
{
	int words;
	pid_t pid = start(program, &words);

	read_all(words, text, size);
	close(words);
	return end_of(pid);
}

static void hang(void)
{
	watch_limit(1);
	for (;;)
		pause();
}

static void a_test_that_hangs_is_ended(void **state)
{
	char text[65536], pid_text[64];
	int words, status;
	pid_t pid;

	(void)state;
	pid = start(hang, &words);
	read_all(words, text, sizeof(text));
	close(words);
	status = end_of(pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(strncmp(text, "not ok - a test hangs", 21), 0);
	snprintf(pid_text, sizeof(pid_text), "/proc/%d/task", pid);
	assert_non_null(strstr(text, pid_text));
	assert_non_null(strstr(text, "\n# test_watch\n"));	/* its name, of the thread */
}

static void ask(void)
{
	watch_show();
	printf("went on\n");
	fflush(stdout);
}

static void one_that_asks_is_shown_and_goes_on(void **state)
{
	char text[65536];
	int status;

	(void)state;
	status = watched(ask, text, sizeof(text));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_non_null(strstr(text, "\n# test_watch\n"));
	assert_non_null(strstr(text, "\nwent on\n"));
}

static void end_in_time(void)
{
	watch_limit(1);
	watch_limit(0);
	sleep(3);
}

static void one_that_is_through_is_not(void **state)
{
	int words, status;

	(void)state;
	status = end_of(start(end_in_time, &words));
	close(words);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void take_two_seconds(void)
{
	watch_limit(4);
	printf("begun\n");
	fflush(stdout);
	sleep(2);
	watch_limit(0);
}

/* Both are stopped for longer than the limit. */
static void a_machine_that_stands_still_is_no_hang(void **state)
{
	char begun[6];
	int words, status;
	pid_t pid;

	(void)state;
	pid = start(take_two_seconds, &words);
	assert_int_equal(read(words, begun, sizeof(begun)), sizeof(begun));
	assert_int_equal(kill(-pid, SIGSTOP), 0);
	sleep(5);
	assert_int_equal(kill(-pid, SIGCONT), 0);
	status = end_of(pid);
	close(words);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_test_that_hangs_is_ended),
		cmocka_unit_test(one_that_asks_is_shown_and_goes_on),
		cmocka_unit_test(one_that_is_through_is_not),
		cmocka_unit_test(a_machine_that_stands_still_is_no_hang),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
