// SPDX-License-Identifier: GPL-2.0
/* Loading, unloading and parameters of the module. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "array.h"
#include "deadline.h"
#include <linux/rds_zc.h>

#include "module.h"
#include "suite.h"

static void assert_loads(const char *parameters)
{
	if (module_load(parameters))
		fail_msg("load '%s': %s", parameters, strerror(errno));
	assert_true(module_loaded());
}

static void assert_unloads(void)
{
	if (module_unload_within(5000))
		fail_msg("unload: %s", strerror(errno));
	assert_false(module_loaded());
}

static int try_socket(int family)
{
	return socket(family, SOCK_SEQPACKET, 0);
}

static void load__default_family_is_18(void **state)
{
	int fd;

	(void)state;
	assert_loads("");
	assert_int_equal(module_parameter("family", -1), 18);
	fd = try_socket(18);
	assert_true(fd >= 0);
	close(fd);
	assert_unloads();
}

static void load__without_module_family_is_unknown(void **state)
{
	(void)state;
	assert_int_equal(try_socket(18), -1);
	assert_int_equal(errno, EAFNOSUPPORT);
}

static void load__parameter_chooses_family(void **state)
{
	int fd;

	(void)state;
	assert_loads("family=21");
	assert_int_equal(module_parameter("family", -1), 21);
	fd = try_socket(21);
	assert_true(fd >= 0);
	assert_int_equal(try_socket(18), -1);
	assert_int_equal(errno, EAFNOSUPPORT);
	close(fd);
	assert_unloads();
}

/* AF_INET is taken, 45 is no family at all on the oldest kernel, -1 never. */
static void load__impossible_family_is_refused(void **state)
{
	static const char *const parameters[] = { "family=2", "family=1000", "family=-1" };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(parameters); i++) {
		if (!module_load(parameters[i])) {
			module_unload_within(5000);
			fail_msg("%s was accepted", parameters[i]);
		}
		assert_false(module_loaded());
	}
}

static void load__second_copy_is_refused(void **state)
{
	(void)state;
	assert_loads("");
	assert_int_equal(module_load(""), -1);
	assert_int_equal(errno, EEXIST);
	assert_true(module_loaded());
	assert_unloads();
}

static void unload__refused_while_socket_is_open(void **state)
{
	int fd;

	(void)state;
	assert_loads("");
	fd = try_socket(module_family());
	assert_true(fd >= 0);
	assert_int_equal(module_unload(), -1);
	assert_true(errno == EAGAIN || errno == EBUSY);
	assert_true(module_loaded());
	close(fd);
	assert_unloads();
}

static void load__again_and_again(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 5; i++) {
		assert_loads("");
		close(try_socket(module_family()));
		assert_unloads();
	}
}

static void load__family_name_files_for_stock_tools(void **state)
{
	(void)state;
	assert_loads("family=19");
	assert_int_equal(access("/proc/sys/net/rds/pf_rds", R_OK), 0);
	assert_int_equal(access("/proc/sys/net/rds/sol_rds", R_OK), 0);
	assert_unloads();
	assert_int_equal(access("/proc/sys/net/rds/pf_rds", R_OK), -1);
}

static int get_mode(int fd)
{
	socklen_t length = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, SOL_RDS, RDSZC_COMPLETION_MODE, &value, &length), 0);
	return value;
}

/* AF_RDS programs get the mode they know, by the number or by the parameter. */
static void load__completion_mode_of_af_rds_programs(void **state)
{
	static const struct {
		const char *parameters;
		int family, mode;
	} loads[] = {
		{ "", 18, RDSZC_COMPLETION_BOTH },
		{ "family=21", 21, RDSZC_COMPLETION_CMSG },
		{ "af_rds_compat=1", 18, RDSZC_COMPLETION_CMSG },
	};
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(loads); i++) {
		assert_loads(loads[i].parameters);
		fd = try_socket(loads[i].family);
		assert_true(fd >= 0);
		assert_int_equal(get_mode(fd), loads[i].mode);
		close(fd);
		assert_unloads();
	}
}

static long number_in(const char *path)
{
	FILE *file = fopen(path, "r");
	long value = -1;

	if (!file)
		return -1;
	if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

/* In every namespace, also in one that is made later. */
static void load__family_name_files_in_namespaces(void **state)
{
	struct netns before, after;

	(void)state;
	assert_int_equal(netns_create(&before), 0);
	assert_loads("family=19");
	assert_int_equal(netns_create(&after), 0);
	assert_int_equal(number_in("/proc/sys/net/rds/pf_rds"), 19);
	assert_int_equal(number_in("/proc/sys/net/rds/sol_rds"), 276);
	assert_int_equal(netns_in(&before, number_in("/proc/sys/net/rds/pf_rds")), 19);
	assert_int_equal(netns_in(&after, number_in("/proc/sys/net/rds/pf_rds")), 19);
	assert_int_equal(access("/sys/module/rds_zc/features/errqueue", R_OK), 0);
	netns_destroy(&before);
	netns_destroy(&after);
	assert_unloads();
	assert_int_equal(number_in("/proc/sys/net/rds/pf_rds"), -1);
}

/* Beside in-tree RDS: 21 is refused with a reason, and the folder of its sysctls is left alone. */
static void load__beside_in_tree(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(system("modprobe rds"), 0);
	fd = try_socket(21);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(module_load("family=21"), -1);
	assert_int_equal(errno, EBUSY);
	assert_true(kernel_log_says("cannot use protocol family 21 (error -17): "
				    "the number is taken"));
	assert_loads("");
	fd = try_socket(18);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(access("/proc/sys/net/rds/ping_enable", R_OK) &&
			 access("/proc/sys/net/rds/reconnect_min_delay_ms", R_OK), 0);
	assert_int_equal(number_in("/proc/sys/net/rds/pf_rds"), -1);
	assert_unloads();
	assert_int_equal(system("rmmod rds"), 0);
	assert_loads("family=21");
	assert_int_equal(number_in("/proc/sys/net/rds/pf_rds"), 21);
	assert_unloads();
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "load" };

	SUITE_ADD_PLAIN(&suite, load__without_module_family_is_unknown);
	SUITE_ADD_PLAIN(&suite, load__default_family_is_18);
	SUITE_ADD_PLAIN(&suite, load__parameter_chooses_family);
	SUITE_ADD_PLAIN(&suite, load__impossible_family_is_refused);
	SUITE_ADD_PLAIN(&suite, load__second_copy_is_refused);
	SUITE_ADD_PLAIN(&suite, unload__refused_while_socket_is_open);
	SUITE_ADD_PLAIN(&suite, load__again_and_again);
	SUITE_ADD_PLAIN(&suite, load__family_name_files_for_stock_tools);
	SUITE_ADD_PLAIN(&suite, load__completion_mode_of_af_rds_programs);
	SUITE_ADD_PLAIN(&suite, load__family_name_files_in_namespaces);
	SUITE_ADD_PLAIN(&suite, load__beside_in_tree);
	return suite_run_unloaded(&suite, argc, argv);
}
