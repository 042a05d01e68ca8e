// SPDX-License-Identifier: GPL-2.0
/* One line a run, as text or JSON, and the number of spare blocks that was enough. */
#include <stdio.h>

#include "kv.h"

#define FULL	0.95			/* of the best rate of a sweep */

static double per(double a, double b)
{
	return b > 0 ? a / b : 0;
}

static double mib(const struct kv_outcome *o)
{
	return (double)(o->client.f.bytes + o->server.f.bytes) / (1 << 20);
}

double kv_rate(const struct kv_outcome *o)
{
	return per((double)(o->client.reads + o->client.writes), (double)o->elapsed_ns / 1e9);
}

void kv_head(const struct kv_print *p)
{
	if (p->json)
		return;
	printf("Linux %s, link %s%s\n", p->link->kernel, p->link->device,
	       p->link->emulated ? "; emulated, no verdict" : "");
	printf("%-18s %6s %9s %9s %9s %9s %9s %7s %7s %6s %6s %8s\n", "variant", "spare", "req/s",
	       "MiB/s", "p50 us", "p99", "p99.9", "CPU c", "CPU s", "used c", "used s", "waits");
}

static void text(const struct kv_print *p, const struct kv_outcome *o)
{
	printf("%-18s %6u %9.0f %9.1f", p->label, p->spec->spare, kv_rate(o),
	       per(mib(o), (double)o->elapsed_ns / 1e9));
	samples_text(&o->latency, .5);
	samples_text(&o->latency, .99);
	samples_text(&o->latency, .999);
	printf(" %7.0f %7.0f %6lu %6lu %8lu\n", per(o->client.f.process_us, mib(o)),
	       per(o->server.f.process_us, mib(o)), o->client.most_used, o->server.most_used,
	       o->client.waits_block + o->server.waits_block);
}

static void json_side(const char *name, const struct kv_figures *f, double moved)
{
	printf(",\"%s\":{\"reads\":%lu,\"writes\":%lu,\"messages\":%lu,\"bytes\":%lu", name,
	       f->reads, f->writes, f->f.messages, f->f.bytes);
	printf(",\"process_us_per_mib\":%.2f,\"machine_us_per_mib\":%.2f,\"sendmsg_mean_us\":%.3f",
	       per(f->f.process_us, moved), per(f->f.machine_us, moved),
	       per((double)f->f.send_ns / 1000, f->f.messages));
	printf(",\"sndbuf\":%lu,\"rcvbuf\":%lu", f->f.sndbuf, f->f.rcvbuf);
	printf(",\"blocks_used\":%lu,\"waits_block\":%lu,\"waits_slot\":%lu", f->most_used,
	       f->waits_block, f->waits_slot);
	printf(",\"cookies\":%lu,\"cookies_per_reap\":%.2f,\"copied_share\":", f->f.cookies,
	       per(f->f.cookies, f->f.reap_calls));
	if (f->f.told)
		printf("%.4f}", (double)f->f.copied / (double)f->f.told);
	else
		printf("null}");
}

static void json(const struct kv_print *p, const struct kv_outcome *o)
{
	const struct kv_spec *spec = p->spec;

	printf("{\"application\":\"kv\",\"variant\":\"%s\",\"clients\":%u,\"workers\":%u", p->label,
	       spec->clients, spec->workers);
	printf(",\"depth\":%u,\"keys\":%u,\"low\":%u,\"high\":%u,\"reads_percent\":%u,\"spare\":%u",
	       spec->io.depth, spec->keys, spec->low, spec->high, spec->reads, spec->spare);
	printf(",\"checked\":%s", json_bool(spec->io.check));
	link_json(p->link);
	printf(",\"per_second\":%.1f,\"mib_per_second\":%.2f", kv_rate(o),
	       per(mib(o), (double)o->elapsed_ns / 1e9));
	samples_json("latency_us", &o->latency);
	json_side("client", &o->client, mib(o));
	json_side("server", &o->server, mib(o));
	printf("}\n");
}

void kv_line(const struct kv_print *p, const struct kv_outcome *o)
{
	(p->json ? json : text)(p, o);
	fflush(stdout);
}

/* The fewest spare blocks with which the rate is that of the best, nearly. */
void kv_full_rate(const struct kv_print *p, const uint32_t *spare, const double *rate, int n)
{
	double best = 0;
	int i, at = -1;

	for (i = 0; i < n; i++)
		best = rate[i] > best ? rate[i] : best;
	for (i = 0; i < n; i++)
		if (rate[i] >= FULL * best && rate[i] > 0 && (at < 0 || spare[i] < spare[at]))
			at = i;
	if (n < 2 || at < 0)
		return;
	if (p->json)
		printf("{\"application\":\"kv\",\"variant\":\"%s\",\"spare_for_full_rate\":%u}\n",
		       p->label, spare[at]);
	else
		printf("%-18s %6u blocks to spare are enough for %.0f %% of the best rate\n",
		       p->label, spare[at], FULL * 100);
	fflush(stdout);
}
