// SPDX-License-Identifier: GPL-2.0
/*
 * stats.c - counters and histograms.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rdszc.h"

#define COUNTERS 512

struct counter {
	char name[64];
	char meaning[128];
	uint64_t value, before;
};

struct stats {
	char **patterns;
	int pattern_count;
	bool explain, watch, prometheus, all;
	double interval;
	unsigned int rounds;	/* 0: no end */
	struct counter list[COUNTERS];
	size_t count;
};

enum { OPTION_PROMETHEUS = 0x600 };

static const struct argp_option stats_options[] = {
	{ "explain", 'e', NULL, 0, "say what each counter means", 0 },
	{ "all", 'a', NULL, 0, "also those that are 0", 0 },
	{ "watch", 'w', NULL, 0, "go on, and show what changed", 0 },
	{ "interval", 'i', "SECONDS", 0, "of --watch, default 1", 0 },
	{ "count", 'c', "N", 0, "end --watch after so many rounds", 0 },
	{ "prometheus", OPTION_PROMETHEUS, NULL, 0, "text format of Prometheus", 0 },
	{ 0 }
};

static error_t parse_stats(int key, char *word, struct argp_state *state)
{
	struct stats *s = state->input;

	switch (key) {
	case 'e':
		s->explain = true;
		return 0;
	case 'a':
		s->all = true;
		return 0;
	case 'w':
		s->watch = true;
		return 0;
	case 'i':
		s->interval = seconds_parse(word, "interval");
		return 0;
	case 'c':
		s->rounds = number_parse(word, "count", 1, UINT32_MAX);
		return 0;
	case OPTION_PROMETHEUS:
		s->prometheus = true;
		return 0;
	case ARGP_KEY_ARGS:
		s->patterns = state->argv + state->next;
		s->pattern_count = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static bool wanted(const struct stats *s, const char *name)
{
	int i;

	for (i = 0; i < s->pattern_count; i++)
		if (!fnmatch(s->patterns[i], name, 0))
			return true;
	return !s->pattern_count;
}

static void keep_counter(const struct attrs *a, void *arg)
{
	const char *name = attr_text(a, RDSZC_A_STAT_NAME);
	struct stats *s = arg;
	struct counter *c = &s->list[s->count];

	if (!wanted(s, name) || s->count == COUNTERS)
		return;
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->meaning, sizeof(c->meaning), "%s", attr_text(a, RDSZC_A_STAT_MEANING));
	c->before = c->value;
	c->value = attr_number(a, RDSZC_A_STAT_VALUE);
	s->count++;
}

static void read_counters(struct nl *nl, struct stats *s)
{
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *request = nl_request(nl, buffer, RDSZC_CMD_STAT_GET, NLM_F_DUMP);

	if (s->explain || s->prometheus)
		mnl_attr_put(request, RDSZC_A_STAT_EXPLAIN, 0, NULL);
	s->count = 0;
	nl_dump(nl, request, keep_counter, s);
}

static void show_counter(const struct stats *s, const struct counter *c)
{
	if (settings.json) {
		json_begin();
		json_text("name", c->name);
		json_number("value", c->value);
		if (s->watch)
			json_number("change", c->value - c->before);
		if (s->explain)
			json_text("meaning", c->meaning);
		json_end();
	} else if (s->prometheus) {
		printf("# HELP rds_zc_%s_total %s\n# TYPE rds_zc_%s_total counter\n"
		       "rds_zc_%s_total %llu\n", c->name, c->meaning, c->name, c->name,
		       (unsigned long long)c->value);
	} else {
		printf("%-28s %14llu", c->name, (unsigned long long)c->value);
		if (s->watch)
			printf("  %+lld", (long long)(c->value - c->before));
		if (s->explain)
			printf("  %s", c->meaning);
		putchar('\n');
	}
}

static void show_counters(const struct stats *s)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->all || s->prometheus || settings.json || s->explain || s->list[i].value)
			show_counter(s, &s->list[i]);
}

static void show_changes(const struct stats *s)
{
	struct timespec now;
	bool any = false;
	struct tm local;
	char stamp[32];
	size_t i;

	for (i = 0; i < s->count; i++)
		any |= s->list[i].value != s->list[i].before;
	if (!any)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &local);
	strftime(stamp, sizeof(stamp), "%H:%M:%S", &local);
	if (!settings.json)
		puts(paint(BOLD, stamp));
	for (i = 0; i < s->count; i++)
		if (s->list[i].value != s->list[i].before)
			show_counter(s, &s->list[i]);
	fflush(stdout);
}

static void watch(struct nl *nl, struct stats *s)
{
	unsigned int round;

	catch_interrupts();
	for (round = 0; !interrupted && (!s->rounds || round < s->rounds); round++) {
		sleep_seconds(s->interval);
		read_counters(nl, s);
		show_changes(s);
	}
}

int command_stats(int argc, char **argv)
{
	static const struct argp argp = { stats_options, parse_stats, "[NAME...]",
		"Counters of this network namespace; a NAME may have * and ?.",
		common_options, NULL, NULL };
	static struct stats s = { .interval = 1 };
	struct nl nl;

	argp_parse(&argp, argc, argv, 0, NULL, &s);
	nl_open(&nl);
	read_counters(&nl, &s);
	if (s.pattern_count && !s.count)
		die(EXIT_USAGE, "there is no counter of that name");
	if (s.watch)
		watch(&nl, &s);
	else
		show_counters(&s);
	nl_close(&nl);
	return EXIT_OK;
}

/* ---- hist ---- */

#define SWITCH "/proc/sys/net/rds_zc/histograms"

struct hist {
	bool on, off, prometheus, empty;
	const char *name;
};

enum { OPTION_ON = 0x700, OPTION_OFF };

static const struct argp_option hist_options[] = {
	{ "on", OPTION_ON, NULL, 0, "start measuring (net.rds_zc.histograms=1)", 0 },
	{ "off", OPTION_OFF, NULL, 0, "stop measuring", 0 },
	{ "prometheus", OPTION_PROMETHEUS, NULL, 0, "text format of Prometheus", 0 },
	{ 0 }
};

static error_t parse_hist(int key, char *word, struct argp_state *state)
{
	struct hist *h = state->input;

	switch (key) {
	case OPTION_ON:
		h->on = true;
		return 0;
	case OPTION_OFF:
		h->off = true;
		return 0;
	case OPTION_PROMETHEUS:
		h->prometheus = true;
		return 0;
	case ARGP_KEY_ARG:
		if (h->name)
			argp_usage(state);
		h->name = word;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void switch_hist(bool on)
{
	FILE *file = fopen(SWITCH, "we");

	if (!file || fprintf(file, "%d\n", on) < 0 || fclose(file))
		die(errno == ENOENT ? EXIT_NO_MODULE : exit_status(errno), "%s: %s", SWITCH,
		    strerror(errno));
}

static const uint64_t *hist_counts(const struct attrs *a, uint64_t counts[RDSZC_HIST_BUCKETS])
{
	const struct nlattr *attr = a->list[RDSZC_A_HIST_COUNTS];

	memset(counts, 0, RDSZC_HIST_BUCKETS * sizeof(*counts));
	if (attr && mnl_attr_get_payload_len(attr) == RDSZC_HIST_BUCKETS * sizeof(*counts))
		memcpy(counts, mnl_attr_get_payload(attr), RDSZC_HIST_BUCKETS * sizeof(*counts));
	return counts;
}

/* The upper end of the bucket that holds this share of all. */
static uint64_t hist_percentile(const uint64_t *counts, uint64_t total, double share)
{
	uint64_t sum = 0;
	int i;

	if (!total)
		return 0;
	for (i = 0; i < RDSZC_HIST_BUCKETS; i++) {
		sum += counts[i];
		if (sum && sum >= total * share)
			break;
	}
	return i ? 1ULL << (i < 63 ? i : 63) : 0;
}

static void hist_json(const struct attrs *a, const uint64_t *counts)
{
	uint64_t total = attr_number(a, RDSZC_A_HIST_COUNT);
	int i, last = RDSZC_HIST_BUCKETS - 1;

	json_begin();
	json_text("name", attr_text(a, RDSZC_A_HIST_NAME));
	json_text("unit", "ns");
	json_number("count", total);
	json_number("sum", attr_number(a, RDSZC_A_HIST_SUM));
	json_number("p50", hist_percentile(counts, total, 0.5));
	json_number("p99", hist_percentile(counts, total, 0.99));
	fputs(",\"counts\":[", stdout);
	while (last > 0 && !counts[last])
		last--;
	for (i = 0; i <= last; i++)
		printf("%s%llu", i ? "," : "", (unsigned long long)counts[i]);
	putchar(']');
	json_end();
}

static void hist_prometheus(const struct attrs *a, const uint64_t *counts)
{
	const char *name = attr_text(a, RDSZC_A_HIST_NAME);
	uint64_t sum = 0;
	int i;

	printf("# HELP rds_zc_%s_seconds %s\n# TYPE rds_zc_%s_seconds histogram\n", name,
	       attr_text(a, RDSZC_A_HIST_MEANING), name);
	for (i = 0; i < 40; i++) {
		sum += counts[i];
		printf("rds_zc_%s_seconds_bucket{le=\"%.9g\"} %llu\n", name, (1ULL << i) / 1e9,
		       (unsigned long long)sum);
	}
	printf("rds_zc_%s_seconds_bucket{le=\"+Inf\"} %llu\n", name,
	       (unsigned long long)attr_number(a, RDSZC_A_HIST_COUNT));
	printf("rds_zc_%s_seconds_sum %.9f\nrds_zc_%s_seconds_count %llu\n", name,
	       attr_number(a, RDSZC_A_HIST_SUM) / 1e9, name,
	       (unsigned long long)attr_number(a, RDSZC_A_HIST_COUNT));
}

static void hist_bars(const uint64_t *counts)
{
	static const char bar[] = "########################################";
	int first = 0, last = RDSZC_HIST_BUCKETS - 1, i;
	uint64_t most = 1;

	for (i = 0; i < RDSZC_HIST_BUCKETS; i++)
		if (counts[i] > most)
			most = counts[i];
	while (first < last && !counts[first])
		first++;
	while (last > first && !counts[last])
		last--;
	for (i = first; i <= last; i++)
		printf("  < %-8s %12llu %.*s\n", time_text(1ULL << (i < 63 ? i : 63)),
		       (unsigned long long)counts[i],
		       (int)((double)counts[i] / most * (sizeof(bar) - 1)), bar);
}

static void show_hist(const struct attrs *a, void *arg)
{
	uint64_t counts[RDSZC_HIST_BUCKETS], total = attr_number(a, RDSZC_A_HIST_COUNT);
	struct hist *h = arg;

	hist_counts(a, counts);
	h->empty &= !total;
	if (settings.json) {
		hist_json(a, counts);
		return;
	}
	if (h->prometheus) {
		hist_prometheus(a, counts);
		return;
	}
	printf("%s: %s\n", paint(BOLD, attr_text(a, RDSZC_A_HIST_NAME)),
	       attr_text(a, RDSZC_A_HIST_MEANING));
	if (!total) {
		puts("  nothing measured");
		return;
	}
	printf("  %llu times, mean %s, half under %s, 99%% under %s\n", (unsigned long long)total,
	       time_text(attr_number(a, RDSZC_A_HIST_SUM) / total),
	       time_text(hist_percentile(counts, total, 0.5)),
	       time_text(hist_percentile(counts, total, 0.99)));
	hist_bars(counts);
}

int command_hist(int argc, char **argv)
{
	static const struct argp argp = { hist_options, parse_hist, "[NAME]",
		"How long things take: send_to_ack, send_to_reusable, reusable_to_read, "
		"recv_queue.",
		common_options, NULL, NULL };
	char buffer[MNL_SOCKET_BUFFER_SIZE];
	struct hist h = { .empty = true };
	struct nlmsghdr *request;
	struct nl nl;

	argp_parse(&argp, argc, argv, 0, NULL, &h);
	nl_open(&nl);
	if (h.on || h.off) {
		switch_hist(h.on);
		return EXIT_OK;
	}
	request = nl_request(&nl, buffer, RDSZC_CMD_HIST_GET, NLM_F_DUMP);
	if (h.name &&
	    !mnl_attr_put_strz_check(request, sizeof(buffer), RDSZC_A_HIST_NAME, h.name))
		die(EXIT_USAGE, "there is no histogram of that name");
	nl_dump(&nl, request, show_hist, &h);
	if (h.empty && !settings.json && !h.prometheus)
		fputs("Measuring is off by default: rdszc hist --on\n", stderr);
	nl_close(&nl);
	return EXIT_OK;
}
