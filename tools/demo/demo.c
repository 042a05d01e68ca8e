// SPDX-License-Identifier: GPL-2.0
/*
 * demo [MESSAGES] [emulated]: asks the other machine to send 1 MiB messages back, first without,
 * then with zerocopy, checks every reply, and shows a person what it took. Runs in the first VM of
 * tools/demo/run; the second one runs tests/peer.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "counters.h"
#include "module.h"
#include "pattern.h"
#include "reap.h"
#include "remote.h"
#include "zc.h"

#define SIZE (1024 * 1024)
#define WARM_UP 4
#define LIMIT_MS 300000

struct figures {
	uint64_t send_ns, trip_ns;	/* sums */
	uint64_t messages;
	uint64_t copied_bytes, tcp_calls, completions, completed_copied;
};

static struct pair ends;
static unsigned char *request, *reply;

static void __attribute__((noreturn, format(printf, 1, 2))) die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("demo: ");
	vprintf(format, arguments);
	printf("\n");
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The buffer is ours again when its cookie is back; only then it may be overwritten. */
static void wait_for_buffer(uint32_t expected)
{
	uint32_t cookie;

	if (reap_until(ends.fd, &cookie, 1, NULL, deadline_in(DEADLINE_USUAL_MS)) != 1)
		die("no completion came for message %u", expected);
	if (cookie != expected)
		die("completion %u instead of %u", cookie, expected);
}

static void exchange(const struct flow *flow, uint32_t i, struct figures *figures)
{
	uint64_t start, sent;
	ssize_t rc;

	pattern_fill(request, SIZE, flow->seed + i);
	start = now_ns();
	rc = flow->zerocopy ? rds_send_zc(ends.fd, request, SIZE, &ends.far, i, 0) :
			      rds_send(ends.fd, request, SIZE, &ends.far, 0);
	sent = now_ns();
	if (rc != SIZE)
		die("sendmsg: %s", strerror(errno));
	rc = rds_recv(ends.fd, reply, SIZE, NULL, 0);
	figures->trip_ns += now_ns() - start;
	figures->send_ns += sent - start;
	figures->messages++;
	if (rc != SIZE || pattern_check(reply, SIZE, flow->seed + i) >= 0)
		die("reply %u is not what was sent", i);
	if (flow->zerocopy)
		wait_for_buffer(i);
	pattern_poison(request, SIZE);
}

static void say_progress(const char *name, uint32_t done, uint32_t count)
{
	uint32_t quarter = count < 4 ? 1 : count / 4;

	if (done % quarter == 0 && done)
		printf("  %-18s %3u of %u replies checked\n", name, done, count);
}

static void run(const char *name, uint32_t count, bool zerocopy, struct figures *figures)
{
	struct flow flow = {
		.seed = 1, .count = count, .min = SIZE, .max = SIZE, .zerocopy = zerocopy
	};
	struct flow_result result;
	uint32_t i;

	if (remote_echo_start(&ends.remote, &ends.near, &flow, LIMIT_MS))
		die("the other machine does not answer: %s", strerror(errno));
	for (i = 0; i < count; i++) {
		exchange(&flow, i, figures);
		if (name)
			say_progress(name, i + 1, count);
	}
	if (remote_finish(&ends.remote, &result))
		die("the other machine does not answer: %s", strerror(errno));
	if (result.wrong || result.error)
		die("the other machine says: %s", result.text);
}

static void measure(const char *name, uint32_t count, bool zerocopy, struct figures *figures)
{
	const struct netns *here = netns_here();
	struct counters before;

	run(NULL, WARM_UP, zerocopy, figures);
	memset(figures, 0, sizeof(*figures));
	if (counters_read(here, &before))
		die("the module has no counters");
	run(name, count, zerocopy, figures);
	figures->copied_bytes = counter_moved(here, &before, "copy_from_user");
	figures->tcp_calls = counter_moved(here, &before, "tcp_send_calls");
	figures->completions = counter_moved(here, &before, "zc_completed");
	figures->completed_copied = counter_moved(here, &before, "zc_completed_copied");
}

static void begin(void)
{
	struct utsname system;

	if (module_need())
		die("cannot load rds_zc: %s", strerror(errno));
	uname(&system);
	printf("Two virtual machines, Linux %s, rds_zc loaded on both.\n", system.release);
	printf("Each request is 1 MiB; the other machine sends it back; every reply is "
	       "checked.\n\n");
	pair_open(&ends, false, false);
	request = zc_buffer(SIZE);
	reply = zc_buffer(SIZE);
	if (!request || !reply)
		die("no memory");
	if (rds_set(ends.fd, SOL_SOCKET, SO_ZEROCOPY, 1) ||
	    remote_set(&ends.remote, SOL_SOCKET, SO_ZEROCOPY, 1))
		die("SO_ZEROCOPY: %s", strerror(errno));
}

/* ---- the table ---- */

static void row(const char *what, double copying, double zerocopy, int digits, const char *unit)
{
	printf("  %-26s %14.*f %14.*f%s\n", what, digits, copying, digits, zerocopy, unit);
}

static double each(uint64_t sum, const struct figures *figures, double unit)
{
	return (double)sum / unit / (double)figures->messages;
}

static void print_table(const struct figures *c, const struct figures *z, bool emulated)
{
	const char *ms = emulated ? "  ms, emulated" : "  ms";
	char share[16] = "none";

	if (z->completions)
		snprintf(share, sizeof(share), "%.0f %%",
			 100.0 * (double)z->completed_copied / (double)z->completions);
	printf("\n  %-26s %14s %14s\n", "one message of 1 MiB", "copying", "zerocopy");
	row("time in sendmsg", each(c->send_ns, c, 1e6), each(z->send_ns, z, 1e6), 2, ms);
	row("round trip", each(c->trip_ns, c, 1e6), each(z->trip_ns, z, 1e6), 2, ms);
	row("copied in order to send", each(c->copied_bytes, c, 1024),
	    each(z->copied_bytes, z, 1024), 0, "  KiB");
	row("calls into TCP", each(c->tcp_calls, c, 1), each(z->tcp_calls, z, 1), 1, "");
	printf("\n  all together\n");
	row("messages, checked", (double)c->messages, (double)z->messages, 0, "");
	row("completions (cookies)", (double)c->completions, (double)z->completions, 0, "");
	printf("  %-26s %14s %14s\n", "told as copied after all", "-", share);
	if (emulated)
		printf("\nThese machines are emulated: compare the two columns with each other, "
		       "and do\nnot take the times for those of a real machine. "
		       "The other rows are exact.\n");
}

int main(int argc, char **argv)
{
	uint32_t count = argc > 1 ? (uint32_t)atoi(argv[1]) : 40;
	bool emulated = argc > 2 && !strcmp(argv[2], "emulated");
	struct figures copying = { 0 }, zerocopy = { 0 };

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!count)
		die("how many messages?");
	begin();
	measure("without zerocopy:", count, false, &copying);
	measure("with zerocopy:", count, true, &zerocopy);
	print_table(&copying, &zerocopy, emulated);
	return zerocopy.completions == zerocopy.messages ? 0 : 1;
}
