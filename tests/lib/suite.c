// SPDX-License-Identifier: GPL-2.0
/* Builds and runs a CMocka group. */
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "cred.h"
#include "module.h"
#include "pattern.h"
#include "suite.h"
#include "watch.h"

/* CMocka's TAP form prints a whole group at its end; a hanging test must end before the VM does. */
#define TEST_LIMIT_S 100

static int argument_count;
static char **arguments;

long suite_argument(const char *name, long fallback)
{
	size_t length = strlen(name);
	int i;

	for (i = 1; i < argument_count; i++)
		if (!strncmp(arguments[i], name, length) && arguments[i][length] == '=')
			return atol(arguments[i] + length + 1);
	return fallback;
}

static struct CMUnitTest *next_test(struct suite *suite)
{
	if (suite->count == SUITE_MAX) {
		fprintf(stderr, "%s: too many tests\n", suite->name);
		exit(2);
	}
	return &suite->tests[suite->count++];
}

static void (*at_end)(void);

void suite_at_end(void (*function)(void))
{
	at_end = function;
}

static int plain_setup(void **state)
{
	(void)state;
	watch_limit(TEST_LIMIT_S);
	return 0;
}

static void give_back(void)
{
	if (at_end)
		at_end();
}

static int plain_teardown(void **state)
{
	(void)state;
	give_back();
	watch_limit(0);
	return 0;
}

void suite_add_plain(struct suite *suite, const char *name, CMUnitTestFunction function)
{
	*next_test(suite) = (struct CMUnitTest){
		.name = name,
		.test_func = function,
		.setup_func = plain_setup,
		.teardown_func = plain_teardown,
	};
}

static int nobody_setup(void **state)
{
	plain_setup(state);
	return cred_become_nobody();
}

static int nobody_teardown(void **state)
{
	int rc;

	(void)state;
	give_back();
	rc = cred_become_root();
	watch_limit(0);
	return rc;
}

static int variant_setup(void **state)
{
	plain_setup(state);
	return topology_setup(state);
}

static int variant_teardown(void **state)
{
	int rc;

	give_back();
	rc = topology_teardown(state);
	watch_limit(0);
	return rc;
}

static const char *labelled(const char *name, const char *label)
{
	char *full;

	if (asprintf(&full, "%s (%s)", name, label) < 0)
		exit(2);
	return full;
}

void suite_add_nobody(struct suite *suite, const char *name, CMUnitTestFunction function)
{
	*next_test(suite) = (struct CMUnitTest){
		.name = labelled(name, "nobody"),
		.test_func = function,
		.setup_func = nobody_setup,
		.teardown_func = nobody_teardown,
	};
}

void suite_add_state(struct suite *suite, const char *name, const char *label,
		     CMUnitTestFunction function, const void *state, bool nobody)
{
	*next_test(suite) = (struct CMUnitTest){
		.name = labelled(name, label),
		.test_func = function,
		.setup_func = nobody ? nobody_setup : plain_setup,
		.teardown_func = nobody ? nobody_teardown : plain_teardown,
		.initial_state = (void *)state,
	};
}

void suite_add(struct suite *suite, const char *name, CMUnitTestFunction function,
	       const struct variant *variants)
{
	const struct variant *variant;

	for (variant = variants; variant->name; variant++) {
		*next_test(suite) = (struct CMUnitTest){
			.name = labelled(name, variant->name),
			.test_func = function,
			.setup_func = variant_setup,
			.teardown_func = variant_teardown,
			.initial_state = (void *)variant,
		};
	}
}

static int load_module(void **state)
{
	(void)state;
	if (!module_need())
		return 0;
	perror("cannot load the module");
	return -1;
}

/* A program before this one may have left it loaded. */
static int unload_module(void **state)
{
	(void)state;
	return module_loaded() ? module_unload_within(5000) : 0;
}

/* False, and a failure, where no test has such a name. CMocka knows * and ? alone. */
static bool choose(const struct suite *suite, const char *pattern)
{
	size_t i;

	for (i = strpbrk(pattern, "[\\") ? suite->count : 0; i < suite->count; i++)
		if (!fnmatch(pattern, suite->tests[i].name, 0))
			break;
	if (i < suite->count)
		cmocka_set_test_filter(pattern);
	else
		printf("not ok - no test is called %s\n", pattern);
	return i < suite->count;
}

static int run(struct suite *suite, int argc, char **argv, CMFixtureFunction setup)
{
	int i;

	argument_count = argc;
	arguments = argv;
	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--count")) {
			printf("%zu\n", suite->count);
			return 0;
		}
		if (!strncmp(argv[i], "--only=", 7) && !choose(suite, argv[i] + 7))
			return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	watch_start();
	pattern_prepare();
	return _cmocka_run_group_tests(suite->name, suite->tests, suite->count, setup, NULL);
}

int suite_run(struct suite *suite, int argc, char **argv)
{
	return run(suite, argc, argv, load_module);
}

int suite_run_unloaded(struct suite *suite, int argc, char **argv)
{
	return run(suite, argc, argv, unload_module);
}
