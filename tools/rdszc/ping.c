// SPDX-License-Identifier: GPL-2.0
/*
 * ping.c - asks a host's RDS whether it is there: an empty message to port 0, and the answer.
 *
 * Answers carry nothing, so one question is outstanding at a time, and a socket that missed an
 * answer is replaced: what comes late to the old one cannot be taken for the answer to a newer
 * question.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rdszc.h"

struct ping {
	union address to, from;
	bool has_to, has_from;
	unsigned int count;
	double interval, timeout;
	bool quiet;

	int fd;
	unsigned int sent, received;
	uint64_t least, most, sum;
};

static const struct argp_option options[] = {
	{ "count", 'c', "N", 0, "end after so many", 0 },
	{ "interval", 'i', "SECONDS", 0, "between two, default 1", 0 },
	{ "timeout", 'w', "SECONDS", 0, "how long to wait for an answer, default 1", 0 },
	{ "from", 'I', "ADDR", 0, "address of ours to ask from", 0 },
	{ "quiet", 'q', NULL, 0, "only the summary", 0 },
	{ 0 }
};

static error_t parse(int key, char *word, struct argp_state *state)
{
	struct ping *p = state->input;

	switch (key) {
	case 'c':
		p->count = number_parse(word, "count", 1, UINT32_MAX);
		return 0;
	case 'i':
		p->interval = seconds_parse(word, "interval");
		return 0;
	case 'w':
		p->timeout = seconds_parse(word, "timeout");
		return 0;
	case 'I':
		p->from = address_parse(word, 0);
		p->has_from = true;
		return 0;
	case 'q':
		p->quiet = true;
		return 0;
	case ARGP_KEY_ARG:
		if (p->has_to)
			argp_usage(state);
		p->to = address_parse(word, 0);
		address_set_port(&p->to, 0);
		p->has_to = true;
		return 0;
	case ARGP_KEY_END:
		if (!p->has_to)
			argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void count_answer(struct ping *p, uint64_t ns)
{
	p->received++;
	p->sum += ns;
	if (ns < p->least || p->received == 1)
		p->least = ns;
	if (ns > p->most)
		p->most = ns;
}

static void tell(const struct ping *p, const char *what, uint64_t ns)
{
	if (p->quiet) {
		progress("%u of %u answered", p->received, p->sent);
		return;
	}
	if (settings.json) {
		json_begin();
		json_number("sequence", p->sent);
		json_text("peer", address_text(&p->to, false));
		json_bool("answered", !what);
		if (what)
			json_text("error", what);
		else
			json_number("time_ns", ns);
		json_end();
		return;
	}
	if (what)
		printf("%3u: %s\n", p->sent, paint(RED, what));
	else
		printf("%3u: answer from %s in %s\n", p->sent, address_text(&p->to, false),
		       time_text(ns));
	fflush(stdout);
}

static bool wait_answer(struct ping *p, uint64_t end)
{
	struct pollfd poll_fd = { .fd = p->fd, .events = POLLIN };

	while (!interrupted) {
		uint64_t now = now_ns(), left_ms = (end - now) / 1000000 + 1;
		char byte;

		/* A second at most: an interrupt before poll() does not end it. */
		if (now >= end || poll(&poll_fd, 1, left_ms < 1000 ? left_ms : 1000) < 0)
			return false;
		if ((poll_fd.revents & POLLIN) && recv(p->fd, &byte, 1, MSG_DONTWAIT) >= 0)
			return true;
	}
	return false;
}

static void ask_once(struct ping *p)
{
	uint64_t start = now_ns();

	p->sent++;
	if (sendto(p->fd, NULL, 0, MSG_DONTWAIT, &p->to.sa, address_length(&p->to)) < 0) {
		tell(p, strerror(errno), 0);
		return;
	}
	if (wait_answer(p, start + (uint64_t)(p->timeout * 1e9))) {
		uint64_t ns = now_ns() - start;

		count_answer(p, ns);
		tell(p, NULL, ns);
		return;
	}
	if (interrupted) {
		p->sent--;
		return;
	}
	tell(p, "no answer", 0);
	close(p->fd);
	p->fd = rds_socket(&p->from);
}

static void summary(const struct ping *p)
{
	unsigned int lost = p->sent - p->received;

	progress_clear();
	if (settings.json) {
		json_begin();
		json_text("summary", address_text(&p->to, false));
		json_number("sent", p->sent);
		json_number("received", p->received);
		json_number("lost", lost);
		if (p->received) {
			json_number("min_ns", p->least);
			json_number("mean_ns", p->sum / p->received);
			json_number("max_ns", p->most);
		}
		json_end();
		return;
	}
	printf("%u sent, %u answered, %u lost", p->sent, p->received, lost);
	if (p->received)
		printf(", min %s, mean %s, max %s", time_text(p->least),
		       time_text(p->sum / p->received), time_text(p->most));
	putchar('\n');
}

int command_ping(int argc, char **argv)
{
	static const struct argp argp = { options, parse, "ADDR",
		"Asks a host whether its RDS is there. Ends with 1 if a question had no answer.",
		common_options, NULL, NULL };
	struct ping p = { .interval = 1, .timeout = 1 };

	argp_parse(&argp, argc, argv, 0, NULL, &p);
	if (!p.has_from)
		p.from = address_towards(&p.to);
	catch_interrupts();
	p.fd = rds_socket(&p.from);
	while (!interrupted) {
		ask_once(&p);
		if (p.count && p.sent >= p.count)
			break;
		if (!interrupted)
			sleep_seconds(p.interval);
	}
	summary(&p);
	/* What was asked last when it was interrupted is not counted. */
	return p.received == p.sent ? EXIT_OK : EXIT_FAULT;
}
