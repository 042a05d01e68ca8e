// SPDX-License-Identifier: GPL-2.0
/*
 * sysctl.c - net.rds_zc.*, one set per namespace.
 *
 * Meaning, unit and range of each are in docs/man/rds_zc.4; readers use READ_ONCE.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sysctl.h>

#include "rdsz.h"
#include "sysctl_compat.h"

static int rdsz_zero;
static int rdsz_one = 1;
static int rdsz_two = 2;
static int rdsz_max_int = INT_MAX;
static int rdsz_max_port = 65535;
static int rdsz_max_ms = 3600 * 1000;
static int rdsz_max_gather_us = 1000 * 1000;
static int rdsz_max_idle_ms = 24 * 3600 * 1000;
static int rdsz_max_cookies = 1 << 24;
static int rdsz_max_pending = 65536;
static int rdsz_max_threshold = RDSZ_MAX_PAYLOAD;
static int rdsz_min_ping_rate = 16;
static int rdsz_max_ping_rate = 1 << 20;
static int rdsz_max_keepalive_s = 32767;	/* TCP takes no more */
static int rdsz_max_keepalive_count = 127;

/* tcp_port and tcp_listen: the listener follows at once. */
static int rdsz_sysctl_listen(rdsz_ctl_table_t *table, int write, void *buffer, size_t *lenp,
			      loff_t *ppos)
{
	struct rdsz_net *rn = table->extra1 == &rdsz_one ?
		container_of(table->data, struct rdsz_net, sysctl.tcp_port) :
		container_of(table->data, struct rdsz_net, sysctl.tcp_listen);
	int old = *(int *)table->data;
	int err = proc_dointvec_minmax(table, write, buffer, lenp, ppos);

	if (err || !write)
		return err;
	if (table->extra1 == &rdsz_one && old == *(int *)table->data)
		return 0;
	return rdsz_tcp_listen_apply(rn);
}

/*
 * tcp_sndbuf and tcp_rcvbuf: the connections are made anew with it, even if the value is the old
 * one.
 */
static int rdsz_sysctl_buffer(rdsz_ctl_table_t *table, int write, void *buffer, size_t *lenp,
			      loff_t *ppos)
{
	bool send = table->extra1 == &rdsz_one;
	struct rdsz_net *rn = send ?
		container_of(table->data, struct rdsz_net, sysctl.tcp_sndbuf) :
		container_of(table->data, struct rdsz_net, sysctl.tcp_rcvbuf);
	int value = READ_ONCE(*(int *)table->data);
	struct ctl_table copy = { .data = &value, .maxlen = sizeof(value) };
	int err = proc_dointvec(&copy, write, buffer, lenp, ppos);

	if (err || !write)
		return err;
	if (value && value < (int)(send ? SOCK_MIN_SNDBUF : SOCK_MIN_RCVBUF))
		return -EINVAL;
	WRITE_ONCE(*(int *)table->data, value);
	rdsz_conns_drop(rn, RDSZ_DROP_SYSCTL);
	return 0;
}

/* accept_from: a list as text. */
static int rdsz_sysctl_prefixes(rdsz_ctl_table_t *table, int write, void *buffer, size_t *lenp,
				loff_t *ppos)
{
	struct rdsz_net *rn = container_of(table->data, struct rdsz_net, accept_from);
	char *text = kzalloc(RDSZ_PREFIXES_TEXT, GFP_KERNEL);
	struct ctl_table copy = { .data = text, .maxlen = RDSZ_PREFIXES_TEXT };
	int err;

	if (!text)
		return -ENOMEM;
	if (!write)
		rdsz_prefixes_format(rn, text, RDSZ_PREFIXES_TEXT);
	err = write && *ppos ? -EINVAL : proc_dostring(&copy, write, buffer, lenp, ppos);
	if (!err && write)
		err = rdsz_prefixes_set(rn, text);
	kfree(text);
	return err;
}

/* histograms: memory is got, and the code patched, when it is switched on. */
static int rdsz_sysctl_histograms(rdsz_ctl_table_t *table, int write, void *buffer, size_t *lenp,
				  loff_t *ppos)
{
	struct rdsz_net *rn = container_of(table->data, struct rdsz_net, sysctl.histograms);
	int err = proc_dointvec_minmax(table, write, buffer, lenp, ppos);

	if (err || !write)
		return err;
	err = rdsz_hist_switch(rn, READ_ONCE(rn->sysctl.histograms));
	if (err)
		WRITE_ONCE(rn->sysctl.histograms, 0);
	return err;
}

/* max_paths: in-tree peers lose messages when they are told another number than 1 or 8. */
static int rdsz_sysctl_max_paths(rdsz_ctl_table_t *table, int write, void *buffer, size_t *lenp,
				 loff_t *ppos)
{
	int value = READ_ONCE(*(int *)table->data);
	struct ctl_table copy = *table;
	int err;

	copy.data = &value;
	err = proc_dointvec(&copy, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	if (value != 1 && value != RDSZ_MAX_LANES)
		return -EINVAL;
	WRITE_ONCE(*(int *)table->data, value);
	return 0;
}

/* idle_ms: the worker may be asleep for long, or for good. */
static int rdsz_sysctl_idle(rdsz_ctl_table_t *table, int write, void *buffer, size_t *lenp,
			    loff_t *ppos)
{
	struct rdsz_net *rn = container_of(table->data, struct rdsz_net, sysctl.idle_ms);
	int err = proc_dointvec_minmax(table, write, buffer, lenp, ppos);

	if (!err && write)
		rdsz_idle_changed(rn);
	return err;
}

/* rcv_mem_max: whoever stopped reading from TCP may go on. */
static int rdsz_sysctl_rcv_mem(rdsz_ctl_table_t *table, int write, void *buffer, size_t *lenp,
			       loff_t *ppos)
{
	struct rdsz_net *rn = container_of(table->data, struct rdsz_net, sysctl.rcv_mem_max);
	int err = proc_doulongvec_minmax(table, write, buffer, lenp, ppos);

	if (!err && write)
		rdsz_recv_resume(rn);
	return err;
}

/* A number of struct rdsz_sysctl, with a handler of its own. */
#define RDSZ_SYSCTL(field, handler, min, max) \
	{ \
		.procname	= #field, \
		.data		= (void *)offsetof(struct rdsz_net, sysctl.field), \
		.maxlen		= sizeof_field(struct rdsz_sysctl, field), \
		.mode		= 0644, \
		.proc_handler	= (handler), \
		.extra1		= (min), \
		.extra2		= (max), \
	}

#define RDSZ_SYSCTL_INT(field, min, max) RDSZ_SYSCTL(field, proc_dointvec_minmax, min, max)

/* .data holds the offset in struct rdsz_net until a namespace makes its own copy. */
static const struct ctl_table rdsz_sysctl_template[] = {
	RDSZ_SYSCTL(tcp_port, rdsz_sysctl_listen, &rdsz_one, &rdsz_max_port),
	RDSZ_SYSCTL(tcp_listen, rdsz_sysctl_listen, &rdsz_zero, &rdsz_two),
	RDSZ_SYSCTL(rcv_mem_max, rdsz_sysctl_rcv_mem, NULL, NULL),
	{
		.procname	= "accept_from",
		.data		= (void *)offsetof(struct rdsz_net, accept_from),
		.maxlen		= RDSZ_PREFIXES_TEXT,
		.mode		= 0644,
		.proc_handler	= rdsz_sysctl_prefixes,
	},
	RDSZ_SYSCTL(tcp_sndbuf, rdsz_sysctl_buffer, &rdsz_one, NULL), /* tells the two apart */
	RDSZ_SYSCTL(tcp_rcvbuf, rdsz_sysctl_buffer, NULL, NULL),
	RDSZ_SYSCTL(histograms, rdsz_sysctl_histograms, &rdsz_zero, &rdsz_one),
	RDSZ_SYSCTL(idle_ms, rdsz_sysctl_idle, &rdsz_zero, &rdsz_max_idle_ms),
	RDSZ_SYSCTL(max_paths, rdsz_sysctl_max_paths, NULL, NULL),
	RDSZ_SYSCTL_INT(gather_us, &rdsz_zero, &rdsz_max_gather_us),
	RDSZ_SYSCTL_INT(max_completions, &rdsz_one, &rdsz_max_cookies),
	RDSZ_SYSCTL_INT(pin_hold_ms, &rdsz_one, &rdsz_max_ms),
	RDSZ_SYSCTL_INT(stall_ms, &rdsz_one, &rdsz_max_ms),
	RDSZ_SYSCTL_INT(zc_threshold, &rdsz_zero, &rdsz_max_threshold),
	RDSZ_SYSCTL_INT(ping_enable, &rdsz_zero, &rdsz_one),
	RDSZ_SYSCTL_INT(pending_max, &rdsz_one, &rdsz_max_pending),
	RDSZ_SYSCTL_INT(pending_per_peer, &rdsz_one, &rdsz_max_pending),
	RDSZ_SYSCTL_INT(pending_ms, &rdsz_one, &rdsz_max_ms),
	RDSZ_SYSCTL_INT(ping_rate, &rdsz_min_ping_rate, &rdsz_max_ping_rate),
	RDSZ_SYSCTL_INT(keepalive_idle, &rdsz_one, &rdsz_max_keepalive_s),
	RDSZ_SYSCTL_INT(keepalive_interval, &rdsz_one, &rdsz_max_keepalive_s),
	RDSZ_SYSCTL_INT(keepalive_count, &rdsz_one, &rdsz_max_keepalive_count),
	RDSZ_SYSCTL_INT(reconnect_min_delay_ms, &rdsz_one, &rdsz_max_ms),
	RDSZ_SYSCTL_INT(reconnect_max_delay_ms, &rdsz_one, &rdsz_max_ms),
	RDSZ_SYSCTL_INT(max_unacked_packets, &rdsz_zero, &rdsz_max_int),
	RDSZ_SYSCTL_INT(max_unacked_bytes, &rdsz_zero, &rdsz_max_int),
	{ }	/* counted by kernels that need an end mark, see compat */
};

static void rdsz_sysctl_defaults(struct rdsz_sysctl *s)
{
	unsigned long quarter = totalram_pages() / 4 << PAGE_SHIFT;

	s->tcp_port = RDSZ_TCP_PORT;
	s->tcp_listen = 2;
	s->max_completions = 65536;
	s->pin_hold_ms = 10000;
	s->stall_ms = 30000;
	s->zc_threshold = 16384;
	s->ping_enable = 1;
	s->gather_us = 200;
	s->idle_ms = 600 * 1000;
	s->pending_max = 1024;
	s->pending_per_peer = 64;
	s->pending_ms = 5000;
	s->ping_rate = 1000;
	s->keepalive_idle = 5;
	s->keepalive_interval = 5;
	s->keepalive_count = 5;
	s->max_paths = RDSZ_MAX_LANES;
	s->reconnect_min_delay_ms = 1;
	s->reconnect_max_delay_ms = 1000;
	s->max_unacked_packets = 8;
	s->max_unacked_bytes = 16777216;
	s->histograms = 0;
	s->rcv_mem_max = clamp(quarter, 64UL << 20, 1UL << 30);
}

/*
 * Stock rds-tools built for a dynamic family look the numbers up in /proc/sys/net/rds. While
 * in-tree RDS is loaded that folder is its own, and there is nothing to look up.
 */
static int rdsz_names_values[2];
static struct ctl_table rdsz_names_table[] = {
	{
		.procname	= "pf_rds",
		.data		= &rdsz_names_values[0],
		.maxlen		= sizeof(int),
		.mode		= 0444,
		.proc_handler	= proc_dointvec,
	},
	{
		.procname	= "sol_rds",
		.data		= &rdsz_names_values[1],
		.maxlen		= sizeof(int),
		.mode		= 0444,
		.proc_handler	= proc_dointvec,
	},
	{ }
};

/* Before the first namespace is set up: it and all others will show the numbers. */
void rdsz_sysctl_publish(int family)
{
	rdsz_names_values[0] = family;
	rdsz_names_values[1] = SOL_RDS;
}

static void rdsz_sysctl_init_names(struct rdsz_net *rn)
{
	if (rdsz_names_values[0])
		rn->names_header = rdsz_register_net_sysctl(rn->net, "net/rds", rdsz_names_table,
							    ARRAY_SIZE(rdsz_names_table) - 1);
}

int rdsz_sysctl_init(struct rdsz_net *rn)
{
	const int nr = ARRAY_SIZE(rdsz_sysctl_template) - 1;
	struct ctl_table *table;
	int i;

	rdsz_sysctl_defaults(&rn->sysctl);
	table = kmemdup(rdsz_sysctl_template, sizeof(rdsz_sysctl_template), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		table[i].data = (void *)rn + (unsigned long)table[i].data;
	rn->sysctl_header = rdsz_register_net_sysctl(rn->net, "net/rds_zc", table, nr);
	if (!rn->sysctl_header) {
		kfree(table);
		return -ENOMEM;
	}
	rn->sysctl_table = table;
	rdsz_sysctl_init_names(rn);
	return 0;
}

void rdsz_sysctl_exit(struct rdsz_net *rn)
{
	if (rn->names_header)
		unregister_net_sysctl_table(rn->names_header);
	unregister_net_sysctl_table(rn->sysctl_header);
	kfree(rn->sysctl_table);
	rdsz_hist_switch(rn, false);
}
