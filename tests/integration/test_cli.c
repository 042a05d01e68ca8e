// SPDX-License-Identifier: GPL-2.0
/*
 * rdszc: what its JSON says is what the kernel says elsewhere. The tool is linked into this program
 * with its main() renamed, and run as a process of its own in the namespace it is asked about.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wordexp.h>

#include <libmnl/libmnl.h>

#include "array.h"
#include "counters.h"
#include "cred.h"
#include "diag.h"
#include "ends.h"
#include "module.h"
#include "suite.h"
#include "zc.h"

int rdszc_main(int argc, char **argv);

/* What the tool calls of libmnl, here with a look at it (tests/Makefile): see list_stirred(). */
ssize_t __real_mnl_socket_sendto(const struct mnl_socket *nl, const void *buffer, size_t length);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buffer, size_t length);
ssize_t __real_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buffer, size_t size);
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buffer, size_t size);

#define OUTPUT (1 << 20)

/* A run of the tool. */
struct run {
	pid_t pid;
	int out, err;
	int status;
	char *text;	/* what it wrote to stdout */
	char *words;	/* and to stderr */
};

static char text[OUTPUT], words[OUTPUT];

/* In a process of its own, which ends with the tool. */
static void __attribute__((noreturn)) become_tool(const struct netns *ns, int argc, char **argv)
{
	alarm(120 * time_scale());
	if (netns_enter(ns))
		_exit(99);
	exit(rdszc_main(argc, argv));
}

static struct run start_words(const struct netns *ns, int argc, char **argv)
{
	struct run run = { .text = text, .words = words };
	int out[2], err[2];

	assert_int_equal(pipe(out), 0);
	assert_int_equal(pipe(err), 0);
	fflush(stdout);
	run.pid = fork();
	assert_true(run.pid >= 0);
	if (!run.pid) {
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		close(out[0]);
		close(err[0]);
		become_tool(ns, argc, argv);
	}
	close(out[1]);
	close(err[1]);
	run.out = out[0];
	run.err = err[0];
	return run;
}

/* Arguments from one string, blanks between them; '~' stands for a blank. Returns how many. */
static int split(const char *line, char **argv)
{
	static char copy[512];
	char *save, *word;
	int argc = 1;

	argv[0] = "rdszc";
	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		argv[argc++] = word;
		while (strchr(word, '~'))
			*strchr(word, '~') = ' ';
	}
	argv[argc] = NULL;
	return argc;
}

static struct run start(const struct netns *ns, const char *line)
{
	char *argv[32];
	int argc = split(line, argv);

	return start_words(ns, argc, argv);
}

/* One that hears of events, with the time to begin: nothing outside shows that it has. */
static struct run start_listening(const struct netns *ns, const char *line)
{
	struct run run = start(ns, line);

	usleep(1500000 * time_scale());
	return run;
}

static void slurp(int fd, char *to)
{
	size_t size = 0;
	ssize_t got;

	while (size < OUTPUT - 1 && (got = read(fd, to + size, OUTPUT - 1 - size)) > 0)
		size += got;
	to[size] = '\0';
	close(fd);
}

static void finish(struct run *run)
{
	int status;

	slurp(run->out, text);
	slurp(run->err, words);
	assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
	run->status = WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static struct run rdszc(const struct netns *ns, const char *line)
{
	struct run run = start(ns, line);

	finish(&run);
	return run;
}

/* The same, with a terminal as its output and its messages; returns what came there. */
static const char *on_terminal(const struct netns *ns, const char *line)
{
	int screen, terminal, status;
	size_t size = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(openpty(&screen, &terminal, NULL, NULL, NULL), 0);
	fflush(stdout);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		char *argv[32];

		dup2(terminal, STDOUT_FILENO);
		dup2(terminal, STDERR_FILENO);
		become_tool(ns, split(line, argv), argv);
	}
	close(terminal);
	/* It ends with EIO, when nobody has the terminal open any more. */
	while (size < OUTPUT - 1 && (got = read(screen, text + size, OUTPUT - 1 - size)) > 0)
		size += got;
	text[size] = '\0';
	close(screen);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	return text;
}

/* ---- JSON, as far as the tool writes it: one flat object a line ---- */

/*
 * A strict reader: every line must be an object of strings, numbers, booleans or lists of numbers.
 */
static const char *json_value(const char *at)
{
	if (*at == '"') {
		for (at++; *at && *at != '"'; at++)
			if (*at == '\\')
				at++;
		return *at ? at + 1 : NULL;
	}
	if (*at == '[')
		return at + strspn(at, "[0123456789,") + 1;
	if (!strncmp(at, "true", 4))
		return at + 4;
	if (!strncmp(at, "false", 5))
		return at + 5;
	return strspn(at, "-+.0123456789e") ? at + strspn(at, "-+.0123456789e") : NULL;
}

/* Is this key, with its quotes and the colon, in the object already? */
static bool json_repeats(const char *const *keys, size_t count, const char *key, size_t length)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!strncmp(keys[i], key, length))
			return true;
	return false;
}

/* Behind the object that begins here, or NULL. No key may come twice. */
static const char *json_object(const char *at)
{
	const char *keys[64], *key;
	size_t count = 0;

	if (*at++ != '{')
		return NULL;
	while (*at != '}') {
		key = at;
		at = *at == '"' ? json_value(at) : NULL;
		if (!at || *at++ != ':' || count == ARRAY_SIZE(keys) ||
		    json_repeats(keys, count, key, at - key))
			return NULL;
		keys[count++] = key;
		at = json_value(at);
		if (!at || (*at != ',' && *at != '}'))
			return NULL;
		at += *at == ',';
	}
	return at + 1;
}

static size_t json_lines(const char *out)
{
	size_t lines = 0;

	while (*out) {
		out = json_object(out);
		if (!out || *out++ != '\n')
			return 0;
		lines++;
	}
	return lines;
}

/* The first line that holds this text. */
static const char *line_with(const char *out, const char *needle)
{
	const char *at = strstr(out, needle);

	while (at && at > out && at[-1] != '\n')
		at--;
	return at;
}

/* Value of a key in a line: a number, or true as 1. */
static long long json_number(const char *line, const char *key)
{
	char needle[64];
	const char *at, *end;

	assert_non_null(line);
	end = strchr(line, '\n');
	snprintf(needle, sizeof(needle), "\"%s\":", key);
	at = strstr(line, needle);
	if (!at || (end && at > end))
		fail_msg("no %s in: %.200s", key, line);
	at += strlen(needle);
	return *at == 't' ? 1 : *at == 'f' ? 0 : strtoll(at, NULL, 10);
}

/* The time of a line, in nanoseconds; it must be told to the microsecond at least. */
static long long json_time_ns(const char *line)
{
	const char *at = strstr(line, "\"time\":");
	long long seconds;
	size_t digits;
	char *end;

	assert_non_null(at);
	seconds = strtoll(at + strlen("\"time\":"), &end, 10);
	digits = *end == '.' ? strspn(end + 1, "0123456789") : 0;
	if (digits != 9)
		fail_msg("no nanoseconds in: %.200s", line);
	return seconds * 1000000000 + strtoll(end + 1, NULL, 10);
}

static long long clock_ns(clockid_t clock)
{
	struct timespec now;

	assert_int_equal(clock_gettime(clock, &now), 0);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static bool json_is(const char *line, const char *key, const char *value)
{
	char needle[128];
	const char *at, *end;

	assert_non_null(line);
	end = strchr(line, '\n');
	snprintf(needle, sizeof(needle), "\"%s\":\"%s\"", key, value);
	at = strstr(line, needle);
	return at && (!end || at < end);
}

/* Is this key in the line, with words behind it? */
static bool json_has_words(const char *line, const char *key)
{
	char needle[64];
	const char *at, *end;

	assert_non_null(line);
	end = strchr(line, '\n');
	snprintf(needle, sizeof(needle), "\"%s\":\"", key);
	at = strstr(line, needle);
	return at && (!end || at < end) && at[strlen(needle)] != '"';
}

/* ---- text for Prometheus ---- */

#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789"

/* A line for each thing that may be said of a metric, and those of its values. */
struct metric {
	char name[96], type[16];
	bool helped;
	double last_bound, last_bucket, inf;	/* of a histogram */
	int samples;
};

/* A name and a blank, or what begins its labels; returns what is behind, or NULL. */
static const char *metric_name(const char *at, const char *ends, char *name, size_t size)
{
	size_t length = strspn(at, NAME_LETTERS);

	if (!length || length >= size || strchr("0123456789", *at) || !strchr(ends, at[length]))
		return NULL;
	snprintf(name, size, "%.*s", (int)length, at);
	return at + length;
}

/* # HELP NAME WORDS, which begins a metric; # TYPE NAME KIND, which follows. */
static bool metric_head(const char *line, struct metric *m)
{
	bool help = !strncmp(line, "# HELP ", 7);
	char name[sizeof(m->name)];
	const char *rest;

	if (!help && strncmp(line, "# TYPE ", 7))
		return false;
	rest = metric_name(line + 7, " ", name, sizeof(name));
	if (!rest || !rest[1] || strchr(rest, '\\'))
		return false;
	if (help) {
		if (*m->name && !m->samples)
			return false;
		memset(m, 0, sizeof(*m));
		strcpy(m->name, name);
		m->helped = true;
		return true;
	}
	if (!m->helped || strcmp(m->name, name) || *m->type || m->samples)
		return false;
	snprintf(m->type, sizeof(m->type), "%s", rest + 1);
	return !strcmp(m->type, "counter") || !strcmp(m->type, "histogram");
}

/* {le="BOUND"} VALUE: each bound is above the last, and has no fewer than that. */
static bool metric_bucket(const char *at, struct metric *m)
{
	double bound, value;
	char *end;

	if (strncmp(at, "{le=\"", 5) || m->inf)
		return false;
	bound = strtod(at + 5, &end);
	if (end == at + 5 || strncmp(end, "\"} ", 3))
		return false;
	at = end + 3;
	value = strtod(at, &end);
	if (end == at || *end || value < m->last_bucket || (m->samples && bound <= m->last_bound))
		return false;
	m->last_bound = bound;
	m->last_bucket = value;
	m->inf = bound > 1e300 ? value + 1 : 0;
	return true;
}

/* A value of the metric that was introduced last. */
static bool metric_sample(const char *line, struct metric *m)
{
	char name[sizeof(m->name)], *end;
	const char *rest = metric_name(line, " {", name, sizeof(name)), *tail;
	bool histogram = !strcmp(m->type, "histogram");
	size_t length = strlen(m->name);
	double value;

	if (!rest || !*m->type || strncmp(name, m->name, length))
		return false;
	tail = name + length;
	if (histogram && !strcmp(tail, "_bucket")) {
		if (!metric_bucket(rest, m))
			return false;
		m->samples++;
		return true;
	}
	value = strtod(rest, &end);
	if (*rest != ' ' || end == rest || *end || value < 0)
		return false;
	m->samples++;
	if (!histogram)
		return !*tail && m->samples == 1;
	/* +Inf is the last bucket, and counts all. */
	return m->inf &&
	       (!strcmp(tail, "_sum") || (!strcmp(tail, "_count") && value + 1 == m->inf));
}

/* Fails unless every line is well-formed; returns how many metrics there are, each once. */
static size_t metrics(const char *out)
{
	static char names[1024][96];
	struct metric m = { .name = "" };
	char line[512];
	size_t count = 0, i;

	for (; *out; out = strchr(out, '\n') + 1) {
		if (!strchr(out, '\n'))
			fail_msg("the last line has no end: %s", out);
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(out, "\n"), out);
		if (!(*line == '#' ? metric_head(line, &m) : metric_sample(line, &m)))
			fail_msg("not of Prometheus, of %s: %s", m.name, line);
		if (strncmp(line, "# TYPE ", 7))
			continue;
		for (i = 0; i < count; i++)
			assert_string_not_equal(names[i], m.name);
		assert_true(count < ARRAY_SIZE(names));
		strcpy(names[count++], m.name);
	}
	assert_true(m.samples > 0);
	return count;
}

/* ---- tests ---- */

static void stats__agree_with_proc(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	struct counters counters;
	char needle[COUNTER_NAME_SIZE + 16];
	struct run run;
	size_t i;

	send_pattern(ends.tx, 3000, 1, &ends.far);
	receive_pattern(ends.rx, 3000, 1, &ends.near);
	assert_int_equal(counters_read(&topology->ns[0], &counters), 0);
	run = rdszc(&topology->ns[0], "stats -j --explain");
	assert_int_equal(run.status, 0);
	assert_int_equal(json_lines(run.text), counters.count);
	for (i = 0; i < counters.count; i++) {
		const char *line;

		snprintf(needle, sizeof(needle), "\"name\":\"%s\"", counters.list[i].name);
		line = line_with(run.text, needle);
		assert_true(json_number(line, "value") >= (long long)counters.list[i].value);
		assert_true(json_has_words(line, "meaning"));
	}
	run = rdszc(&topology->ns[0], "stats -j send_queued recv_*");
	assert_int_equal(run.status, 0);
	assert_int_equal(json_number(line_with(run.text, "send_queued"), "value"),
			 counter_now(&topology->ns[0], "send_queued"));
	assert_null(strstr(run.text, "zc_sent"));
}

static void stats__other_forms(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	struct counters counters;
	struct run run;

	send_pattern(ends.tx, 3000, 1, &ends.far);
	receive_pattern(ends.rx, 3000, 1, &ends.near);
	run = rdszc(&topology->ns[0], "stats --prometheus");
	assert_int_equal(run.status, 0);
	assert_int_equal(counters_read(&topology->ns[0], &counters), 0);
	assert_int_equal(metrics(run.text), counters.count);
	assert_non_null(strstr(run.text, "# TYPE rds_zc_send_queued_total counter\n"));
	assert_non_null(strstr(run.text, "\nrds_zc_send_queued_total "));
	run = rdszc(&topology->ns[0], "stats");
	assert_non_null(strstr(run.text, "send_queued"));
	assert_null(strstr(run.text, "page_remainder_hit"));	/* is 0 */
	assert_null(strchr(run.text, '\033'));			/* no terminal: no colours */
	run = rdszc(&topology->ns[0], "stats no_such_counter");
	assert_int_equal(run.status, 2);
}

static bool exited(const struct run *run)
{
	siginfo_t info = { 0 };

	assert_int_equal(waitid(P_PID, run->pid, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	return info.si_pid == run->pid;
}

/* Messages, one at a time, for as long as the tool runs: some of them fall into each interval. */
static uint32_t send_while_running(const struct ends *ends, const struct run *run)
{
	struct deadline deadline = deadline_in(120000);
	uint32_t sent = 0;

	while (!exited(run)) {
		assert_false(deadline_over(&deadline));
		send_pattern(ends->tx, 100, sent, &ends->far);
		receive_pattern(ends->rx, 100, sent++, &ends->near);
		usleep(50000);
	}
	return sent;
}

static void stats__watch_shows_what_changed(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	unsigned long changes = 0;
	const char *line;
	struct run run;
	uint32_t sent;

	run = start(&topology->ns[0], "stats -j -w -i 1 -c 4 send_queued page_remainder_hit");
	sent = send_while_running(&ends, &run);
	finish(&run);
	assert_int_equal(run.status, 0);
	assert_in_range(json_lines(run.text), 1, 4);
	for (line = run.text; line && *line; line = strchr(line, '\n') + 1) {
		assert_true(json_is(line, "name", "send_queued"));
		assert_true(json_number(line, "change") >= 1);
		changes += (unsigned long)json_number(line, "change");
	}
	assert_in_range(changes, 1, sent);
}

/* An interval in which nothing changed has no line. */
static void stats__watch_is_silent_when_nothing_changes(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	struct run run;

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	run = start(&topology->ns[0], "stats -j -w -i 1 -c 2 send_queued page_remainder_hit");
	finish(&run);
	assert_int_equal(run.status, 0);
	assert_string_equal(run.text, "");
}

static void sockets__show_queues_and_options(void **state)
{
	struct topology *topology = *state;
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct ends ends = ends_open(state);
	long long rcv_mem;
	char needle[32];
	const char *line;
	struct run run;
	uint32_t i;

	for (i = 0; i < 7; i++)
		send_pattern(ends.tx, 2000, i, &ends.far);
	assert_int_equal(rds_set(ends.rx, SOL_RDS, RDSZC_ZC_THRESHOLD, 4711), 0);
	assert_int_equal(rds_set(ends.rx, SOL_RDS, RDSZC_COMPLETION_MODE, RDSZC_COMPLETION_CMSG),
			 0);
	snprintf(needle, sizeof(needle), "\"local_port\":%u,", rds_port(&ends.far));
	do {
		deadline_step();
		run = rdszc(topology_far_ns(topology, 0), "sockets -j");
		assert_int_equal(run.status, 0);
		assert_true(json_lines(run.text) >= 1);
		line = line_with(run.text, needle);
		assert_false(deadline_over(&deadline));
	} while (json_number(line, "rcv_msgs") < 7);
	assert_int_equal(json_number(line, "rcv_bytes"), 7 * 2000);
	assert_int_equal(json_number(line, "zc_threshold"), 4711);
	assert_true(json_is(line, "completion_mode", "cmsg"));
	/* The one socket that holds any, so the namespace holds as much. */
	rcv_mem = json_number(line, "rcv_mem");
	assert_true(rcv_mem >= 7 * 2000);
	assert_int_equal(json_number(line, "uid"), cred_is_nobody() ? CRED_NOBODY : 0);
	assert_true(json_is(line, "local", topology->far_text[0]));
	snprintf(needle, sizeof(needle), "messages -j -q receive");
	run = rdszc(topology_far_ns(topology, 0), needle);
	assert_int_equal(json_lines(run.text), 7);
	assert_int_equal(json_number(run.text, "len"), 2000);
	run = rdszc(topology_far_ns(topology, 0), "sockets");
	assert_non_null(strstr(run.text, "RCV-MSGS"));
	run = rdszc(topology_far_ns(topology, 0), "info -j");
	assert_int_equal(json_number(run.text, "rcv_mem"), rcv_mem);
	for (i = 0; i < 7; i++)
		receive_pattern(ends.rx, 2000, i, &ends.near);
	run = rdszc(topology_far_ns(topology, 0), "info -j");
	assert_int_equal(json_number(run.text, "rcv_mem"), 0);
	run = rdszc(topology_far_ns(topology, 0), "sockets -j");
	assert_int_equal(json_number(run.text, "rcv_mem"), 0);
	run = rdszc(&topology->ns[0], "sockets -j");
	assert_true(json_is(run.text, "completion_mode", "both"));
}

/*
 * since_ms of the one connection is of the clock: it grows as that does, and is not older than what
 * happened after @start.
 */
static void since_is_of_the_clock(const struct netns *ns, uint64_t start)
{
	const char *line = "conns -j";
	long long first, second;
	uint64_t before, between, after;

	before = clock_ms();
	first = json_number(rdszc(ns, line).text, "since_ms");
	between = clock_ms();
	usleep(300000);
	second = json_number(rdszc(ns, line).text, "since_ms");
	after = clock_ms();
	/* A tick of the kernel is 10 ms at most. */
	assert_in_range(first, 0, between - start + 10);
	assert_in_range(second - first, AT_LEAST_MS(300), after - before + 10);
}

static void conns__show_state_and_why(void **state)
{
	struct topology *topology = *state;
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct ends ends = ends_open(state);
	uint64_t start = clock_ms();
	const char *line;
	struct run run;
	uint32_t i;

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	since_is_of_the_clock(&topology->ns[0], start);
	run = rdszc(&topology->ns[0], "conns -j");
	assert_int_equal(run.status, 0);
	assert_int_equal(json_lines(run.text), 1);
	assert_true(json_is(run.text, "peer", topology->far_text[0]));
	assert_true(json_is(run.text, "state", "up"));
	assert_true(json_is(run.text, "reason", "none"));
	assert_true(json_number(run.text, "lanes_up") >= 1);
	assert_int_equal(json_number(run.text, "reconnects"), 0);
	assert_true(diag_kill(&topology->ns[0], RDS_TCP_PORT) > 0);
	for (i = 2; i < 4; i++) {
		send_pattern(ends.tx, 100, i, &ends.far);
		receive_pattern(ends.rx, 100, i, &ends.near);
	}
	do {
		deadline_step();
		assert_false(deadline_over(&deadline));
		run = rdszc(&topology->ns[0], "conns -j -s up");
	} while (!*run.text);
	assert_true(json_number(run.text, "reconnects") >= 1);
	assert_true(json_is(run.text, "reason", "peer"));
	assert_true(json_number(run.text, "error") > 0);
	run = rdszc(&topology->ns[0], "paths -j");
	line = run.text;
	assert_int_equal(json_number(line, "lane"), 0);
	if (!cred_is_nobody())
		assert_true(json_number(line, "next_tx_seq") > 0);
	else
		assert_null(strstr(line, "next_tx_seq"));
	run = rdszc(&topology->ns[0], "conns -j -r 192.0.2.1");
	assert_int_equal(run.status, 0);
	assert_string_equal(run.text, "");
}

/* How many objects a command shows; they must be JSON. */
static size_t shown(const struct netns *ns, const char *format, ...)
{
	char line[256];
	struct run run;
	va_list list;

	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	run = rdszc(ns, line);
	if (run.status)
		fail_msg("%s: %d, %s", line, run.status, run.words);
	if (*run.text && !json_lines(run.text))
		fail_msg("%s: %s", line, run.text);
	return json_lines(run.text);
}

/* Waits until a list has so many entries. */
static void wait_shown(const struct netns *ns, const char *line, size_t count)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (shown(ns, "%s", line) < count) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

/* Each filter lets through what it names, and nothing where nothing is of that name. */
static void filters__of_sockets_and_messages(void **state)
{
	struct topology *topology = *state;
	const struct netns *far = topology_far_ns(topology, 0);
	const char *address = topology->far_text[0];
	struct ends ends = ends_open(state);
	unsigned int port = rds_port(&ends.far);
	struct run run;
	uint32_t i;

	for (i = 0; i < 3; i++)
		send_pattern(ends.tx, 100, i, &ends.far);
	wait_shown(far, "messages -j -q receive", 3);
	assert_int_equal(shown(far, "sockets -j -l %s", address), 1);
	assert_int_equal(shown(far, "sockets -j -l 192.0.2.1"), 0);
	assert_int_equal(shown(far, "sockets -j -p %u", port), 1);
	assert_int_equal(shown(far, "sockets -j -p 9"), 0);
	assert_int_equal(shown(far, "sockets -j -u 0"), 1);
	assert_int_equal(shown(far, "sockets -j -u 4711"), 0);
	assert_int_equal(shown(far, "sockets -j --congested"), 0);
	assert_int_equal(shown(far, "messages -j"), 3);
	assert_int_equal(shown(far, "messages -j -q receive -p %u", port), 3);
	assert_int_equal(shown(far, "messages -j -q send"), 0);
	assert_int_equal(shown(far, "messages -j -p 9"), 0);
	run = rdszc(far, "sockets -j");
	assert_int_equal(shown(far, "messages -j -i %llu", json_number(run.text, "id")), 3);
	for (i = 0; i < 3; i++)
		receive_pattern(ends.rx, 100, i, &ends.near);
}

static void filters__of_conns(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0];
	struct ends ends = ends_open(state);

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	assert_int_equal(shown(near, "conns -j -l %s", topology->near_text[0]), 1);
	assert_int_equal(shown(near, "conns -j -l %s", topology->far_text[0]), 0);
	assert_int_equal(shown(near, "conns -j -r %s", topology->far_text[0]), 1);
	assert_int_equal(shown(near, "conns -j -t tcp"), 1);
	assert_int_equal(shown(near, "conns -j -t loop"), 0);
	assert_true(shown(near, "paths -j -s up") >= 1);
	assert_null(strstr(text, "\"state\":\"down\""));
	assert_true(shown(near, "paths -j") >= shown(near, "paths -j -s up"));
	shown(near, "paths -j -s down");
	assert_null(strstr(text, "\"state\":\"up\""));
	assert_int_equal(shown(near, "conns -j --congested"), 0);
	assert_int_equal(shown(near, "paths -j --congested"), 0);
}

/* ---- a list that changes while it is read ---- */

/*
 * Shared with the tool: how many of its dumps meet a change, how many it has asked for, and how
 * many parts of the present one it has read.
 */
static struct {
	unsigned int changes, dumps, parts;
} *stirred;

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *nl, const void *buffer, size_t length)
{
	const struct nlmsghdr *nlh = buffer;

	if (stirred && (nlh->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP) {
		stirred->dumps++;
		stirred->parts = 0;
	}
	return __real_mnl_socket_sendto(nl, buffer, length);
}

/* A part of the list is ready, the next one is made when this one is taken. */
ssize_t __wrap_mnl_socket_recvfrom(const struct mnl_socket *nl, void *buffer, size_t size)
{
	if (stirred && stirred->dumps && !stirred->parts++ && stirred->dumps <= stirred->changes)
		close(rds_socket());
	return __real_mnl_socket_recvfrom(nl, buffer, size);
}

/* Lists all sockets, of which a new one appears in each of the first dumps. */
static struct run list_stirred(const struct netns *ns, unsigned int changes)
{
	stirred->changes = changes;
	stirred->dumps = 0;
	return rdszc(ns, "sockets -j");
}

#define MANY 400
#define CHANGED "the list changed while it was read"

/* It is read again, five times at most; then it is shown with a warning. */
static void sockets__that_come_while_they_are_read(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0];
	int fds[MANY], i;
	struct run run;

	stirred = mmap(NULL, sizeof(*stirred), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	assert_true(stirred != MAP_FAILED);
	for (i = 0; i < MANY; i++) {
		fds[i] = netns_in(near, rds_socket());
		assert_true(fds[i] >= 0);
	}
	for (i = 0; i <= 5; i++) {
		run = list_stirred(near, i);
		assert_int_equal(run.status, 0);
		assert_int_equal(stirred->dumps, i < 5 ? i + 1 : 5);
		assert_in_range(json_lines(run.text), MANY, MANY + 1);
		assert_int_equal(!!strstr(run.words, CHANGED), i == 5);
	}
	for (i = 0; i < MANY; i++)
		close(fds[i]);
	munmap(stirred, sizeof(*stirred));
	stirred = NULL;
}

/* ---- lists, against those of getsockopt ---- */

/*
 * A list of RDS6_INFO_*, read at the same moment, more or less, as the tool's. Where something may
 * have moved in between both are taken again.
 */
static unsigned char list[1 << 16];

static size_t info_list(const struct netns *ns, int name, size_t each)
{
	int fd = netns_in(ns, rds_socket());
	socklen_t length = sizeof(list);

	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, SOL_RDS, name, list, &length), each);
	close(fd);
	return length / each;
}

#define INFO(ns, name, type) info_list(ns, name, sizeof(struct type))
#define RECORD(type, i) ((const struct type *)list + (i))

/* An address of such a list, as the tool writes it: IPv4 addresses are mapped there. */
static const char *info_address(struct in6_addr ip)
{
	static char ring[2][INET6_ADDRSTRLEN];
	static unsigned int next;
	char *to = ring[next++ % 2];

	if (IN6_IS_ADDR_V4MAPPED(&ip))
		return inet_ntop(AF_INET, &ip.s6_addr[12], to, sizeof(ring[0]));
	return inet_ntop(AF_INET6, &ip, to, sizeof(ring[0]));
}

/* The line that begins to tell of what follows this one. */
static const char *next_line(const char *line)
{
	line = strchr(line, '\n');
	return line && line[1] ? line + 1 : NULL;
}

static void socket_agrees(const struct rds6_info_socket *record)
{
	char needle[64];
	const char *line;

	snprintf(needle, sizeof(needle), "\"inode\":%llu,", (unsigned long long)record->inum);
	line = line_with(text, needle);
	if (!line)
		fail_msg("no socket with inode %llu", (unsigned long long)record->inum);
	assert_int_equal(json_number(line, "snd_buf"), record->sndbuf);
	assert_int_equal(json_number(line, "rcv_buf"), record->rcvbuf);
	if (record->bound_port) {
		assert_true(json_is(line, "local", info_address(record->bound_addr)));
		assert_int_equal(json_number(line, "local_port"), ntohs(record->bound_port));
	}
	if (record->connected_port) {
		assert_true(json_is(line, "peer", info_address(record->connected_addr)));
		assert_int_equal(json_number(line, "peer_port"), ntohs(record->connected_port));
	}
}

/* What the kernel says of itself: bound, connected, of unusual buffers, and not bound at all. */
static void info__sockets(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0];
	struct ends ends = ends_open(state);
	union rds_addr other = topology->near[0];
	int connected = topology_near(topology, &other);
	int unbound = netns_in(near, rds_socket());
	size_t count, i;

	assert_int_equal(rds_connect(connected, &ends.far), 0);
	assert_int_equal(rds_set_buffers(connected, 300000, 200000), 0);
	count = shown(near, "sockets -j");
	/* The socket that asks is one more. */
	assert_int_equal(INFO(near, RDS6_INFO_SOCKETS, rds6_info_socket), count + 1);
	assert_int_equal(count, 3);
	for (i = 0; i < count; i++)
		socket_agrees(RECORD(rds6_info_socket, i));
	close(unbound);
}

/* How many messages of a list are from or to this port, and that the tool has each of them. */
static size_t messages_agree(const struct netns *ns, int name, const char *queue, uint16_t port)
{
	size_t count = INFO(ns, name, rds6_info_message), found = 0, i;
	char needle[160];

	for (i = 0; i < count; i++) {
		const struct rds6_info_message *m = RECORD(rds6_info_message, i);
		const char *line;

		if (ntohs(m->lport) != port)	/* maps and handshakes have no socket */
			continue;
		snprintf(needle, sizeof(needle), "\"len\":%u,", m->len);
		line = line_with(text, needle);
		if (!line)
			fail_msg("no message of %u bytes in: %s", m->len, text);
		assert_true(json_is(line, "queue", queue));
		assert_true(json_is(line, "local", info_address(m->laddr)));
		assert_true(json_is(line, "peer", info_address(m->faddr)));
		assert_int_equal(json_number(line, "local_port"), port);
		assert_int_equal(json_number(line, "peer_port"), ntohs(m->fport));
		if (strcmp(queue, "receive") && m->seq)	/* what waits has none yet */
			assert_true(json_number(line, "seq") == (long long)m->seq);
		found++;
	}
	return found;
}

/* A line of a connection or lane; fails where there is none. */
static const char *line_to(const char *peer)
{
	char needle[96];
	const char *line;

	snprintf(needle, sizeof(needle), "\"peer\":\"%s\",", peer);
	line = line_with(text, needle);
	assert_non_null(line);
	return line;
}

/*
 * Waits for so many cookies of the one socket of a namespace, and compares what the tool says with
 * what reading them tells. Returns how many were copied.
 */
static size_t cookies_agree(const struct netns *ns, const struct ends *ends, size_t want)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	unsigned int port = rds_port(&ends->near);
	long long copied;
	uint32_t list[16];
	size_t found;

	do {
		assert_false(deadline_over(&deadline));
		deadline_step();
		shown(ns, "sockets -j -p %u", port);
	} while (json_number(text, "cookies_ready") < (long long)want);
	assert_int_equal(json_number(text, "cookies_ready"), want);
	assert_int_equal(json_number(text, "cookies_pending"), 0);
	copied = json_number(text, "cookies_copied");
	found = zc_reap_exactly(ends->tx, list, want);
	assert_int_equal(copied, found);
	shown(ns, "sockets -j -p %u", port);
	assert_int_equal(json_number(text, "cookies_ready"), 0);
	assert_int_equal(json_number(text, "cookies_copied"), 0);
	return found;
}

#define HELD 32768

/* Nobody answers: four copied messages and one in the sender's pages stay in the queue. */
static void info__messages_and_pins(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0];
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(HELD);
	struct deadline deadline = deadline_in(60000);	/* TCP takes its time to give up */
	union rds_addr nobody = nobody_home(topology);
	char peer[64];
	const char *line;
	uint32_t i;

	inet_ntop(AF_INET, &nobody.in.sin_addr, peer, sizeof(peer));
	topology_sysctl(topology, "pin_hold_ms", 3600000);
	/* However often it was tried, the bound is this one. */
	topology_sysctl(topology, "reconnect_max_delay_ms", 777);
	topology_sysctl(topology, "reconnect_min_delay_ms", 777);
	for (i = 0; i < 4; i++)
		send_pattern(ends.tx, 1000 + i, i, &nobody);
	assert_int_equal(rds_send_zc(ends.tx, buffer, HELD, &nobody, 1, 0), HELD);

	assert_int_equal(shown(near, "messages -j"), 5);
	assert_int_equal(messages_agree(near, RDS6_INFO_SEND_MESSAGES, "send",
					rds_port(&ends.near)), 5);
	line = line_with(text, "\"payload\":\"pinned\"");
	assert_int_equal(json_number(line, "len"), HELD);
	shown(near, "conns -j");
	line = line_to(peer);
	assert_int_equal(json_number(line, "queued_msgs"), 5);
	assert_int_equal(json_number(line, "queued_bytes"), 4 * 1000 + 6 + HELD);
	assert_int_equal(json_number(line, "pinned_bytes"), HELD);
	shown(near, "paths -j");
	assert_int_equal(json_number(line_to(peer), "pinned_bytes"), HELD);
	while (!json_number(line_to(peer), "backoff_ms")) {
		assert_false(deadline_over(&deadline));
		deadline_step();
		shown(near, "paths -j");
	}
	assert_int_equal(json_number(line_to(peer), "backoff_ms"), 777);
	shown(near, "sockets -j");
	assert_int_equal(json_number(text, "snd_msgs"), 5);
	assert_int_equal(json_number(text, "snd_bytes"), 4 * 1000 + 6 + HELD);
	assert_int_equal(json_number(text, "cookies_pending"), 1);
	assert_int_equal(json_number(text, "cookies_ready"), 0);
	assert_int_equal(json_number(text, "cookies_copied"), 0);
	assert_true(json_is(text, "flags", "bound,zerocopy"));
	assert_non_null(strstr(rdszc(near, "sockets").text, " zerocopy\n"));
	shown(near, "info -j");
	assert_int_equal(json_number(text, "pinned"), 1);

	assert_int_equal(setsockopt(ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &nobody.in,
				    sizeof(nobody.in)), 0);
	assert_int_equal(shown(near, "messages -j"), 0);
	assert_int_equal(INFO(near, RDS6_INFO_SEND_MESSAGES, rds6_info_message), 0);
	shown(near, "conns -j");
	assert_int_equal(json_number(line_to(peer), "queued_msgs"), 0);
	assert_int_equal(json_number(line_to(peer), "pinned_bytes"), 0);
	shown(near, "info -j");
	assert_int_equal(json_number(text, "pinned"), 0);
	cookies_agree(near, &ends, 1);
	zc_buffer_free(buffer, HELD);
}

/* Three that are below the threshold, so copied; the verdict of the other two is TCP's. */
static void info__cookies(void **state)
{
	struct topology *topology = *state;
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(HELD);
	uint32_t i;

	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, HELD), 0);
	for (i = 0; i < 3; i++)
		zc_send(&ends, buffer, 4096, i);
	for (i = 0; i < 2; i++)
		zc_send(&ends, buffer, HELD, 3 + i);
	for (i = 0; i < 5; i++)
		assert_true(rds_recv(ends.rx, words, HELD, NULL, 0) > 0);
	assert_in_range(cookies_agree(&topology->ns[0], &ends, 5), 3, 5);
	zc_buffer_free(buffer, HELD);
}

/* How many messages of this queue the tool shows, each of them sent for the first time or again. */
static size_t all_are(const struct netns *ns, const char *queue, bool again)
{
	size_t count = shown(ns, "messages -j -q %s", queue);
	const char *line;

	for (line = count ? text : NULL; line; line = next_line(line))
		assert_int_equal(json_number(line, "retransmitted"), again);
	return count;
}

/* Handed to TCP, whose packets get lost: unacknowledged. What came before is unread. */
static void info__unacknowledged_and_unread(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0], *far = topology_far_ns(topology, 0);
	const char *peer = topology->far_text[0];
	struct ends ends = ends_open_one_lane(state);
	uint32_t i;

	for (i = 0; i < 3; i++)
		send_pattern(ends.tx, 2000 + i, i, &ends.far);
	wait_shown(far, "messages -j -q receive", 3);
	assert_int_equal(messages_agree(far, RDS6_INFO_RECV_MESSAGES, "receive",
					rds_port(&ends.far)), 3);
	/* All is acknowledged, the handshakes of the module too. */
	do {
		usleep(10000);
		shown(near, "conns -j");
	} while (json_number(line_to(peer), "unacked_msgs"));
	topology_blackhole(topology, 0, true);
	for (i = 0; i < 3; i++)
		send_pattern(ends.tx, 3000 + i, i, &ends.far);
	wait_shown(near, "messages -j -q unacked", 3);
	assert_int_equal(messages_agree(near, RDS6_INFO_RETRANS_MESSAGES, "unacked",
					rds_port(&ends.near)), 3);
	shown(near, "conns -j");
	assert_int_equal(json_number(line_to(peer), "unacked_msgs"), 3);
	assert_int_equal(json_number(line_to(peer), "unacked_bytes"), 9003);
	assert_int_equal(all_are(near, "unacked", false), 3);
	/* The connection is lost, and there is no other one yet: they wait to be sent again. */
	assert_true(diag_kill(near, RDS_TCP_PORT) > 0);
	wait_shown(near, "messages -j -q send", 3);
	assert_int_equal(all_are(near, "send", true), 3);
	topology_blackhole(topology, 0, false);
}

/* Does TCP of this namespace listen on our port? Of the two families, one serves both. */
static bool listens(const struct netns *ns)
{
	static const char *const paths[] = {
		"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6",
	};
	char needle[32], line[256];
	bool found = false;
	FILE *file;
	size_t i;

	/* No peer, state LISTEN. */
	snprintf(needle, sizeof(needle), ":%04X ", RDS_TCP_PORT);
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		file = netns_in(ns, fopen(paths[i], "re"));
		while (file && fgets(line, sizeof(line), file))
			found |= strstr(line, needle) && strstr(line, ":0000 0A ");
		if (file)
			fclose(file);
	}
	return found;
}

static void listening_agrees(const struct netns *ns, bool expected)
{
	shown(ns, "info -j");
	assert_int_equal(json_number(text, "listening"), expected);
	assert_int_equal(listens(ns), expected);
}

/* Socket options, a connection, a counter and sysctls say the same. */
static void info__of_the_namespace(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0], *far = topology_far_ns(topology, 0);
	socklen_t length = sizeof(uint64_t);
	struct counters before;
	uint64_t features;
	struct ends ends;

	listening_agrees(far, false);
	ends = ends_open(state);
	listening_agrees(far, true);
	topology_sysctl(topology, "tcp_listen", 0);
	listening_agrees(far, false);
	topology_sysctl(topology, "tcp_listen", 1);
	listening_agrees(far, true);
	assert_int_equal(getsockopt(ends.tx, SOL_RDS, RDSZC_FEATURES, &features, &length), 0);
	shown(near, "info -j");
	assert_int_equal(json_number(text, "features"), features);
	assert_int_equal(json_number(text, "histograms"), 0);
	assert_int_equal(netns_sysctl_set(near, "histograms", 1), 0);
	shown(near, "info -j");
	assert_int_equal(json_number(text, "histograms"), 1);
	shown(far, "info -j");
	assert_int_equal(json_number(text, "histograms"), 0);

	assert_int_equal(json_number(text, "rcv_paused"), 0);
	assert_int_equal(netns_sysctl_set(far, "rcv_mem_max", 1), 0);
	assert_int_equal(counters_read(far, &before), 0);
	send_pattern(ends.tx, 1000, 1, &ends.far);
	send_pattern(ends.tx, 1000, 2, &ends.far);
	assert_true(counter_wait(far, &before, "recv_paused", 1, deadline_in(DEADLINE_USUAL_MS)));
	shown(far, "info -j");
	assert_int_equal(json_number(text, "rcv_paused"), 1);
	assert_int_equal(json_number(text, "rcv_mem_max"), 1);
	assert_int_equal(netns_sysctl_set(far, "rcv_mem_max", 64 << 20), 0);
	receive_pattern(ends.rx, 1000, 1, &ends.near);
	receive_pattern(ends.rx, 1000, 2, &ends.near);
	shown(far, "info -j");
	assert_int_equal(json_number(text, "rcv_paused"), 0);
}

static bool tcp_socket_to(const struct rds6_info_tcp_socket *record, const char *peer)
{
	return !strcmp(info_address(record->peer_addr), peer);
}

/* Addresses, transport, state, sequence numbers; and as many TCP sockets as lanes are up. */
static void info__connections(void **state)
{
	struct topology *topology = *state;
	const char *peer = topology->far_text[0], *line;
	const struct netns *near = &topology->ns[0];
	struct ends ends = ends_open(state);
	const struct rds6_info_connection *c;
	size_t count, lanes, found = 0, i;

	ends_there_and_back(&ends, 100, 1);
	wait_shown(near, "paths -j -s up", 8);
	ends_there_and_back(&ends, 100, 2);
	usleep(200000 * time_scale());	/* acknowledgements in frames of their own take numbers */
	assert_int_equal(shown(near, "conns -j"), 1);
	line = line_to(peer);
	assert_true(json_is(line, "local", topology->near_text[0]));
	assert_true(json_is(line, "transport", "tcp"));
	assert_true(json_is(line, "state", "up"));
	lanes = json_number(line, "lanes_up");
	assert_int_equal(lanes, 8);
	assert_int_equal(shown(near, "paths -j"), lanes);
	for (line = text; line && json_number(line, "lane"); line = next_line(line))
		continue;
	assert_int_equal(INFO(near, RDS6_INFO_CONNECTIONS, rds6_info_connection), 1);
	c = RECORD(rds6_info_connection, 0);
	assert_string_equal(info_address(c->laddr), topology->near_text[0]);
	assert_string_equal(info_address(c->faddr), peer);
	assert_string_equal((const char *)c->transport, "tcp");
	assert_int_equal(c->flags, RDS_INFO_CONNECTION_FLAG_CONNECTED);
	assert_true(json_number(line, "next_tx_seq") == (long long)c->next_tx_seq);
	assert_true(json_number(line, "next_rx_seq") == (long long)c->next_rx_seq);
	count = INFO(near, RDS6_INFO_TCP_SOCKETS, rds6_info_tcp_socket);
	for (i = 0; i < count; i++)
		found += tcp_socket_to(RECORD(rds6_info_tcp_socket, i), peer);
	assert_int_equal(found, lanes);
}

static struct run start_to_address(const struct netns *ns, const char *words, const char *address)
{
	char line[160];

	snprintf(line, sizeof(line), "%s %s", words, address);
	return start(ns, line);
}

/* Nothing that happened was wanted. */
static void end_without_events(struct run *run)
{
	kill(run->pid, SIGINT);
	finish(run);
	assert_int_equal(run->status, 0);
	assert_string_equal(run->text, "");
}

/* A full receiver: monitor tells both ends, and --congested finds it. */
static void congestion__is_shown(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0], *far = topology_far_ns(topology, 0);
	struct run local = start_to_address(near, "monitor -j -g -l", topology->near_text[0]);
	struct run other = start_to_address(near, "monitor -j -r 192.0.2.1 -l",
					    topology->far_text[0]);
	struct run peer = start_to_address(near, "monitor -j -g -c 2 -w 60 -r",
					   topology->far_text[0]);
	struct run run = start_listening(near, "monitor -j -g -c 2 -w 60");
	struct ends ends = ends_open(state);
	size_t sent = 0, lanes, i;

	assert_int_equal(rds_set_buffers(ends.rx, 0, 8192), 0);
	while (sent < 40 && rds_send(ends.tx, text, 4096, &ends.far, MSG_DONTWAIT) == 4096)
		sent++;
	wait_shown(far, "sockets -j --congested", 1);
	assert_int_equal(shown(far, "conns -j --congested"), 1);
	assert_int_equal(json_number(text, "local_congested"), 1);
	assert_int_equal(json_number(text, "peer_congested"), 0);
	wait_shown(near, "conns -j --congested", 1);
	assert_int_equal(json_number(text, "local_congested"), 0);
	assert_int_equal(json_number(text, "peer_congested"), 1);
	lanes = shown(far, "paths -j");
	assert_true(lanes >= 1);
	assert_in_range(shown(far, "paths -j --congested"), lanes, shown(far, "paths -j"));
	for (i = 0; i < sent; i++)
		assert_int_equal(rds_recv(ends.rx, words, 4096, NULL, 0), 4096);
	finish(&run);
	assert_int_equal(run.status, 0);
	assert_int_equal(json_lines(run.text), 2);
	assert_int_equal(json_number(run.text, "port"), rds_port(&ends.far));
	assert_int_equal(json_number(run.text, "total"), 1);
	assert_true(json_is(run.text, "owner", "peer"));
	assert_int_equal(json_number(strchr(run.text, '\n') + 1, "total"), 0);
	finish(&peer);
	assert_int_equal(json_lines(peer.text), 2);
	assert_true(json_is(peer.text, "address", topology->far_text[0]));
	/* No port of ours was congested, and the peer is not one of ours. */
	end_without_events(&local);
	end_without_events(&other);
}

#define ERASE "\r\033[K"

/* Colours and progress are for terminals; neither goes into a file. */
static void terminal__colours_and_progress(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0];
	struct ends ends = ends_open(state);
	char line[128];

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	assert_non_null(strstr(on_terminal(near, "conns"), "\033[3"));
	assert_null(strchr(on_terminal(near, "conns --color=never"), '\033'));
	setenv("NO_COLOR", "1", 1);
	assert_null(strchr(on_terminal(near, "conns"), '\033'));
	unsetenv("NO_COLOR");
	assert_null(strchr(rdszc(near, "conns").text, '\033'));
	assert_non_null(strchr(rdszc(near, "conns --color=always").text, '\033'));
	snprintf(line, sizeof(line), "ping -q -c 3 -i 0.1 -w 10 %s", topology->far_text[0]);
	assert_non_null(strstr(on_terminal(near, line), ERASE "1 of 1 answered"));
	assert_null(strstr(rdszc(near, line).words, ERASE));
	assert_non_null(strstr(on_terminal(near, "stress -T 2"), "s  "));
	assert_non_null(strstr(text, " messages, "));
	assert_non_null(strstr(text, ERASE));
}

static void hist__measures_when_on(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	struct run run;
	uint32_t i;

	run = rdszc(topology_far_ns(topology, 0), "hist --on");
	assert_int_equal(run.status, 0);
	for (i = 0; i < 9; i++) {
		send_pattern(ends.tx, 100, i, &ends.far);
		receive_pattern(ends.rx, 100, i, &ends.near);
	}
	run = rdszc(topology_far_ns(topology, 0), "hist -j recv_queue");
	assert_int_equal(run.status, 0);
	assert_int_equal(json_lines(run.text), 1);
	assert_int_equal(json_number(run.text, "count"), 9);
	assert_true(json_number(run.text, "sum") > 0);
	run = rdszc(topology_far_ns(topology, 0), "hist --prometheus recv_queue");
	assert_non_null(strstr(run.text, "rds_zc_recv_queue_seconds_bucket{le=\"+Inf\"} 9\n"));
	assert_int_equal(metrics(run.text), 1);
	run = rdszc(topology_far_ns(topology, 0), "hist --prometheus");
	assert_int_equal(metrics(run.text), 4);
	assert_non_null(strstr(run.text, "rds_zc_recv_queue_seconds_count 9\n"));
	run = rdszc(topology_far_ns(topology, 0), "hist no_such_histogram");
	assert_int_equal(run.status, 2);
	assert_non_null(strstr(run.words, "no histogram of that name"));
	run = rdszc(topology_far_ns(topology, 0), "hist --off");
	assert_int_equal(run.status, 0);
}

/* Times of each message and of each cookie, on the side of the sender. */
static void hist__counts_messages_and_cookies(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0];
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(4096);
	uint32_t cookies[7], i;

	assert_int_equal(rdszc(near, "hist --on").status, 0);
	for (i = 0; i < ARRAY_SIZE(cookies); i++)
		zc_send(&ends, buffer, 4096, i);
	for (i = 0; i < ARRAY_SIZE(cookies); i++)
		assert_int_equal(rds_recv(ends.rx, words, 4096, NULL, 0), 4096);
	zc_reap_exactly(ends.tx, cookies, ARRAY_SIZE(cookies));
	do {
		deadline_step();
		assert_false(deadline_over(&deadline));
		assert_int_equal(shown(near, "hist -j"), 4);
	} while (json_number(line_with(text, "\"send_to_ack\""), "count") < 7);
	assert_int_equal(json_number(line_with(text, "\"send_to_ack\""), "count"), 7);
	assert_int_equal(json_number(line_with(text, "\"send_to_reusable\""), "count"), 7);
	assert_int_equal(json_number(line_with(text, "\"reusable_to_read\""), "count"), 7);
	assert_int_equal(json_number(line_with(text, "\"recv_queue\""), "count"), 0);
	zc_buffer_free(buffer, 4096);
}

static void monitor__streams_events(void **state)
{
	struct topology *topology = *state;
	struct run run = start_listening(&topology->ns[0], "monitor -j -p -c 2 -w 60");
	long long before = clock_ns(CLOCK_REALTIME), first, second;
	struct ends ends;

	ends = ends_open(state);
	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	finish(&run);
	assert_int_equal(run.status, 0);
	assert_int_equal(json_lines(run.text), 2);
	assert_true(json_is(line_with(run.text, "\"state\":\"connecting\""), "old", "down"));
	assert_true(json_is(line_with(run.text, "\"state\":\"up\""), "peer",
			    topology->far_text[0]));
	assert_true(json_is(run.text, "transport", "tcp"));
	assert_int_equal(json_number(run.text, "scope"), 0);
	first = json_time_ns(run.text);
	second = json_time_ns(next_line(run.text));
	assert_true(before <= first && first < second && second <= clock_ns(CLOCK_REALTIME));
}

/* Each line of what monitor has told is of these ends. */
static void two_events_between(struct run *run, const char *local, const char *peer)
{
	const char *line;

	finish(run);
	assert_int_equal(run->status, 0);
	assert_int_equal(json_lines(run->text), 2);
	for (line = run->text; line; line = next_line(line)) {
		assert_true(json_is(line, "local", local));
		assert_true(json_is(line, "peer", peer));
	}
}

/* Of two connections, that which comes first is not the one that is asked for. */
static void monitor__filters_by_address(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0];
	const char *local = topology->near_text[1], *peer = topology->far_text[1];
	struct run by_local = start_to_address(near, "monitor -j -p -c 2 -w 60 -l", local);
	struct run by_peer = start_to_address(near, "monitor -j -p -c 2 -w 60 -r", peer);
	struct run none = start_to_address(near, "monitor -j -l 192.0.2.1 -r", peer);
	struct run run = start_listening(near, "monitor -j -p -c 2 -w 60");
	union rds_addr from = topology->near[1], to = topology->far[1];
	struct ends ends = ends_open(state);
	int fd;

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	two_events_between(&run, topology->near_text[0], topology->far_text[0]);
	fd = topology_socket(topology, &topology->ns[2], &to);
	send_pattern(topology_socket(topology, near, &from), 100, 2, &to);
	receive_pattern(fd, 100, 2, &from);
	two_events_between(&by_local, local, peer);
	two_events_between(&by_peer, local, peer);
	end_without_events(&none);
}

static void ping__answers(void **state)
{
	struct topology *topology = *state;
	char line[128];
	struct run run;
	const char *sum;

	ends_open(state);	/* so that the far end listens */
	snprintf(line, sizeof(line), "ping -j -c 5 -i 0.05 -w 10 %s", topology->far_text[0]);
	run = rdszc(&topology->ns[0], line);
	assert_int_equal(json_lines(run.text), 6);
	sum = line_with(run.text, "\"summary\"");
	assert_int_equal(json_number(sum, "sent"), 5);
	assert_int_equal(json_number(sum, "received"), 5);
	assert_int_equal(run.status, 0);
}

static void ping__nobody_answers(void **state)
{
	struct topology *topology = *state;
	char line[128];
	struct run run;
	const char *sum;

	snprintf(line, sizeof(line), "ping -j -c 2 -i 0.05 -w 0.5 %s",
		 topology->variant->v6 ? "fd77:1::99" : "10.77.1.99");
	run = rdszc(&topology->ns[0], line);
	sum = line_with(run.text, "\"summary\"");
	assert_int_equal(json_number(sum, "lost"), 2);
	assert_int_equal(run.status, 1);
}

/* An interrupt is no fault, unless something was without an answer before. */
static void ping__interrupted(void **state)
{
	struct topology *topology = *state;
	struct run run;

	run = start_listening(&topology->ns[0], "ping -j -w 60 10.77.1.99");
	kill(run.pid, SIGINT);
	finish(&run);
	assert_int_equal(json_lines(run.text), 1);
	assert_int_equal(json_number(run.text, "sent"), 0);
	assert_int_equal(json_number(run.text, "lost"), 0);
	assert_int_equal(run.status, 0);
	run = start(&topology->ns[0], "ping -j -w 0.5 -i 60 10.77.1.99");
	usleep(3000000 * time_scale());
	kill(run.pid, SIGINT);
	finish(&run);
	assert_int_equal(json_number(line_with(run.text, "\"summary\""), "lost"), 1);
	assert_int_equal(run.status, 1);
}

/* The kernel has counted what the near end says; one message of each socket is the end of it. */
static void stress_agrees(const struct netns *ns, const struct counters *before,
			  const char *options, const char *line)
{
	const char *sockets = strstr(options, "-n ");

	assert_non_null(sockets);
	assert_int_equal(counter_moved(ns, before, "send_queued"),
			 json_number(line, "sent") + strtoll(sockets + 3, NULL, 10));
	assert_int_equal(counter_moved(ns, before, "zc_completed"), json_number(line, "cookies"));
	/* A control message does not say which. */
	if (!strstr(options, "cmsg"))
		assert_int_equal(counter_moved(ns, before, "zc_completed_copied"),
				 json_number(line, "cookies_copied"));
}

static void stress_pair(struct topology *topology, const char *options, bool cookies)
{
	char line[256];
	struct run server, client;
	struct counters before;
	uint64_t sent, received;

	snprintf(line, sizeof(line), "stress -j --serve --ports 2 -T 300 %s",
		 topology->far_text[0]);
	server = start(topology_far_ns(topology, 0), line);
	wait_shown(topology_far_ns(topology, 0), "sockets -j", 2);
	assert_int_equal(counters_read(&topology->ns[0], &before), 0);
	snprintf(line, sizeof(line), "stress -j --ports 2 %s %s %s", options,
		 topology->near_text[0], topology->far_text[0]);
	client = rdszc(&topology->ns[0], line);
	if (client.status)
		fail_msg("stress %s: %d, %s%s", options, client.status, client.words, client.text);
	sent = json_number(client.text, "sent");
	assert_true(sent > 0);
	assert_int_equal(json_number(client.text, "faults"), 0);
	stress_agrees(&topology->ns[0], &before, options, client.text);
	if (cookies)
		assert_int_equal(json_number(client.text, "cookies"), sent);
	kill(server.pid, SIGINT);
	finish(&server);
	received = json_number(server.text, "received");
	assert_int_equal(received, sent);
	assert_int_equal(json_number(server.text, "faults"), 0);
	assert_int_equal(server.status, 0);
}

static void stress__copied(void **state)
{
	stress_pair(*state, "-c 100 -s 48-30000 -n 4 -t 2", false);
}

static void stress__zerocopy(void **state)
{
	stress_pair(*state, "-c 40 -s 20000-200000 -d 4 -n 3 -t 2 -z", true);
}

static void stress__zerocopy_by_cmsg(void **state)
{
	stress_pair(*state, "-c 40 -s 20000-100000 -d 4 -n 2 -z --reap cmsg", true);
}

/* Nobody may lock memory: each send is refused, which is told, counted, and no success. */
static void stress__without_memory_to_lock(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0];
	struct run run;

	assert_int_equal(cred_become_nobody(), 0);
	assert_int_equal(cred_memlock_limit(4096), 0);
	run = rdszc(near, "stress -j -z -s 64K -T 2");
	assert_int_equal(run.status, 1);
	assert_int_equal(json_lines(run.text), 1);
	assert_int_equal(json_number(run.text, "sent"), 0);
	/* It waits in between: not many more than one in each 10 ms. */
	assert_in_range(json_number(run.text, "nomem"), 2, 1000);
	assert_int_equal(json_number(run.text, "faults"), 1);
	assert_non_null(strstr(run.words, "fault: nothing was sent"));
	run = rdszc(near, "stress -z -s 64K -T 1");
	assert_int_equal(run.status, 1);
	assert_non_null(strstr(run.text, " sends were refused: Cannot allocate memory"));
	/* One that has a number of messages to send ends, too. */
	run = rdszc(near, "stress -j -z -s 64K -c 1");
	assert_int_equal(run.status, 1);
	assert_non_null(strstr(run.words, "fault: send: Cannot allocate memory, for 30 seconds"));
	assert_int_equal(cred_become_root(), 0);
}

static void stress__finds_a_foreign_message(void **state)
{
	struct topology *topology = *state;
	union rds_addr to = rds_addr_port(&topology->far[0], 4000), near = topology->near[0];
	char line[128];
	const struct netns *far = topology_far_ns(topology, 0);
	struct counters before;
	struct run run;
	int fd;

	snprintf(line, sizeof(line), "stress -j --serve -T 300 %s", topology->far_text[0]);
	run = start(far, line);
	fd = topology_near(topology, &near);
	wait_shown(far, "sockets -j", 1);
	assert_int_equal(counters_read(far, &before), 0);
	assert_int_equal(rds_send(fd, "what is this?", 13, &to, 0), 13);
	assert_true(counter_wait(far, &before, "copy_to_user", 13,
				 deadline_in(DEADLINE_USUAL_MS)));
	usleep(100000 * time_scale());
	kill(run.pid, SIGTERM);
	finish(&run);
	assert_int_equal(run.status, 1);
	assert_int_equal(json_number(run.text, "faults"), 1);
}

/* ---- between two ends of stress, a relay that spoils one message ---- */

#define STRESS_MESSAGES 10
#define STRESS_SPOILT 5
#define STRESS_MOST 30000

/* The frame of tools/rdszc/stress.c. */
struct stress_frame {
	uint32_t magic, kind;
	uint64_t stream, number;
	uint32_t length, checksum;
	uint64_t bytes, faults;
};

enum { STRESS_DATA = 1, STRESS_END, STRESS_REPORT };

struct relay {
	int fd;
	union rds_addr client, server;
	unsigned char frame[STRESS_MOST], kept[STRESS_MOST];
	ssize_t length, kept_length;
};

static void relay_on(struct relay *relay, const void *frame, ssize_t length,
		     const union rds_addr *to)
{
	assert_int_equal(rds_send(relay->fd, frame, (size_t)length, to, 0), length);
}

static void spoil_contents(struct relay *relay)
{
	relay->frame[relay->length - 1] ^= 1;
	relay_on(relay, relay->frame, relay->length, &relay->server);
}

static void spoil_length(struct relay *relay)
{
	relay_on(relay, relay->frame, relay->length - 1, &relay->server);
}

static void spoil_lost(struct relay *relay)
{
	(void)relay;
}

static void spoil_twice(struct relay *relay)
{
	relay_on(relay, relay->frame, relay->length, &relay->server);
	relay_on(relay, relay->frame, relay->length, &relay->server);
}

static void spoil_late(struct relay *relay)
{
	memcpy(relay->kept, relay->frame, (size_t)relay->length);
	relay->kept_length = relay->length;
}

/* Hands on one frame, in the direction it goes; false when it was the last. */
static bool relay_one(struct relay *relay, void (*spoil)(struct relay *))
{
	struct stress_frame frame;
	union rds_addr from;

	relay->length = rds_recv(relay->fd, relay->frame, STRESS_MOST, &from, 0);
	if (relay->length < (ssize_t)sizeof(frame))
		fail_msg("%zd bytes came: %s", relay->length, strerror(errno));
	memcpy(&frame, relay->frame, sizeof(frame));
	if (frame.kind == STRESS_REPORT) {
		relay_on(relay, relay->frame, relay->length, &relay->client);
		return false;
	}
	relay->client = from;
	if (frame.kind == STRESS_DATA && frame.number == STRESS_SPOILT) {
		spoil(relay);
		return true;
	}
	relay_on(relay, relay->frame, relay->length, &relay->server);
	if (relay->kept_length)
		relay_on(relay, relay->kept, relay->kept_length, &relay->server);
	relay->kept_length = 0;
	return true;
}

static void relay_open(struct relay *relay, struct topology *topology)
{
	union rds_addr at = rds_addr_port(&topology->far[0], 4000);

	relay->server = rds_addr_port(&topology->far[0], 5000);
	relay->fd = topology_socket(topology, topology_far_ns(topology, 0), &at);
	relay->kept_length = 0;
	assert_int_equal(rds_set_timeouts(relay->fd, DEADLINE_USUAL_MS), 0);
}

/* Both ends see it, count it, and say so by how they end. */
static void stress__finds_what_is_wrong(void **state)
{
	static const struct {
		const char *name;
		void (*spoil)(struct relay *relay);
		int faults;
	} table[] = {
		{ "contents", spoil_contents, 1 }, { "length", spoil_length, 1 },
		{ "lost", spoil_lost, 1 }, { "twice", spoil_twice, 1 }, { "late", spoil_late, 2 },
	};
	struct topology *topology = *state;
	static struct relay relay;
	char line[160];
	size_t i;

	relay_open(&relay, topology);
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		struct run server, client;

		print_message("# %s\n", table[i].name);
		snprintf(line, sizeof(line), "stress -j --serve -p 5000 -T 300 %s",
			 topology->far_text[0]);
		server = start(topology_far_ns(topology, 0), line);
		wait_shown(topology_far_ns(topology, 0), "sockets -j", 2);
		snprintf(line, sizeof(line), "stress -j -c %d -s 48-%d %s %s", STRESS_MESSAGES,
			 STRESS_MOST, topology->near_text[0], topology->far_text[0]);
		client = start(&topology->ns[0], line);
		while (relay_one(&relay, table[i].spoil))
			;
		finish(&client);
		assert_int_equal(client.status, 1);
		assert_true(json_number(client.text, "faults") > 0);
		kill(server.pid, SIGINT);
		finish(&server);
		assert_int_equal(json_number(server.text, "faults"), table[i].faults);
		assert_int_equal(server.status, 1);
	}
}

/* Traces long enough for what follows, however slow the kernel. */
static struct run start_trace(const struct netns *ns, const char *words)
{
	char line[128];

	snprintf(line, sizeof(line), "trace -j -w %u %s", 6 * time_scale(), words);
	return start_listening(ns, line);
}

/*
 * Times of one CPU do not go back, those of the sender and the receiver are not all the same, and
 * each is of this boot: what the trace clock says at its start differs from other clocks.
 */
static void times_increase(const char *out)
{
	long long last[64] = { 0 }, least = 0, most = 0, at;
	const char *line;

	for (line = out; line; line = next_line(line)) {
		unsigned int cpu = json_number(line, "cpu");

		at = json_time_ns(line);
		assert_true(cpu < ARRAY_SIZE(last) && at >= last[cpu]);
		last[cpu] = at;
		least = !least || at < least ? at : least;
		most = at > most ? at : most;
	}
	assert_true(least > 0 && most > least);
	assert_true(most < clock_ns(CLOCK_BOOTTIME) + 60000000000LL);
}

static void trace__tells_events(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	const char *line;
	struct run run;

	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);	/* or it is there already */
	run = start_trace(&topology->ns[0], "-f len==1234 message");
	send_pattern(ends.tx, 1234, 1, &ends.far);
	receive_pattern(ends.rx, 1234, 1, &ends.near);
	finish(&run);
	if (run.status)
		fail_msg("trace: %d, %s", run.status, run.words);
	/* The send, given to TCP, delivered, read, acknowledged: each was there. */
	assert_true(json_lines(run.text) >= 4);
	line = line_with(run.text, "\"action\":\"queue\"");
	assert_int_equal(json_number(line, "len"), 1234);
	assert_int_equal(json_number(line, "dport"), rds_port(&ends.far));
	assert_non_null(line_with(run.text, "\"action\":\"deliver\""));
	assert_non_null(line_with(run.text, "\"action\":\"read\""));
	times_increase(run.text);
}

static const char *const events[] = {
	"socket", "message", "pin", "pass", "completion", "path", "congestion", "drop",
};

/* A socket, a message in the sender's pages, a full receiver, a flag that is refused. */
static void trace__each_kind_of_event_fires(void **state)
{
	unsigned char *buffer = zc_buffer(HELD);
	struct topology *topology = *state;
	char needle[64];
	struct ends ends;
	struct run run;
	uint32_t cookie, filled;
	size_t i;

	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	snprintf(needle, sizeof(needle), "trace -j -w %u", 15 * time_scale());
	run = start_listening(&topology->ns[0], needle);
	ends = zc_ends(state, 1 << 20);
	zc_send(&ends, buffer, HELD, 4711);
	assert_int_equal(rds_recv(ends.rx, buffer, HELD, NULL, 0), HELD);
	assert_int_equal(zc_reap_exactly(ends.tx, &cookie, 1) <= 1, 1);
	assert_int_equal(rds_set_buffers(ends.rx, 0, 8192), 0);
	filled = ends_fill(&ends, 4096);
	assert_fails(rds_send(ends.tx, buffer, 10, &ends.far, MSG_OOB), EOPNOTSUPP);
	finish(&run);
	if (run.status)
		fail_msg("trace: %d, %s", run.status, run.words);
	assert_true(json_lines(run.text) > ARRAY_SIZE(events));
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(needle, sizeof(needle), "\"event\":\"rds_zc_%s\"", events[i]);
		if (!strstr(run.text, needle))
			fail_msg("no event %s after %u messages: %s", events[i], filled, run.text);
	}
	assert_int_equal(json_number(line_with(run.text, "\"cookie\":"), "cookie"), 4711);
	assert_int_equal(json_number(line_with(run.text, "rds_zc_congestion"), "port"),
			 rds_port(&ends.far));
	zc_buffer_free(buffer, HELD);
}

/*
 * One that sleeps while its small buffer is filled many times over, and until its time is over: it
 * shows what was recorded, and that there was more.
 */
static void trace__tells_what_was_lost(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	const unsigned int seconds = 5 * time_scale();
	const char *line;
	char path[128];
	struct run run;
	uint32_t i;
	int fd;

	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	snprintf(path, sizeof(path), "trace -j -w %u message", seconds);
	run = start_listening(&topology->ns[0], path);
	snprintf(path, sizeof(path), "/sys/kernel/tracing/instances/rdszc-%d/buffer_size_kb",
		 run.pid);
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "8", 1), 1);
	close(fd);
	kill(run.pid, SIGSTOP);
	for (i = 0; i < 400; i++) {
		send_pattern(ends.tx, 100, i, &ends.far);
		receive_pattern(ends.rx, 100, i, &ends.near);
	}
	sleep(seconds);
	kill(run.pid, SIGCONT);
	finish(&run);
	assert_int_equal(run.status, 0);
	assert_true(json_lines(run.text) > 1);
	line = line_with(run.text, "\"event\":\"lost\"");
	assert_in_range(json_number(line, "cpu"), 0, 63);
	assert_true(json_number(line, "count") > 10);
}

/* Every event must be there, and what is dropped must say why. */
static void trace__drops_have_a_reason(void **state)
{
	struct topology *topology = *state;
	struct ends ends = ends_open(state);
	union rds_addr nobody = rds_addr_port(&ends.far, 4999);
	char path[128];
	struct run run;
	size_t i;

	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/tracing/events/rds_zc/rds_zc_%s/format",
			 events[i]);
		assert_int_equal(access(path, R_OK), 0);
	}
	run = start_trace(&topology->ns[0], "drop");
	send_pattern(ends.tx, 300, 1, &nobody);
	assert_fails(rds_send(ends.tx, path, 10, &ends.far, MSG_OOB), EOPNOTSUPP);
	finish(&run);
	assert_int_equal(run.status, 0);
	assert_int_equal(json_number(line_with(run.text, "recv_drop_no_sock"), "dport"), 4999);
	assert_non_null(line_with(run.text, "send_refused_flags"));
}

static void doctor__looks_at_everything(void **state)
{
	static const char *const checks[] = {
		"module", "headers", "compiler", "secure-boot",
		"lockdown", "tcp-port", "family", "memlock",
	};
	struct topology *topology = *state;
	char needle[64];
	struct run run;
	size_t i;

	run = rdszc(&topology->ns[0], "doctor -j");
	assert_true(run.status == 0 || run.status == 1);
	assert_true(json_lines(run.text) >= ARRAY_SIZE(checks));
	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		snprintf(needle, sizeof(needle), "\"check\":\"%s\"", checks[i]);
		assert_non_null(line_with(run.text, needle));
	}
	assert_true(json_is(line_with(run.text, "\"check\":\"module\""), "status", "ok"));
	assert_true(json_is(line_with(run.text, "\"check\":\"family\""), "status", "ok"));
}

/* A user's limit that does not do, and then the one that doctor says. */
static void doctor__says_how_much_memlock(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0];
	unsigned long advice = 0;
	const char *line, *at;

	assert_int_equal(cred_become_nobody(), 0);
	assert_int_equal(cred_memlock_limit(65536), 0);
	line = line_with(rdszc(near, "doctor -j").text, "\"check\":\"memlock\"");
	assert_true(json_is(line, "status", "note"));
	at = strstr(line, "--memlock=");
	assert_non_null(at);
	advice = strtoul(at + strlen("--memlock="), NULL, 10);
	assert_int_equal(cred_memlock_limit(advice), 0);
	line = line_with(rdszc(near, "doctor -j").text, "\"check\":\"memlock\"");
	assert_true(json_is(line, "status", "ok"));
	assert_non_null(strstr(line, ": 16 zerocopy messages of 1 MiB"));
	assert_int_equal(cred_become_root(), 0);
}

/* Somebody else has the TCP port. */
static void doctor__finds_a_taken_port(void **state)
{
	struct topology *topology = *state;
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(RDS_TCP_PORT) };
	int fd = netns_in(&topology->ns[0], socket(AF_INET, SOCK_STREAM, 0));
	struct run run;

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 1), 0);
	run = rdszc(&topology->ns[0], "doctor -j");
	assert_int_equal(run.status, 1);
	assert_true(json_is(line_with(run.text, "\"check\":\"tcp-port\""), "status", "bad"));
	assert_non_null(strstr(line_with(run.text, "\"check\":\"tcp-port\""), "\"command\":\"ss "));
	assert_non_null(strstr(run.text, "# or, on all hosts: sysctl -w net.rds_zc.tcp_port="));
	close(fd);
}

/* Puts words of the test in the place of those of the page. */
static void replace(char *line, size_t size, const char *from, const char *to)
{
	char *at = strstr(line, from), rest[256];

	if (!at)
		return;
	snprintf(rest, sizeof(rest), "%s", at + strlen(from));
	snprintf(at, size - (at - line), "%s%s", to, rest);
}

/* As a shell takes it apart, quotes and all. */
static struct run start_page_line(struct topology *topology, const char *page)
{
	bool far = strstr(page, "--serve");
	char line[256];
	wordexp_t list;
	struct run run;

	snprintf(line, sizeof(line), "%s", strstr(page, "rdszc"));
	replace(line, sizeof(line), "10.0.0.1", topology->near_text[0]);
	replace(line, sizeof(line), "10.0.0.2", topology->far_text[0]);
	replace(line, sizeof(line), "LOCAL", topology->far_text[0]);
	assert_int_equal(wordexp(line, &list, WRDE_NOCMD), 0);
	run = start_words(far ? topology_far_ns(topology, 0) : &topology->ns[0], list.we_wordc,
			  list.we_wordv);
	wordfree(&list);
	return run;
}

static void end_page_line(struct run *run, const char *page)
{
	kill(run->pid, SIGINT);
	finish(run);
	if (run->status)
		fail_msg("%s: %d, %s%s", page, run->status, run->words, run->text);
}

static void wait_for_messages(const struct netns *ns)
{
	struct deadline deadline = deadline_in(60000);

	while (!counter_now(ns, "recv_delivered")) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

/*
 * Each example of rdszc(8) is taken, does something for two seconds unless it has ended before, and
 * ends well when it is interrupted. A far end of stress stays for the near one, which is the last.
 */
static void page__examples_run(void **state)
{
	static const char *const lines[] = {
#include "rdszc_lines.h"
	};
	struct topology *topology = *state;
	struct run run, server = { 0 };
	size_t i;

	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	assert_true(ARRAY_SIZE(lines) >= 6);
	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		if (strstr(lines[i], "..."))
			continue;
		run = start_page_line(topology, lines[i]);
		usleep(2000000 * time_scale());
		if (strstr(lines[i], "host2")) {
			server = run;
			continue;
		}
		if (strstr(lines[i], "host1"))
			wait_for_messages(topology_far_ns(topology, 0));
		end_page_line(&run, lines[i]);
	}
	assert_non_null(strstr(run.text, "no fault"));
	assert_int_not_equal(strncmp(run.text, "0 messages", 10), 0);
	assert_true(server.pid > 0);
	end_page_line(&server, "the far end of stress");
	assert_non_null(strstr(server.text, "no fault"));
}

static void usage__exit_codes(void **state)
{
	struct topology *topology = *state;

	assert_int_equal(rdszc(&topology->ns[0], "").status, 2);
	assert_int_equal(rdszc(&topology->ns[0], "no-such-command").status, 2);
	assert_int_equal(rdszc(&topology->ns[0], "conns --no-such-option").status, 2);
	assert_int_equal(rdszc(&topology->ns[0], "conns -s sideways").status, 2);
	assert_int_equal(rdszc(&topology->ns[0], "ping 300.1.1.1").status, 2);
	assert_int_equal(rdszc(&topology->ns[0], "stats no_such_counter").status, 2);
	assert_int_equal(rdszc(&topology->ns[0], "hist no_such_histogram").status, 2);
	assert_int_equal(rdszc(&topology->ns[0], "conns -t none").status, 2);
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	assert_int_equal(rdszc(&topology->ns[0], "trace -w 1 no_such_event").status, 2);
	assert_int_equal(rdszc(&topology->ns[0], "--help").status, 0);
	assert_int_equal(rdszc(&topology->ns[0], "--version").status, 0);
	assert_int_equal(cred_become_nobody(), 0);
	assert_int_equal(rdszc(&topology->ns[0], "sockets -u root").status, 4);
	assert_int_equal(rdszc(&topology->ns[0], "hist --on").status, 4);
	assert_int_equal(cred_become_root(), 0);
}

static void usage__without_the_module(void **state)
{
	(void)state;
	assert_int_equal(module_unload_within(10000), 0);
	assert_int_equal(rdszc(netns_here(), "conns").status, 3);
	assert_int_equal(rdszc(netns_here(), "ping 127.0.0.1").status, 3);
	assert_int_equal(module_need(), 0);
}

int main(int argc, char **argv)
{
	struct suite suite = { .name = "cli" };

	SUITE_ADD(&suite, stats__agree_with_proc, variants_one_each);
	SUITE_ADD(&suite, stats__other_forms, variants_one);
	SUITE_ADD(&suite, stats__watch_shows_what_changed, variants_one);
	SUITE_ADD(&suite, stats__watch_is_silent_when_nothing_changes, variants_one);
	SUITE_ADD(&suite, sockets__show_queues_and_options, variants_one_each);
	SUITE_ADD(&suite, sockets__that_come_while_they_are_read, variants_one);
	SUITE_ADD(&suite, conns__show_state_and_why, variants_one_each);
	SUITE_ADD(&suite, info__sockets, variants_one);
	SUITE_ADD(&suite, info__messages_and_pins, variants_one);
	SUITE_ADD(&suite, info__cookies, variants_one);
	SUITE_ADD(&suite, info__unacknowledged_and_unread, variants_one);
	SUITE_ADD(&suite, info__of_the_namespace, variants_one);
	SUITE_ADD(&suite, info__connections, variants_one);
	SUITE_ADD(&suite, filters__of_sockets_and_messages, variants_one);
	SUITE_ADD(&suite, filters__of_conns, variants_one);
	SUITE_ADD(&suite, congestion__is_shown, variants_one);
	SUITE_ADD(&suite, terminal__colours_and_progress, variants_one);
	SUITE_ADD(&suite, hist__measures_when_on, variants_one);
	SUITE_ADD(&suite, hist__counts_messages_and_cookies, variants_one);
	SUITE_ADD(&suite, monitor__streams_events, variants_one);
	SUITE_ADD(&suite, monitor__filters_by_address, variants_three);
	SUITE_ADD(&suite, ping__answers, variants_basic);
	SUITE_ADD(&suite, ping__nobody_answers, variants_one);
	SUITE_ADD(&suite, ping__interrupted, variants_one);
	SUITE_ADD(&suite, stress__copied, variants_wire);
	SUITE_ADD(&suite, stress__zerocopy, variants_one);
	SUITE_ADD(&suite, stress__zerocopy_by_cmsg, variants_one);
	SUITE_ADD(&suite, stress__without_memory_to_lock, variants_one);
	SUITE_ADD(&suite, stress__finds_a_foreign_message, variants_one);
	SUITE_ADD(&suite, stress__finds_what_is_wrong, variants_one);
	SUITE_ADD(&suite, trace__tells_events, variants_one);
	SUITE_ADD(&suite, trace__each_kind_of_event_fires, variants_one);
	SUITE_ADD(&suite, trace__tells_what_was_lost, variants_one);
	SUITE_ADD(&suite, trace__drops_have_a_reason, variants_loop);
	SUITE_ADD(&suite, doctor__looks_at_everything, variants_one);
	SUITE_ADD(&suite, doctor__says_how_much_memlock, variants_one);
	SUITE_ADD(&suite, doctor__finds_a_taken_port, variants_one);
	SUITE_ADD(&suite, page__examples_run, variants_one);
	SUITE_ADD(&suite, usage__exit_codes, variants_one);
	SUITE_ADD_PLAIN(&suite, usage__without_the_module);
	return suite_run(&suite, argc, argv);
}
