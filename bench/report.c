// SPDX-License-Identifier: GPL-2.0
/* One line a run: JSON for programs, columns for people. */
#include <stdio.h>

#include "bench.h"

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

static double per(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* Both directions count: what a MiB costs is asked of all that moved. */
static double mib(const struct outcome *o)
{
	return (double)(o->client.bytes + o->server.bytes) / (1 << 20);
}

static void json_samples(const char *name, const struct samples *s)
{
	printf(",\"%s_us\":{\"p10\":%.2f,\"p50\":%.2f,\"p99\":%.2f,\"p999\":%.2f}", name,
	       us(samples_at(s, .1)), us(samples_at(s, .5)), us(samples_at(s, .99)),
	       us(samples_at(s, .999)));
}

static void json_side(const char *name, const struct figures *f, double moved)
{
	printf(",\"%s\":{\"messages\":%lu,\"bytes\":%lu,\"send_calls\":%lu,\"refused\":%lu", name,
	       f->messages, f->bytes, f->send_calls, f->refused);
	printf(",\"recv_calls\":%lu,\"poll_calls\":%lu,\"sendmsg_mean_us\":%.3f", f->recv_calls,
	       f->poll_calls, per(us(f->send_ns), f->messages));
	printf(",\"cookies\":%lu,\"cookies_per_reap\":%.2f,\"copied_share\":%.4f", f->cookies,
	       per(f->cookies, f->reap_calls), per(f->copied, f->cookies));
	printf(",\"process_us_per_mib\":%.2f,\"machine_us_per_mib\":%.2f",
	       per(f->process_us, moved), per(f->machine_us, moved));
	printf(",\"tcp_calls\":%lu,\"copied_in\":%lu,\"copied_out\":%lu,\"tcp_full\":%lu}",
	       f->kstat[KSTAT_CALLS], f->kstat[KSTAT_COPY_IN], f->kstat[KSTAT_COPY_OUT],
	       f->kstat[KSTAT_WAITS]);
}

void report_json(const struct spec *spec, const char *label, int round, const struct outcome *o)
{
	double seconds = (double)o->elapsed_ns / 1e9;
	uint64_t done = spec->mode == MODE_RR ? o->client.received : o->client.messages;

	printf("{\"variant\":\"%s\",\"round\":%d,\"mode\":\"%s\"", label, round,
	       spec->mode == MODE_RR ? "rr" : "stream");
	printf(",\"size\":%u,\"reply\":%u,\"depth\":%u,\"sockets\":%u,\"threads\":%u,\"pool\":%u",
	       spec->size, spec->reply, spec->depth, spec->sockets, spec->threads, spec->pool);
	printf(",\"wait\":\"%s\",\"checked\":%s,\"reap_every\":%u",
	       spec->waiting == WAIT_BLOCK ? "block" : "poll", spec->check ? "true" : "false",
	       spec->reap_every);
	printf(",\"seconds\":%.3f,\"per_second\":%.1f,\"mib_per_second\":%.2f", seconds,
	       per(done, seconds), per((double)o->client.bytes / (1 << 20), seconds));
	json_samples("rtt", &o->rtt);
	json_samples("sendmsg", &o->send);
	json_samples("reuse", &o->reuse);
	printf(",\"early_share\":%.4f", per(o->client.early, o->client.early + o->client.late));
	json_side("client", &o->client, mib(o));
	json_side("server", &o->server, mib(o));
	printf("}\n");
	fflush(stdout);
}

void report_head(void)
{
	printf("%-22s %2s %8s %5s %4s %10s %9s %9s %9s %9s %9s %6s %7s %7s\n", "variant", "#", "size",
	       "depth", "sock", "per sec", "rtt p50", "p99", "p99.9", "sendmsg", "reusable", "copied",
	       "cpu/MiB", "calls/m");
}

/* Times in microseconds; CPU is that of both processes. */
void report_text(const struct spec *spec, const char *label, int round, const struct outcome *o)
{
	double seconds = (double)o->elapsed_ns / 1e9;
	uint64_t done = spec->mode == MODE_RR ? o->client.received : o->client.messages;

	printf("%-22s %2d %8u %5u %4u %10.0f %9.1f %9.1f %9.1f %9.1f %9.1f %6.3f %7.0f %7.2f\n",
	       label, round, spec->size, spec->depth, spec->sockets, per(done, seconds),
	       us(samples_at(&o->rtt, .5)), us(samples_at(&o->rtt, .99)),
	       us(samples_at(&o->rtt, .999)), us(samples_at(&o->send, .5)),
	       us(samples_at(&o->reuse, .5)), per(o->client.copied, o->client.cookies),
	       per(o->client.process_us + o->server.process_us, mib(o)),
	       per(o->client.kstat[KSTAT_CALLS], o->client.messages));
	fflush(stdout);
}
