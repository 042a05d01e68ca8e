// SPDX-License-Identifier: GPL-2.0
/* rdsz-kv: options, and the order of the runs. */
#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <linux/rds_zc.h>

#include "kv.h"
#include "options.h"
#include "pattern.h"

static struct options {
	struct variant variants[MAX_LIST];
	uint32_t spares[MAX_LIST];
	int nr_variants, nr_spares, rounds;
	const char *serve, *local, *peer;
	uint32_t family, intree_family;
	struct kv_spec spec;
	struct link_info links[2];
	bool json, once;
} opt = {
	.rounds = 1,
	.family = RDSZC_FAMILY_DEFAULT,
	.intree_family = 21,
	.spec = { .clients = 4, .workers = 2, .keys = 16, .low = 256, .high = MAX_SIZE, .reads = 50,
		  .io = { .depth = 4, .ms = 1000, .warmup_ms = 500, .port = 5500, .peers = 1,
			  .check = 1 } },
};

enum { KEY_FAMILY = 256, KEY_INTREE, KEY_WARMUP, KEY_KEYS, KEY_LOW, KEY_HIGH, KEY_READS, KEY_ONCE,
	KEY_BLIND, KEY_SOCKBUF };

static const struct argp_option options[] = {
	{ "serve", 'S', "ADDRESS", 0, "be the server, at this address", 0 },
	{ "once", KEY_ONCE, NULL, 0, "as server: end with the first client", 0 },
	{ "local", 'l', "ADDRESS", 0, "client: our address", 1 },
	{ "peer", 'p', "ADDRESS", 0, "client: the server's address", 1 },
	{ "variants", 'v', "LIST", 0,
	  "what to run, in turn: PROTOCOL[:copy|zc|auto[:errqueue|cmsg]],...; protocols are "
	  "rds_zc, intree, tcp", 1 },
	{ "spare", 's', "LIST", 0,
	  "blocks of a thread besides what it stores (32); of several, the fewest with full rate "
	  "is reported", 1 },
	{ "rounds", 'r', "N", 0, "repeat all so often", 1 },
	{ "clients", 'n', "N", 0, "threads that ask, each with a socket (4)", 2 },
	{ "threads", 't', "N", 0, "threads that answer (2)", 2 },
	{ "depth", 'd', "N", 0, "requests of a client on their way (4)", 2 },
	{ "keys", KEY_KEYS, "N", 0, "of a client (16)", 2 },
	{ "low", KEY_LOW, "BYTES", 0, "smallest message (256); each power of two is as likely", 2 },
	{ "high", KEY_HIGH, "BYTES", 0, "largest (1048576)", 2 },
	{ "reads", KEY_READS, "PERCENT", 0, "reads among the requests (50)", 2 },
	{ "sockbuf", KEY_SOCKBUF, "BYTES", 0, "SO_SNDBUF and SO_RCVBUF", 2 },
	{ "blind", KEY_BLIND, NULL, 0, "do not fill and compare the blocks", 2 },
	{ "time", 'T', "MS", 0, "length of a run", 2 },
	{ "warmup", KEY_WARMUP, "MS", 0, "before it, not counted", 2 },
	{ "family", KEY_FAMILY, "N", 0, "family number of rds_zc", 3 },
	{ "intree-family", KEY_INTREE, "N", 0, "that of in-tree RDS", 3 },
	{ "port", 'P', "N", 0, "control port; the ones above it carry data", 3 },
	{ "json", 'j', NULL, 0, "one JSON object a line", 3 },
	{ 0 },
};

static void settle(struct argp_state *state)
{
	const struct kv_spec *spec = &opt.spec;
	int i;

	if (!opt.nr_spares)
		opt.spares[opt.nr_spares++] = 32;
	if (!opt.serve && (!opt.local || !opt.peer || !opt.nr_variants))
		argp_error(state, "needs --serve, or --local, --peer and --variants");
	if (spec->low > spec->high || spec->workers > spec->clients)
		argp_error(state, "low above high, or more threads than clients");
	for (i = 0; i < opt.nr_variants; i++) {
		const struct variant *v = &opt.variants[i];
		const char *why = variant_nonsense(v->proto, v->zerocopy, v->reaping);

		if (v->proto > PROTO_TCP || v->reaping > REAP_CMSG)
			argp_error(state, "%s: not in this program", v->label);
		if (why)
			argp_error(state, "%s: %s", v->label, why);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct kv_spec *spec = &opt.spec;

	switch (key) {
	case 'S': opt.serve = arg; break;
	case KEY_ONCE: opt.once = true; break;
	case 'l': opt.local = arg; break;
	case 'p': opt.peer = arg; break;
	case 'v': opt.nr_variants = parse_variants(state, arg, opt.variants); break;
	case 's': opt.nr_spares = parse_numbers(state, arg, 1, MAX_POOL, opt.spares); break;
	case 'r': opt.rounds = number(state, arg, 1, 1000); break;
	case 'n': spec->clients = number(state, arg, 1, KV_WORKERS); break;
	case 't': spec->workers = number(state, arg, 1, KV_WORKERS); break;
	case 'd': spec->io.depth = number(state, arg, 1, KV_KEYS); break;
	case KEY_KEYS: spec->keys = number(state, arg, 1, KV_KEYS); break;
	case KEY_LOW: spec->low = number(state, arg, MIN_SIZE, MAX_SIZE); break;
	case KEY_HIGH: spec->high = number(state, arg, MIN_SIZE, MAX_SIZE); break;
	case KEY_READS: spec->reads = number(state, arg, 0, 100); break;
	case KEY_SOCKBUF: spec->io.sockbuf = number(state, arg, 4096, 1 << 29); break;
	case KEY_BLIND: spec->io.check = 0; break;
	case 'T': spec->io.ms = number(state, arg, 1, 1000000); break;
	case KEY_WARMUP: spec->io.warmup_ms = number(state, arg, 0, 1000000); break;
	case KEY_FAMILY: opt.family = number(state, arg, 1, 44); break;
	case KEY_INTREE: opt.intree_family = number(state, arg, 1, 44); break;
	case 'P': spec->io.port = number(state, arg, 1, 60000); break;
	case 'j': opt.json = true; break;
	case ARGP_KEY_END: settle(state); break;
	default: return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static struct kv_spec spec_of(const struct variant *v, uint32_t spare)
{
	struct kv_spec spec = opt.spec;

	spec.io.proto = v->proto;
	spec.io.zerocopy = v->zerocopy;
	spec.io.reaping = v->reaping;
	spec.io.family = v->proto == PROTO_INTREE ? opt.intree_family : opt.family;
	spec.io.size = spec.io.reply = spec.high;
	spec.spare = spare;
	return spec;
}

/* One variant with each number of spare blocks. */
static int sweep(int control, const struct variant *v)
{
	double rates[MAX_LIST] = {};
	struct kv_print p = { .link = opt.links, .label = v->label, .json = opt.json };
	struct kv_outcome o;
	int i, failures = 0;

	for (i = 0; i < opt.nr_spares; i++) {
		struct kv_spec spec = spec_of(v, opt.spares[i]);

		p.spec = &spec;
		if (kv_run(control, &spec, opt.local, opt.peer, &o)) {
			failures++;
		} else {
			kv_line(&p, &o);
			rates[i] = kv_rate(&o);
		}
		free(o.latency.v);
	}
	kv_full_rate(&p, opt.spares, rates, opt.nr_spares);
	return failures;
}

static int client(void)
{
	int control = control_connect(opt.peer, opt.spec.io.port), failures = 0, r, v;
	struct kv_print p = { .link = opt.links, .json = opt.json };

	if (control < 0)
		return 1;
	if (!link_learn(control, opt.local, opt.links))
		return 1;
	kv_head(&p);
	for (r = 0; r < opt.rounds; r++)
		for (v = 0; v < opt.nr_variants; v++)
			failures += sweep(control, &opt.variants[(v + r) % opt.nr_variants]);
	return failures ? 1 : 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "A store of blocks and its clients, over rds_zc, in-tree RDS and TCP: reads "
		       "and writes of mixed size, blocks reused only on completion, all contents "
		       "compared.\v"
		       "Example: rdsz-kv --serve 10.0.0.2 in one namespace, and in the other: "
		       "rdsz-kv --local 10.0.0.1 --peer 10.0.0.2 "
		       "-v tcp,tcp:zc,rds_zc,rds_zc:zc -s 2,4,8,16,32",
	};
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	error_t err = argp_parse(&argp, argc, argv, 0, NULL, NULL);

	if (err)
		return 2;
	setrlimit(RLIMIT_MEMLOCK, &all);
	pattern_prepare();
	clock_start();
	if (opt.serve)
		return control_serve(opt.serve, opt.spec.io.port, opt.once, kv_serve) ? 1 : 0;
	return client();
}
