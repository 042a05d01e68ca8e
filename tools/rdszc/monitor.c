// SPDX-License-Identifier: GPL-2.0
/*
 * monitor.c - events of the module (netlink), and its trace events (tracefs).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rdszc.h"

/* When to end: after so many events, after so many seconds; 0: never. */
struct until {
	unsigned int count;
	double timeout;
};

#define UNTIL_OPTIONS \
	{ "count", 'c', "N", 0, "end after so many events", 0 }, \
	{ "timeout", 'w', "SECONDS", 0, "end after so long", 0 }

static error_t parse_until(int key, const char *word, struct until *until)
{
	switch (key) {
	case 'c':
		until->count = number_parse(word, "count", 1, UINT32_MAX);
		return 0;
	case 'w':
		until->timeout = seconds_parse(word, "timeout");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

struct monitor {
	bool paths, congestion;
	bool has_local, has_peer;
	union address local, peer;
	struct until until;
};

static const struct argp_option monitor_options[] = {
	{ "paths", 'p', NULL, 0, "only changes of connections", 0 },
	{ "congestion", 'g', NULL, 0, "only changes of congestion", 0 },
	{ "local", 'l', "ADDR", 0, "only what happens to this address of ours", 0 },
	{ "peer", 'r', "ADDR", 0, "only what happens to this address of a peer", 0 },
	UNTIL_OPTIONS,
	{ 0 }
};

static error_t parse_monitor(int key, char *word, struct argp_state *state)
{
	struct monitor *m = state->input;

	switch (key) {
	case 'p':
		m->paths = true;
		return 0;
	case 'g':
		m->congestion = true;
		return 0;
	case 'l':
		m->local = address_parse(word, 0);
		m->has_local = true;
		return 0;
	case 'r':
		m->peer = address_parse(word, 0);
		m->has_peer = true;
		return 0;
	default:
		return parse_until(key, word, &m->until);
	}
}

static void put_stamp(void)
{
	struct timespec now;
	struct tm local;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &now);
	if (settings.json) {
		json_time("time", now.tv_sec, now.tv_nsec);
		return;
	}
	localtime_r(&now.tv_sec, &local);
	strftime(text, sizeof(text), "%H:%M:%S", &local);
	printf("%s.%03ld ", text, now.tv_nsec / 1000000);
}

static void show_path_event(const struct attrs *a)
{
	const char *old = name_in(path_states, PATH_STATES, attr_number(a, RDSZC_A_PATH_OLD_STATE));
	const char *now = name_in(path_states, PATH_STATES, attr_number(a, RDSZC_A_PATH_STATE));
	const char *reason = name_in(path_reasons, PATH_REASONS,
				     attr_number(a, RDSZC_A_PATH_REASON));
	unsigned int error = attr_number(a, RDSZC_A_PATH_ERROR);

	if (settings.json) {
		json_begin();
		json_text("event", "path");
		put_stamp();
		json_text("local", attr_address(a, RDSZC_A_PATH_LOCAL_ADDR));
		json_text("peer", attr_address(a, RDSZC_A_PATH_PEER_ADDR));
		json_number("scope", attr_number(a, RDSZC_A_PATH_SCOPE));
		json_text("transport", name_in(transports, TRANSPORTS,
					       attr_number(a, RDSZC_A_PATH_TRANSPORT)));
		json_number("lane", attr_number(a, RDSZC_A_PATH_LANE));
		json_text("old", old);
		json_text("state", now);
		json_text("reason", reason);
		json_number("error", error);
		json_number("reconnects", attr_number(a, RDSZC_A_PATH_RECONNECTS));
		json_end();
		return;
	}
	put_stamp();
	printf("path %s -> %s lane %u: %s -> %s", attr_address(a, RDSZC_A_PATH_LOCAL_ADDR),
	       attr_address(a, RDSZC_A_PATH_PEER_ADDR),
	       (unsigned int)attr_number(a, RDSZC_A_PATH_LANE), old,
	       paint(!strcmp(now, "up") ? GREEN : !strcmp(now, "down") ? RED : YELLOW, now));
	if (strcmp(now, "up") && strcmp(reason, "none"))
		printf(" (%s%s%s)", reason, error ? ": " : "", error ? strerror(error) : "");
	putchar('\n');
}

static void show_congestion_event(const struct attrs *a)
{
	bool peer = attr_number(a, RDSZC_A_CONGESTION_OWNER) == RDSZC_MAP_PEER;
	bool on = attr_number(a, RDSZC_A_CONGESTION_CONGESTED);

	if (settings.json) {
		json_begin();
		json_text("event", "congestion");
		put_stamp();
		json_text("owner", peer ? "peer" : "local");
		json_text("address", attr_address(a, RDSZC_A_CONGESTION_ADDR));
		json_number("port", attr_number(a, RDSZC_A_CONGESTION_PORT));
		json_bool("congested", on);
		json_number("total", attr_number(a, RDSZC_A_CONGESTION_TOTAL));
		json_end();
		return;
	}
	put_stamp();
	printf("congestion %s %s port %u: %s, %u ports in all\n", peer ? "peer" : "local",
	       attr_address(a, RDSZC_A_CONGESTION_ADDR),
	       (unsigned int)attr_number(a, RDSZC_A_CONGESTION_PORT),
	       on ? paint(RED, "congested") : paint(GREEN, "free"),
	       (unsigned int)attr_number(a, RDSZC_A_CONGESTION_TOTAL));
}

static bool has_address(const struct attrs *a, int type, const union address *wanted)
{
	uint8_t bytes[16];

	return attr_is_address(a, type, bytes, address_bytes(wanted, bytes));
}

static bool path_wanted(const struct monitor *m, const struct attrs *a)
{
	uint64_t scope = attr_number(a, RDSZC_A_PATH_SCOPE);

	if (m->has_local && (!has_address(a, RDSZC_A_PATH_LOCAL_ADDR, &m->local) ||
			     !address_in_scope(&m->local, scope)))
		return false;
	return !m->has_peer || (has_address(a, RDSZC_A_PATH_PEER_ADDR, &m->peer) &&
				address_in_scope(&m->peer, scope));
}

/* It is of one address, of ours or of a peer: who names the other side alone does not want it. */
static bool congestion_wanted(const struct monitor *m, const struct attrs *a)
{
	bool peer = attr_number(a, RDSZC_A_CONGESTION_OWNER) == RDSZC_MAP_PEER;

	if (!m->has_local && !m->has_peer)
		return true;
	return (peer ? m->has_peer : m->has_local) &&
	       has_address(a, RDSZC_A_CONGESTION_ADDR, peer ? &m->peer : &m->local);
}

/* False for one that is not wanted. */
static bool show_event(const struct monitor *m, uint8_t command, const struct attrs *a)
{
	if (command == RDSZC_CMD_PATH_EVENT && path_wanted(m, a))
		show_path_event(a);
	else if (command == RDSZC_CMD_CONGESTION_EVENT && congestion_wanted(m, a))
		show_congestion_event(a);
	else
		return false;
	fflush(stdout);
	return true;
}

static uint64_t end_of(const struct until *until)
{
	return until->timeout ? now_ns() + (uint64_t)(until->timeout * 1e9) : 0;
}

static bool wants_more(const struct until *until, unsigned int seen)
{
	return !until->count || seen < until->count;
}

/*
 * Milliseconds until then, for poll(): a second at most. An interrupt just before poll() does not
 * end it, and long times are no int.
 */
static int left_ms(uint64_t end)
{
	uint64_t now = now_ns();

	if (!end || now + 1000000000 < end)
		return 1000;
	return now >= end ? 0 : (int)((end - now) / 1000000 + 1);
}

int command_monitor(int argc, char **argv)
{
	static const struct argp argp = { monitor_options, parse_monitor, NULL,
		"Connections and congestion of this network namespace, as they change.",
		common_options, NULL, NULL };
	struct monitor m = { 0 };
	unsigned int seen = 0;
	struct attrs attrs;
	uint8_t command;
	uint64_t end;
	struct nl nl;

	argp_parse(&argp, argc, argv, 0, NULL, &m);
	catch_interrupts();
	nl_open(&nl);
	if (m.paths || !m.congestion)
		nl_join(&nl, nl.group_paths);
	if (m.congestion || !m.paths)
		nl_join(&nl, nl.group_congestion);
	if (!settings.json)
		fputs("listening, Ctrl-C ends\n", stderr);
	end = end_of(&m.until);
	while (!interrupted && wants_more(&m.until, seen) && left_ms(end))
		if (nl_event(&nl, left_ms(end), &command, &attrs))
			seen += show_event(&m, command, &attrs);
	nl_close(&nl);
	return EXIT_OK;
}

/* ---- trace ---- */

#define TASK_NAME 16	/* columns */

struct trace {
	const char *filter;
	struct until until;
	char **events;
	int event_count;
	char root[64];		/* of tracefs */
	char instance[128];	/* our own buffer, so that other tracers do not notice */
};

static const struct argp_option trace_options[] = {
	{ "filter", 'f', "EXPRESSION", 0, "as in tracefs, on fields of events: 'len > 9000'", 0 },
	UNTIL_OPTIONS,
	{ 0 }
};

static error_t parse_trace(int key, char *word, struct argp_state *state)
{
	struct trace *t = state->input;

	switch (key) {
	case 'f':
		t->filter = word;
		return 0;
	case ARGP_KEY_ARGS:
		t->events = state->argv + state->next;
		t->event_count = state->argc - state->next;
		return 0;
	default:
		return parse_until(key, word, &t->until);
	}
}

static bool write_file(const char *folder, const char *name, const char *text)
{
	char path[256];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ok = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	close(fd);
	return ok;
}

static bool look_for_tracefs(struct trace *t)
{
	static const char * const roots[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	char path[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(roots); i++) {
		snprintf(path, sizeof(path), "%s/instances", roots[i]);
		if (!access(path, W_OK)) {
			snprintf(t->root, sizeof(t->root), "%s", roots[i]);
			return true;
		}
	}
	return false;
}

/* "ip netns exec" hides it behind a new /sys: mount it for this process alone. */
static void mount_tracefs(void)
{
	if (!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
}

static void find_tracefs(struct trace *t)
{
	if (look_for_tracefs(t))
		return;
	if (geteuid())
		die(EXIT_DENIED, "tracing needs root");
	mount_tracefs();
	if (look_for_tracefs(t))
		return;
	die(EXIT_SYSTEM, "no tracefs: mount -t tracefs tracefs /sys/kernel/tracing");
}

/* The event as it was given, or with the prefix that all of ours have. */
static void enable_event(const struct trace *t, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "events/rds_zc/%s%s%s",
		 *name && strncmp(name, "rds_zc_", 7) ? "rds_zc_" : "", name,
		 *name ? "/enable" : "enable");
	if (t->filter) {
		char filter[160];

		snprintf(filter, sizeof(filter), "%.*sfilter", (int)(strlen(path) - 6), path);
		if (!write_file(t->instance, filter, t->filter))
			die(EXIT_USAGE, "the kernel does not take the filter '%s'%s%s", t->filter,
			    *name ? " for " : ": name an event", name);
	}
	if (!write_file(t->instance, path, "1"))
		die(EXIT_USAGE, "there is no trace event '%s' (%s/events/rds_zc)", name, t->root);
}

static struct trace *open_trace;

static void remove_instance(void)
{
	if (open_trace)
		rmdir(open_trace->instance);
}

static void make_instance(struct trace *t)
{
	char path[128];
	int i;

	find_tracefs(t);
	snprintf(path, sizeof(path), "%s/events/rds_zc", t->root);
	if (access(path, F_OK))
		die(EXIT_NO_MODULE,
		    "the module rds_zc is not loaded, or this kernel does not trace it");
	snprintf(t->instance, sizeof(t->instance), "%s/instances/rdszc-%d", t->root, getpid());
	if (mkdir(t->instance, 0700))
		die(exit_status(errno), "%s: %s", t->instance, strerror(errno));
	open_trace = t;
	atexit(remove_instance);
	for (i = 0; i < t->event_count; i++)
		enable_event(t, t->events[i]);
	if (!t->event_count)
		enable_event(t, "");
}

static bool is_number(const char *text)
{
	if (*text == '-')
		text++;
	return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 16;
}

/* "seconds.microseconds" of the trace clock. */
static void put_trace_time(const char *stamp)
{
	unsigned long long seconds = 0;
	unsigned int us = 0;

	if (stamp)
		sscanf(stamp, "%llu.%6u", &seconds, &us);
	json_time("time", seconds, us * 1000);
}

/* "CPU:n [LOST m EVENTS]", without m where the kernel does not know: more than the buffer holds. */
static bool show_lost(const char *line)
{
	unsigned long count = 0;
	unsigned int cpu;
	char word[8];

	if (sscanf(line, "CPU:%u [%7[A-Z] %lu", &cpu, word, &count) < 2 || strcmp(word, "LOST"))
		return false;
	json_begin();
	json_text("event", "lost");
	json_number("cpu", cpu);
	if (count)
		json_number("count", count);
	json_end();
	return true;
}

/* " task-pid [cpu] flags seconds: event: name=value ..."; a task may be called anything. */
static void show_trace_line(char *line)
{
	char *colon, *event, *field, *save, *stamp, *cpu;

	if (!settings.json) {
		puts(line);
		return;
	}
	if (show_lost(line))
		return;
	cpu = strlen(line) > TASK_NAME ? strchr(line + TASK_NAME, '[') : NULL;
	colon = cpu ? strstr(cpu, ": ") : NULL;
	event = colon ? colon + 2 : NULL;
	field = event ? strstr(event, ": ") : NULL;
	if (!field)
		return;
	*colon = '\0';
	*field = '\0';
	stamp = strrchr(cpu, ' ');
	json_begin();
	json_text("event", event);
	put_trace_time(stamp);
	json_number("cpu", strtoul(cpu + 1, NULL, 10));
	for (field = strtok_r(field + 2, " ", &save); field; field = strtok_r(NULL, " ", &save)) {
		char *value = strchr(field, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (is_number(value))
			json_signed(field, strtoll(value, NULL, 10));
		else
			json_text(field, value);
	}
	json_end();
}

/* The lines that are whole, @most at most (0: all); @size of the rest, which stays. */
static unsigned int show_trace_lines(char *line, size_t *size, unsigned int most)
{
	unsigned int shown;
	char *newline;

	for (shown = 0; (!most || shown < most) && (newline = strchr(line, '\n')); shown++) {
		*newline = '\0';
		show_trace_line(line);
		*size -= newline + 1 - line;
		memmove(line, newline + 1, *size + 1);
	}
	return shown;
}

/* When the time is over no more is recorded; what was is shown, however late we are to read it. */
static void follow(const struct trace *t)
{
	uint64_t end = end_of(&t->until);
	struct pollfd poll_fd = { .events = POLLIN };
	char line[1024], path[160];
	unsigned int seen = 0;
	bool over = false;
	size_t size = 0;
	ssize_t got;

	snprintf(path, sizeof(path), "%s/trace_pipe", t->instance);
	poll_fd.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (poll_fd.fd < 0)
		die(exit_status(errno), "%s: %s", path, strerror(errno));
	while (!interrupted && wants_more(&t->until, seen)) {
		if (!over && !left_ms(end)) {
			write_file(t->instance, "tracing_on", "0");
			over = true;
		}
		if (!over && poll(&poll_fd, 1, left_ms(end)) <= 0)
			continue;
		got = read(poll_fd.fd, line + size, sizeof(line) - 1 - size);
		if (got <= 0 && over)
			break;
		if (got <= 0)
			continue;
		size += got;
		line[size] = '\0';
		seen += show_trace_lines(line, &size, t->until.count ? t->until.count - seen : 0);
		if (size == sizeof(line) - 1)
			size = 0;
		if (fflush(stdout) || ferror(stdout))
			break;
	}
	close(poll_fd.fd);
}

int command_trace(int argc, char **argv)
{
	static const struct argp argp = { trace_options, parse_trace, "[EVENT...]",
		"Trace events of the module: socket, message, pin, pass, completion, path, "
		"congestion, drop. All of them by default. Needs root.",
		common_options, NULL, NULL };
	static struct trace t;

	argp_parse(&argp, argc, argv, 0, NULL, &t);
	catch_all_endings();
	make_instance(&t);
	if (!settings.json)
		fputs("tracing, Ctrl-C ends\n", stderr);
	follow(&t);
	return EXIT_OK;
}
