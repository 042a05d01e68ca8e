// SPDX-License-Identifier: GPL-2.0
/* Loading, unloading and parameters of the module. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "array.h"
#include "deadline.h"
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
	return suite_run_unloaded(&suite, argc, argv);
}
