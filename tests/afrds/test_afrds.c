// SPDX-License-Identifier: GPL-2.0
/*
 * A program written for AF_RDS (afrds.c), unchanged, in three ways: the preloaded library,
 * the two number files in /proc, and family=21. It and the library are part of
 * this program, and written to files to be executed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cred.h"
#include "diag.h"
#include "module.h"
#include "suite.h"

#define PROGRAM "/tmp/afrds"
#define LIBRARY "/tmp/librdszc.so"

/* From tests/Makefile: name, path of the file. */
#define CONTAIN(name, path)					\
	__asm__(".section .rodata\n"				\
		".global " #name "_start, " #name "_end\n"	\
		#name "_start: .incbin \"" path "\"\n"		\
		#name "_end:\n"					\
		".previous\n");					\
	extern const char name##_start[], name##_end[]

CONTAIN(afrds, AFRDS_FILE);
CONTAIN(library, LIBRARY_FILE);

static const struct variant own[] = {
	{ "own address", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ "own address, nobody", WIRE_OWN_ADDRESS, 0, 0, 1, 0 },
	{ 0 }
};

/* The same, and a second host. */
static const struct variant each[] = {
	{ "own address", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ "own address, nobody", WIRE_OWN_ADDRESS, 0, 0, 1, 0 },
	{ "veth", WIRE_VETH, 0, 0, 0, 0 },
	{ 0 }
};

static void write_file(const char *path, const char *start, const char *end)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, start, (size_t)(end - start)), end - start);
	close(fd);
	chmod(path, 0755);
}

static void write_files(void)
{
	if (access(PROGRAM, X_OK))
		write_file(PROGRAM, afrds_start, afrds_end);
	if (access(LIBRARY, R_OK))
		write_file(LIBRARY, library_start, library_end);
}

/* In a child: the program with one option, or NULL, and one or two addresses. */
static void execute(const struct netns *ns, const char *preload, const char *option,
		    const char *address, const char *peer)
{
	const char *argv[5] = { PROGRAM };
	int count = 1;

	if (option)
		argv[count++] = option;
	argv[count++] = address;
	argv[count++] = peer;
	alarm(60 * time_scale());
	if (preload)
		setenv("LD_PRELOAD", preload, 1);
	if (netns_enter(ns))
		_exit(99);
	execv(PROGRAM, (char *const *)argv);
	_exit(98);
}

static int exit_code(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct peer {
	pid_t pid;
	int input;	/* it ends when this is closed */
};

/* The receiving program in the second namespace, which is bound when this returns. */
static struct peer run_peer(const struct topology *topology, const char *preload,
			    const char *option)
{
	char flags[8], line[16] = "";
	struct peer peer;
	int in[2], out[2];

	snprintf(flags, sizeof(flags), "-r%s", option ? option + 1 : "");
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	peer.pid = fork();
	assert_true(peer.pid >= 0);
	if (!peer.pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		execute(&topology->ns[1], preload, flags, topology->far_text[0], NULL);
	}
	close(in[0]);
	close(out[1]);
	peer.input = in[1];
	/* Nothing, if it ended. */
	if (read(out[0], line, sizeof(line) - 1) < 0)
		fail_msg("no word of the peer");
	close(out[0]);
	assert_string_equal(line, "bound\n");
	return peer;
}

/*
 * Runs it in the first namespace; its exit code. It sends to itself or, where there is a wire, to
 * itself in the second namespace, by TCP.
 */
static int run(const struct topology *topology, const char *preload, const char *option)
{
	bool wire = topology->variant->wire == WIRE_VETH;
	struct peer peer;
	pid_t pid;
	int code;

	if (wire)
		peer = run_peer(topology, preload, option);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		execute(&topology->ns[0], preload, option, topology->near_text[0],
			wire ? topology->far_text[0] : NULL);
	code = exit_code(pid);
	if (wire) {
		close(peer.input);
		if (code)
			kill(peer.pid, SIGKILL);	/* it may wait for more */
		else
			assert_int_equal(exit_code(peer.pid), 0);
		assert_true(diag_count(&topology->ns[0], RDS_TCP_PORT) >= 1);
	}
	return code;
}

/*
 * The module is loaded before the topology is there in other programs; here each test wants its own
 * parameters, so that it is loaded here, and namespaces that exist get their state then.
 */
static void load(const char *parameters)
{
	bool raised = cred_raise();
	int rc;

	write_files();
	rc = module_load(parameters);
	cred_lower(raised);
	if (rc)
		fail_msg("cannot load the module with \"%s\"", parameters);
}

static void unload(void)
{
	bool raised = cred_raise();
	int rc = module_unload_within(5000);

	cred_lower(raised);
	assert_int_equal(rc, 0);
}

/* The program has no socket: the two that work below do so by what they add. */
static void afrds__with_nothing_has_no_socket(void **state)
{
	load("");
	assert_int_equal(run(*state, NULL, NULL), 2);
	unload();
}

static void preload__the_program_runs(void **state)
{
	load("");
	assert_int_equal(run(*state, LIBRARY, NULL), 0);
	unload();
}

/* Whatever number the module has. */
static void preload__another_family(void **state)
{
	load("family=27");
	assert_int_equal(run(*state, LIBRARY, NULL), 0);
	unload();
}

/* Where there is no rds_zc, the library changes nothing. */
static void preload__without_the_module(void **state)
{
	write_files();
	assert_false(module_loaded());
	assert_int_equal(run(*state, LIBRARY, NULL), 2);
}

/* Without zerocopy: cookies come in the way of rds_zc, unless the module is told otherwise. */
static void lookup__the_program_runs(void **state)
{
	load("");
	assert_int_equal(run(*state, NULL, "-ln"), 0);
	unload();
}

static void lookup__cookies_in_the_way_of_af_rds(void **state)
{
	load("af_rds_compat=1");
	assert_int_equal(run(*state, NULL, "-l"), 0);
	unload();
}

/* What README warns of: the program meets POLLERR, and gives up. */
static void lookup__cookies_in_another_way(void **state)
{
	load("");
	assert_int_equal(run(*state, NULL, "-l"), 1);
	unload();
}

static void family21__the_program_runs(void **state)
{
	load("family=21");
	assert_int_equal(run(*state, NULL, NULL), 0);
	assert_int_equal(run(*state, NULL, "-l"), 0);
	unload();
}

/* The library finds the same number, and has nothing to do. */
static void family21__with_the_library(void **state)
{
	load("family=21");
	assert_int_equal(run(*state, LIBRARY, NULL), 0);
	unload();
}

/* In-tree RDS has the number: the module is refused with EBUSY, and the log says what to do. */
static void family21__taken_by_in_tree(void **state)
{
	(void)state;
	if (system("modprobe rds"))
		fail_msg("this kernel has no in-tree rds to try it with");
	assert_int_equal(module_load("family=21"), -1);
	assert_int_equal(errno, EBUSY);
	assert_false(module_loaded());
	assert_true(kernel_log_says("cannot use protocol family 21"));
	assert_true(kernel_log_says("the number is taken, choose another with family="));
	/* Beside it there is room under another number. */
	assert_int_equal(module_load(""), 0);
	unload();
	assert_int_equal(system("rmmod rds"), 0);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "afrds" };

	SUITE_ADD(&suite, afrds__with_nothing_has_no_socket, own);
	SUITE_ADD(&suite, preload__the_program_runs, each);
	SUITE_ADD(&suite, preload__another_family, own);
	SUITE_ADD(&suite, preload__without_the_module, own);
	SUITE_ADD(&suite, lookup__the_program_runs, each);
	SUITE_ADD(&suite, lookup__cookies_in_the_way_of_af_rds, each);
	SUITE_ADD(&suite, lookup__cookies_in_another_way, own);
	SUITE_ADD(&suite, family21__the_program_runs, each);
	SUITE_ADD(&suite, family21__with_the_library, own);
	SUITE_ADD_PLAIN(&suite, family21__taken_by_in_tree);
	return suite_run_unloaded(&suite, argc, argv);
}
