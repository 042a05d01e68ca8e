// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - rdszc COMMAND: looks for the command and hands over.
 */
#include <string.h>

#include "rdszc.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "sockets", command_sockets, "sockets: addresses, queues, cookies" },
	{ "conns", command_conns, "connections: state, queues, why they were lost" },
	{ "paths", command_paths, "the lanes of each connection" },
	{ "messages", command_messages, "messages that wait in queues" },
	{ "info", command_info, "the module and this namespace in short" },
	{ "stats", command_stats, "counters, what they mean, what changed" },
	{ "hist", command_hist, "how long sends, cookies and queues take" },
	{ "monitor", command_monitor, "connections and congestion as they change" },
	{ "ping", command_ping, "does a host answer, and how fast" },
	{ "stress", command_stress, "checked load between two ends" },
	{ "trace", command_trace, "trace events of the module as they happen" },
	{ "doctor", command_doctor, "what stands in the way, and the next command" },
};

static void usage(FILE *out)
{
	size_t i;

	fputs("Usage: rdszc COMMAND [OPTION...]\n\n", out);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\nAll commands take -j (JSON, one object a line) and --help.\n", out);
}

/* What could not be written was not told: no success. */
static int written(int status)
{
	if ((fflush(stdout) || ferror(stdout)) && status == EXIT_OK) {
		warn("the output could not be written");
		return EXIT_SYSTEM;
	}
	return status;
}

int main(int argc, char **argv)
{
	static char name[64];
	size_t i;

	argp_err_exit_status = EXIT_USAGE;
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("rdszc %s\n", RDSZC_VERSION);
		return EXIT_OK;
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		snprintf(name, sizeof(name), "rdszc %s", commands[i].name);
		argv[1] = name;
		return written(commands[i].run(argc - 1, argv + 1));
	}
	fprintf(stderr, "rdszc: there is no command '%s'\n", argv[1]);
	usage(stderr);
	return EXIT_USAGE;
}
