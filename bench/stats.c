// SPDX-License-Identifier: GPL-2.0
/* Samples, sums, and what the kernel says about CPU time and the module's work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"

void samples_add(struct samples *s, uint64_t v)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 4096;
		s->v = realloc(s->v, s->room * sizeof(*s->v));
		if (!s->v)
			abort();
	}
	s->v[s->n++] = v;
}

void samples_append(struct samples *to, const struct samples *from)
{
	size_t i;

	for (i = 0; i < from->n; i++)
		samples_add(to, from->v[i]);
}

void samples_merge(struct samples *to, struct samples *from)
{
	samples_append(to, from);
	free(from->v);
	*from = (struct samples){};
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

void samples_sort(struct samples *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_size);
}

/* The sample under which lies this share of all; they are sorted. */
static uint64_t samples_at(const struct samples *s, double share)
{
	size_t i = (size_t)(share * (double)s->n);

	return s->n ? s->v[i < s->n ? i : s->n - 1] : 0;
}

/* A percentile with nothing beyond it is only the largest, or the least. */
static bool enough(const struct samples *s, double share)
{
	return (double)s->n * (share < .5 ? share : 1 - share) > .999999;
}

void samples_json(const char *name, const struct samples *s)
{
	static const struct { const char *name; double share; } at[] = {
		{ "p10", .1 }, { "p50", .5 }, { "p99", .99 }, { "p999", .999 },
	};
	size_t i;

	printf(",\"%s\":{\"n\":%zu", name, s->n);
	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		printf(",\"%s\":", at[i].name);
		if (enough(s, at[i].share))
			printf("%.2f", (double)samples_at(s, at[i].share) / 1000);
		else
			printf("null");
	}
	printf("}");
}

/* A column. */
void samples_text(const struct samples *s, double share)
{
	if (enough(s, share))
		printf(" %9.1f", (double)samples_at(s, share) / 1000);
	else
		printf(" %9s", "-");
}

double samples_mean(const struct samples *s)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		sum += (double)s->v[i];
	return s->n ? sum / (double)s->n : 0;
}

void figures_cookie(struct figures *f, enum verdict verdict)
{
	f->cookies++;
	f->told += verdict != SAYS_NOTHING;
	f->copied += verdict == SAYS_COPIED;
}

void figures_add(struct figures *to, const struct figures *from)
{
	uint64_t *t = (uint64_t *)to;
	const uint64_t *f = (const uint64_t *)from;
	size_t i;

	for (i = 0; i < sizeof(*to) / sizeof(*t); i++)
		t[i] += f[i];
}

/* All CPUs, all but idle: softirqs and kernel threads count too. */
static uint64_t machine_us(void)
{
	unsigned long long v[8] = {};
	FILE *f = fopen("/proc/stat", "r");
	uint64_t ticks;

	if (!f)
		return 0;
	if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3, v + 4,
		   v + 5, v + 6) != 7)
		memset(v, 0, sizeof(v));
	fclose(f);
	ticks = v[0] + v[1] + v[2] + v[5] + v[6];	/* user, nice, system, irq, softirq */
	return ticks * 1000000 / sysconf(_SC_CLK_TCK);
}

static uint64_t process_us(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000ull + ru.ru_utime.tv_usec +
		ru.ru_stime.tv_usec;
}

static void kstat_take(uint64_t *kstat, const char *name, uint64_t value)
{
	static const char *const names[KSTATS] = {
		[KSTAT_CALLS] = "tcp_send_calls",
		[KSTAT_COPY_IN] = "copy_from_user",
		[KSTAT_COPY_OUT] = "copy_to_user",
		[KSTAT_ZC_SENT] = "zc_sent",
		[KSTAT_WAITS] = "tcp_sndbuf_full",
	};
	int i;

	for (i = 0; i < KSTATS; i++)
		if (!strcmp(name, names[i]))
			kstat[i] = value;
}

static void kstat_read(uint64_t *kstat)
{
	FILE *f = fopen("/proc/net/rds_zc/stats", "r");
	unsigned long long value;
	char name[64];

	if (!f)
		return;
	while (fscanf(f, "%63s %llu", name, &value) == 2)
		kstat_take(kstat, name, value);
	fclose(f);
}

void usage_read(const struct spec *spec, struct figures *f)
{
	f->process_us = process_us();
	f->machine_us = machine_us();
	if (spec->proto == PROTO_RDS_ZC)
		kstat_read(f->kstat);
}

/* What was used since @start was read. */
void usage_since(const struct spec *spec, const struct figures *start, struct figures *f)
{
	struct figures end = {};
	int i;

	usage_read(spec, &end);
	f->process_us = end.process_us - start->process_us;
	f->machine_us = end.machine_us - start->machine_us;
	for (i = 0; i < KSTATS; i++)
		f->kstat[i] = end.kstat[i] - start->kstat[i];
}
