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

/* Both directions count, as in rdsz-kv: what a MiB costs is asked of all that moved. */
static double mib(const struct outcome *o)
{
	return (double)(o->client.bytes + o->server.bytes) / (1 << 20);
}

static uint64_t done(const struct spec *spec, const struct outcome *o)
{
	return spec->mode == MODE_RR ? o->client.received : o->client.messages;
}

/* Requests on their way, in the mean: that of the rate and the round trip (Little). */
static double in_flight(const struct spec *spec, const struct outcome *o)
{
	return per((double)done(spec, o), (double)o->elapsed_ns) * samples_mean(&o->rtt);
}

/* Only rds_zc counts what it does inside; a TCP program is itself the one that calls TCP. */
static bool knows_calls(const struct spec *spec)
{
	return spec->proto == PROTO_RDS_ZC || spec->proto == PROTO_TCP;
}

static uint64_t tcp_calls(const struct spec *spec, const struct figures *f)
{
	return spec->proto == PROTO_TCP ? f->send_calls : f->kstat[KSTAT_CALLS];
}

/* null is what nobody counted. */
static void json_count(const char *name, bool known, uint64_t value)
{
	if (known)
		printf(",\"%s\":%lu", name, value);
	else
		printf(",\"%s\":null", name);
}

static void json_share(const char *name, uint64_t part, uint64_t of)
{
	if (of)
		printf(",\"%s\":%.4f", name, (double)part / (double)of);
	else
		printf(",\"%s\":null", name);
}

/* System calls: of those that read cookies only the error queue has its own. */
static uint64_t calls(const struct spec *spec, const struct figures *f)
{
	return f->send_calls + f->recv_calls + f->poll_calls +
		(spec->reaping == REAP_ERRQUEUE ? f->reap_calls + f->reap_empty : 0);
}

static void json_side(const char *name, const struct spec *spec, const struct figures *f,
		      double moved)
{
	const bool ours = spec->proto == PROTO_RDS_ZC;

	printf(",\"%s\":{\"messages\":%lu,\"bytes\":%lu,\"send_calls\":%lu,\"refused\":%lu", name,
	       f->messages, f->bytes, f->send_calls, f->refused);
	printf(",\"sndbuf\":%lu,\"rcvbuf\":%lu", f->sndbuf, f->rcvbuf);
	printf(",\"recv_calls\":%lu,\"poll_calls\":%lu,\"sendmsg_mean_us\":%.3f", f->recv_calls,
	       f->poll_calls, per(us(f->send_ns), f->messages));
	printf(",\"calls_per_message\":%.3f", per(calls(spec, f), f->messages));
	printf(",\"cookies\":%lu,\"empty_reaps\":%lu", f->cookies, f->reap_empty);
	json_share("cookies_per_reap", f->cookies, f->reap_calls);
	json_share("reads_per_reap", f->turn_reads, f->reap_turns);
	json_share("copied_share", f->copied, f->told);
	printf(",\"process_us_per_mib\":%.2f,\"machine_us_per_mib\":%.2f",
	       per(f->process_us, moved), per(f->machine_us, moved));
	json_count("tcp_calls", knows_calls(spec), tcp_calls(spec, f));
	json_count("copied_in", ours, f->kstat[KSTAT_COPY_IN]);
	json_count("copied_out", ours, f->kstat[KSTAT_COPY_OUT]);
	json_count("tcp_full", ours, f->kstat[KSTAT_WAITS]);
	printf("}");
}

void report_json(const struct run *run, const struct outcome *o)
{
	const struct spec *spec = run->spec;
	double seconds = (double)o->elapsed_ns / 1e9;

	printf("{\"variant\":\"%s\",\"round\":%d,\"mode\":\"%s\"", run->label, run->round,
	       spec->mode == MODE_RR ? "rr" : "stream");
	printf(",\"size\":%u,\"reply\":%u,\"depth\":%u,\"sockets\":%u,\"threads\":%u", spec->size,
	       spec->reply, spec->depth, spec->sockets, spec->threads);
	printf(",\"pool\":%u,\"peers\":%u", spec->pool, spec->peers);
	printf(",\"wait\":\"%s\",\"checked\":%s,\"reap_every\":%u",
	       spec->waiting == WAIT_BLOCK ? "block" : "poll", json_bool(spec->check),
	       spec->reap_every);
	printf(",\"warmup_ms\":%u", spec->warmup_ms);
	link_json(run->link);
	printf(",\"seconds\":%.3f,\"per_second\":%.1f,\"mib_per_second\":%.2f", seconds,
	       per(done(spec, o), seconds), per(mib(o), seconds));
	if (spec->mode == MODE_RR)
		printf(",\"in_flight\":%.2f", in_flight(spec, o));
	else
		printf(",\"in_flight\":null");
	samples_json("rtt_us", &o->rtt);
	samples_json("rtt_all_us", run->rtt);
	samples_json("sendmsg_us", &o->send);
	samples_json("reuse_us", &o->reuse);
	json_count("lanes_up", o->lanes_up >= 0, o->lanes_up);
	json_count("lanes_used", o->lanes_used >= 0, o->lanes_used);
	json_share("early_share", o->client.early, o->client.early + o->client.late);
	json_side("client", spec, &o->client, mib(o));
	json_side("server", spec, &o->server, mib(o));
	printf("}\n");
	fflush(stdout);
}

static void text_if(bool known, const char *format, const char *unknown, double value)
{
	if (known)
		printf(format, value);
	else
		printf(unknown, "-");
}

static const char *on(bool value)
{
	return value ? "on" : "off";
}

void report_head(const struct link_info *link)
{
	printf("Linux %s, link %s, MTU %d: scatter-gather %s, checksum %s, TSO %s%s\n",
	       link->kernel, link->device, link->mtu, on(link->sg), on(link->checksum),
	       on(link->tso),
	       link->emulated ? "; emulated, no verdict" :
	       link_allows_verdict(link) ? "" : "; no verdict on zerocopy here");
	printf("%-22s %2s %8s %5s %4s %7s %10s %9s %9s %9s %9s %9s %6s %7s %7s\n", "variant", "#",
	       "size", "depth", "sock", "flying", "per sec", "rtt p50", "p99", "p99.9", "sendmsg",
	       "reusable", "copied", "cpu/MiB", "calls/m");
}

/* Times in microseconds; CPU is that of both processes. A dash is what nobody knows. */
void report_text(const struct run *run, const struct outcome *o)
{
	const struct spec *spec = run->spec;
	double seconds = (double)o->elapsed_ns / 1e9;

	printf("%-22s %2d %8u %5u %4u %7.1f %10.0f", run->label, run->round, spec->size,
	       spec->depth, spec->sockets, in_flight(spec, o), per(done(spec, o), seconds));
	samples_text(&o->rtt, .5);
	samples_text(&o->rtt, .99);
	samples_text(&o->rtt, .999);
	samples_text(&o->send, .5);
	samples_text(&o->reuse, .5);
	text_if(o->client.told, " %6.3f", " %6s", per(o->client.copied, o->client.told));
	printf(" %7.0f", per(o->client.process_us + o->server.process_us, mib(o)));
	text_if(knows_calls(spec), " %7.2f", " %7s",
		per(tcp_calls(spec, &o->client), o->client.messages));
	printf("\n");
	fflush(stdout);
}
