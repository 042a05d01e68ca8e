// SPDX-License-Identifier: GPL-2.0
/* rdsz-bench: options, and the order of the runs. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <linux/rds_zc.h>

#include "bench.h"
#include "options.h"
#include "pattern.h"

#define DEEP_WARMUP_MS	500	/* until queues and buffers are as full as they will be */

static struct options {
	struct variant variants[MAX_LIST];
	uint32_t sizes[MAX_LIST], depths[MAX_LIST];
	int nr_variants, nr_sizes, nr_depths, rounds;
	const char *serve, *local, *peer;
	uint32_t family, intree_family;
	struct spec spec;
	struct link_info links[2];
	bool json, once;
} opt = {
	.rounds = 1,
	.family = RDSZC_FAMILY_DEFAULT,
	.intree_family = 21,
	.spec = { .sockets = 1, .threads = 1, .reap_every = 1, .ms = 1000, .warmup_ms = 200,
		  .port = 5300, .peers = 1 },
};

enum { KEY_FAMILY = 256, KEY_INTREE, KEY_WARMUP, KEY_REPLY, KEY_POOL, KEY_EVERY, KEY_SOCKBUF,
	KEY_WAIT, KEY_MODE, KEY_ONCE, KEY_PEERS, KEY_LANES };

static const struct argp_option options[] = {
	{ "serve", 'S', "ADDRESS", 0, "be the server, at this address", 0 },
	{ "once", KEY_ONCE, NULL, 0, "as server: end with the first client", 0 },
	{ "local", 'l', "ADDRESS", 0, "client: our address", 1 },
	{ "peer", 'p', "ADDRESS", 0, "client: the server's address", 1 },
	{ "variants", 'v', "LIST", 0,
	  "what to run, in turn: PROTOCOL[:copy|zc|auto[:errqueue|cmsg|uring|fixed|none]],...; "
	  "fixed is io_uring with registered buffers; protocols "
	  "are rds_zc, intree, tcp, unix, sctp, tipc", 1 },
	{ "size", 's', "LIST", 0, "bytes of a message, 64 to 1048576", 1 },
	{ "depth", 'd', "LIST", 0, "requests of a socket on their way, 1 to 64", 1 },
	{ "rounds", 'r', "N", 0, "repeat all variants so often, interleaved", 1 },
	{ "sockets", 'n', "N", 0, "1 to 1000", 2 },
	{ "threads", 't', "N", 0, "on each side, at most one a socket, and 64", 2 },
	{ "peers", KEY_PEERS, "N", 0,
	  "the server has so many addresses, from --peer and --serve upwards; its sockets go "
	  "round them (1; not for TCP)", 2 },
	{ "own-lanes", KEY_LANES, NULL, 0,
	  "rds_zc: try ports until each socket has a lane of its own (at most 8, one peer)", 2 },
	{ "mode", KEY_MODE, "rr|stream", 0, "request and reply, or one way", 2 },
	{ "reply", KEY_REPLY, "BYTES", 0, "size of a reply (that of the request)", 2 },
	{ "wait", KEY_WAIT, "poll|block", 0,
	  "block: in recvmsg, where a thread has one socket", 2 },
	{ "pool", KEY_POOL, "N", 0, "buffers of a socket (2 * depth + 2)", 2 },
	{ "reap-every", KEY_EVERY, "N", 0, "reap after so many sends", 2 },
	{ "sockbuf", KEY_SOCKBUF, "BYTES", 0, "SO_SNDBUF and SO_RCVBUF", 2 },
	{ "time", 'T', "MS", 0, "length of a run", 2 },
	{ "warmup", KEY_WARMUP, "MS", 0,
	  "before it, not counted; at least 500 if the depth is not 1", 2 },
	{ "check", 'c', NULL, 0, "fill and compare all contents", 2 },
	{ "family", KEY_FAMILY, "N", 0, "family number of rds_zc", 3 },
	{ "intree-family", KEY_INTREE, "N", 0, "that of in-tree RDS", 3 },
	{ "port", 'P', "N", 0, "control port; the ones above it carry data", 3 },
	{ "json", 'j', NULL, 0, "one JSON object a line", 3 },
	{ 0 },
};

static void settle(struct argp_state *state)
{
	if (!opt.nr_sizes)
		opt.sizes[opt.nr_sizes++] = MAX_SIZE;
	if (!opt.nr_depths)
		opt.depths[opt.nr_depths++] = 1;
	if (opt.spec.threads > opt.spec.sockets)
		argp_error(state, "more threads than sockets");
	if (opt.spec.own_lanes && (opt.spec.sockets > LANES || opt.spec.peers > 1))
		argp_error(state, "there are %d lanes to one peer", LANES);
	if (!opt.serve && (!opt.local || !opt.peer || !opt.nr_variants))
		argp_error(state, "needs --serve, or --local, --peer and --variants");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static const char *const modes[] = { "rr", "stream" }, *const waits[] = { "poll", "block" };
	struct spec *spec = &opt.spec;

	switch (key) {
	case 'S': opt.serve = arg; break;
	case KEY_ONCE: opt.once = true; break;
	case 'l': opt.local = arg; break;
	case 'p': opt.peer = arg; break;
	case 'v': opt.nr_variants = parse_variants(state, arg, opt.variants); break;
	case 's': opt.nr_sizes = parse_numbers(state, arg, MIN_SIZE, MAX_SIZE, opt.sizes); break;
	case 'd': opt.nr_depths = parse_numbers(state, arg, 1, 64, opt.depths); break;
	case 'r': opt.rounds = number(state, arg, 1, 1000); break;
	case 'n': spec->sockets = number(state, arg, 1, MAX_SOCKETS); break;
	case 't': spec->threads = number(state, arg, 1, MAX_THREADS); break;
	case KEY_PEERS: spec->peers = number(state, arg, 1, MAX_SOCKETS); break;
	case KEY_LANES: spec->own_lanes = 1; break;
	case KEY_MODE: spec->mode = word_of(state, arg, modes, 2); break;
	case KEY_REPLY: spec->reply = number(state, arg, MIN_SIZE, MAX_SIZE); break;
	case KEY_WAIT: spec->waiting = word_of(state, arg, waits, 2); break;
	case KEY_POOL: spec->pool = number(state, arg, 1, MAX_POOL); break;
	case KEY_EVERY: spec->reap_every = number(state, arg, 1, 1000000); break;
	case KEY_SOCKBUF: spec->sockbuf = number(state, arg, 4096, 1 << 29); break;
	case 'T': spec->ms = number(state, arg, 1, 1000000); break;
	case KEY_WARMUP: spec->warmup_ms = number(state, arg, 0, 1000000); break;
	case 'c': spec->check = 1; break;
	case KEY_FAMILY: opt.family = number(state, arg, 1, 44); break;
	case KEY_INTREE: opt.intree_family = number(state, arg, 1, 44); break;
	case 'P': spec->port = number(state, arg, 1, 60000); break;
	case 'j': opt.json = true; break;
	case ARGP_KEY_ARG: return ARGP_ERR_UNKNOWN;
	case ARGP_KEY_END: settle(state); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static struct spec spec_of(const struct variant *v, uint32_t size, uint32_t depth)
{
	struct spec spec = opt.spec;

	spec.proto = v->proto;
	spec.zerocopy = v->zerocopy;
	spec.reaping = v->reaping;
	spec.family = v->proto == PROTO_INTREE ? opt.intree_family : opt.family;
	spec.size = size;
	spec.depth = depth;
	if (spec.mode == MODE_STREAM)
		spec.reply = MIN_SIZE;
	else if (!spec.reply)
		spec.reply = size;
	if (!spec.pool)
		spec.pool = 2 * depth + 2;
	if (depth > 1 && spec.warmup_ms < DEEP_WARMUP_MS)
		spec.warmup_ms = DEEP_WARMUP_MS;
	return spec;
}

/* Why a variant cannot run with these sizes and depths, or NULL. */
static const char *nonsense(const struct spec *spec)
{
	const char *why = variant_nonsense(spec->proto, spec->zerocopy, spec->reaping);

	if (why)
		return why;
	if (socket_connected(spec) && spec->peers > 1)
		return "has one peer here";
	if (spec->reaping == REAP_NONE && spec->pool <= spec->depth)
		return "would write to buffers on their way";
	if (by_uring(spec) && !uring_can(spec))
		return "this kernel's io_uring cannot";
	if (spec->proto == PROTO_TIPC &&
	    (spec->size > TIPC_MAX_MESSAGE || spec->reply > TIPC_MAX_MESSAGE))
		return "has no messages of that size";
	if (spec->proto == PROTO_TCP && by_uring(spec) &&
	    (spec->depth > 1 || spec->mode != MODE_RR))
		return "parts of a stream sent at once may change places";
	return NULL;
}

/* @all: round trips of earlier rounds. */
static int run(int control, const struct variant *v, uint32_t size, uint32_t depth, int round,
	       struct samples *all)
{
	struct spec spec = spec_of(v, size, depth);
	struct run run = { &spec, opt.links, v->label, round, all };
	const char *why = nonsense(&spec);
	struct outcome o;
	int err;

	if (why) {
		fprintf(stderr, "%s, %u bytes, depth %u: left out, %s\n", v->label, size, depth,
			why);
		return 0;
	}
	err = control_run(control, &spec, opt.local, opt.peer, &o);
	if (!err) {
		samples_append(all, &o.rtt);
		samples_sort(all);
		(opt.json ? report_json : report_text)(&run, &o);
	}
	free(o.rtt.v);
	free(o.reuse.v);
	free(o.send.v);
	return err;
}

/*
 * Rounds inside, so that the variants which are compared share whatever else the machine does; each
 * round begins with another, so that none has always the same before it.
 */
static int all_rounds(int control, uint32_t size, uint32_t depth)
{
	struct samples rtt[MAX_LIST] = {};
	int failures = 0, r, v, which;

	for (r = 1; r <= opt.rounds; r++)
		for (v = 0; v < opt.nr_variants; v++) {
			which = (v + r - 1) % opt.nr_variants;
			failures += !!run(control, &opt.variants[which], size, depth, r,
					  &rtt[which]);
		}
	for (v = 0; v < opt.nr_variants; v++)
		free(rtt[v].v);
	return failures;
}

static int client(void)
{
	int control = control_connect(opt.peer, opt.spec.port), failures = 0, s, d;

	if (control < 0)
		return 1;
	if (!link_learn(control, opt.local, opt.links))
		return 1;
	if (!opt.json)
		report_head(opt.links);
	for (s = 0; s < opt.nr_sizes; s++)
		for (d = 0; d < opt.nr_depths; d++)
			failures += all_rounds(control, opt.sizes[s], opt.depths[d]);
	return failures ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Round trips and streams over rds_zc, in-tree RDS, TCP, UNIX SEQPACKET, "
		       "SCTP and TIPC.\v"
		       "Example: rdsz-bench --serve 10.0.0.2 in one namespace, and in the other: "
		       "rdsz-bench --local 10.0.0.1 --peer 10.0.0.2 "
		       "--variants rds_zc:copy,rds_zc:zc,tcp,tcp:zc -r 5",
	};
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY }, files = { 8192, 8192 };
	error_t err = argp_parse(&argp, argc, argv, 0, NULL, NULL);

	if (err)
		return 2;
	setrlimit(RLIMIT_MEMLOCK, &all);
	setrlimit(RLIMIT_NOFILE, &files);
	pattern_prepare();
	clock_start();
	if (opt.serve)
		return control_serve(opt.serve, opt.spec.port, opt.once, bench_serve) ? 1 : 0;
	return client();
}
