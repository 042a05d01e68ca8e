// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of examples/ do what the README says, and so do the one in rds_zc(7) and the
 * commands in rds_zc(4). The programs are compiled into this one with main() renamed, and run as
 * processes of their own.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "cred.h"
#include "module.h"
#include "suite.h"

#include <linux/rds_zc.h>

#define COUNT 40
#define COUNT_TEXT "40"
#define PORT 4000
#define PORT_TEXT "4000"

int example_send_zc(int argc, char **argv);
int example_recv(int argc, char **argv);
int example_page(int argc, char **argv);

static pid_t start(const struct netns *ns, int (*example)(int, char **), int argc, char **argv)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	/* What it prints is for people; the exit code says whether it worked. */
	dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
	alarm(60 * time_scale());
	_exit(netns_enter(ns) ? 99 : example(argc, argv));
}

static int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool is_bound(int fd, uint16_t port)
{
	struct rds_info_socket sockets[16];
	socklen_t length = sizeof(sockets);
	size_t i;

	assert_true(getsockopt(fd, SOL_RDS, RDS_INFO_SOCKETS, sockets, &length) >= 0);
	for (i = 0; i < length / sizeof(sockets[0]); i++)
		if (sockets[i].bound_port == htons(port))
			return true;
	return false;
}

/*
 * A message for a port that is not bound yet is lost: wait until the receiver has it. Only by
 * looking; whoever tries to bind the port may be what keeps it from the receiver.
 */
static void wait_for_receiver(struct topology *topology)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int fd = netns_in(topology_far_ns(topology, 0), rds_socket());
	bool bound;

	assert_true(fd >= 0);
	while (!(bound = is_bound(fd, PORT)) && !deadline_over(&deadline))
		deadline_step();
	close(fd);
	assert_true(bound);
}

static void examples__sender_and_receiver(void **state)
{
	struct topology *topology = *state;
	char *receive[] = { "recv", topology->far_text[0], PORT_TEXT, COUNT_TEXT, NULL };
	char *send[] = {
		"send_zc", topology->near_text[0], topology->far_text[0],
		PORT_TEXT, COUNT_TEXT, NULL
	};
	struct counters before;
	pid_t sender, receiver;

	assert_int_equal(module_family(), RDSZC_FAMILY_DEFAULT);
	assert_int_equal(counters_read(&topology->ns[0], &before), 0);
	receiver = start(topology_far_ns(topology, 0), example_recv, 4, receive);
	wait_for_receiver(topology);
	sender = start(&topology->ns[0], example_send_zc, 5, send);
	assert_int_equal(end_of(sender), 0);
	assert_int_equal(end_of(receiver), 0);
	assert_int_equal(counter_moved(&topology->ns[0], &before, "zc_completed"), COUNT);
	assert_true(counter_moved(&topology->ns[0], &before, "zc_sent") > 0);
}

/* It checks itself that the bytes and the cookie come; its exit code says so. */
static void examples__page(void **state)
{
	struct topology *topology = *state;
	char *arguments[] = { "example", topology->near_text[0], NULL };
	struct counters before;

	assert_int_equal(module_family(), RDSZC_FAMILY_DEFAULT);
	assert_int_equal(counters_read(&topology->ns[0], &before), 0);
	assert_int_equal(end_of(start(&topology->ns[0], example_page, 2, arguments)), 0);
	assert_int_equal(counter_moved(&topology->ns[0], &before, "zc_completed"), 1);
}

/* As a shell would; the module's file and modprobe's search are not what is tried. */
static void run_command(const struct netns *ns, const char *command)
{
	static const char modprobe[] = "modprobe rds_zc ";

	if (strncmp(command, modprobe, sizeof(modprobe) - 1)) {
		if (netns_in(ns, system(command)))
			fail_msg("%s", command);
		return;
	}
	assert_int_equal(module_unload_within(10000), 0);
	if (module_load(command + sizeof(modprobe) - 1))
		fail_msg("%s", command);
}

/* Each command is taken, and the settings are what it says. */
static void examples__parameters_and_sysctls(void **state)
{
	static const char *const commands[] = {
#include "commands.h"
	};
	struct netns ns;
	long hold;
	size_t i;

	(void)state;
	assert_true(ARRAY_SIZE(commands) >= 4);
	for (i = 0; i < ARRAY_SIZE(commands) && !strncmp(commands[i], "modprobe", 8); i++)
		run_command(netns_here(), commands[i]);
	assert_int_equal(cred_become_nobody(), 0);
	assert_fails(rds_socket(), EPERM);
	assert_int_equal(cred_become_root(), 0);
	assert_int_equal(netns_create(&ns), 0);
	for (; i < ARRAY_SIZE(commands); i++)
		run_command(&ns, commands[i]);
	assert_int_equal(netns_sysctl_get(&ns, "pin_hold_ms", &hold), 0);
	assert_int_equal(hold, 2000);
	netns_destroy(&ns);
	assert_int_equal(module_unload_within(10000), 0);
	assert_int_equal(module_need(), 0);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "examples" };

	SUITE_ADD(&suite, examples__sender_and_receiver, variants_one_each);
	SUITE_ADD(&suite, examples__page, variants_loop_each);
	SUITE_ADD_PLAIN(&suite, examples__parameters_and_sysctls);
	return suite_run(&suite, argc, argv);
}
