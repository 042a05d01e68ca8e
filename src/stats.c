// SPDX-License-Identifier: GPL-2.0
/*
 * stats.c - reads the counters, and shows them in /proc/net/rds_zc/stats.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "rdsz.h"

static const char * const rdsz_stat_names[RDSZ_STAT_MAX] = {
#define RDSZ_STAT_NAME(name, meaning) [RDSZ_STAT_##name] = #name,
	RDSZ_STATS_RDS(RDSZ_STAT_NAME)
	RDSZ_STATS_OWN(RDSZ_STAT_NAME)
#undef RDSZ_STAT_NAME
};

static const char * const rdsz_stat_meanings[RDSZ_STAT_MAX] = {
#define RDSZ_STAT_MEANING(name, meaning) [RDSZ_STAT_##name] = (meaning),
	RDSZ_STATS_RDS(RDSZ_STAT_MEANING)
	RDSZ_STATS_OWN(RDSZ_STAT_MEANING)
#undef RDSZ_STAT_MEANING
};

const char *rdsz_stat_meaning(enum rdsz_stat stat)
{
	return rdsz_stat_meanings[stat];
}

const char *rdsz_stat_name(enum rdsz_stat stat)
{
	return rdsz_stat_names[stat];
}

/**
 * rdsz_stat_read() - sum of one counter over all CPUs, offline ones too
 * @rn: namespace
 * @stat: which
 */
u64 rdsz_stat_read(const struct rdsz_net *rn, enum rdsz_stat stat)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(rn->stats, cpu)->v[stat]);
	return sum;
}

static int rdsz_stats_show(struct seq_file *seq, void *v)
{
	struct rdsz_net *rn = rdsz_net_of(seq_file_single_net(seq));
	int i;

	for (i = 0; i < RDSZ_STAT_MAX; i++)
		seq_printf(seq, "%s %llu\n", rdsz_stat_names[i], rdsz_stat_read(rn, i));
	return 0;
}

int rdsz_proc_init(struct rdsz_net *rn)
{
	struct proc_dir_entry *dir = proc_net_mkdir(rn->net, "rds_zc", rn->net->proc_net);

	if (!dir)
		return -ENOMEM;
	if (!proc_create_net_single("stats", 0444, dir, rdsz_stats_show, NULL)) {
		rdsz_proc_exit(rn);
		return -ENOMEM;
	}
	return 0;
}

void rdsz_proc_exit(struct rdsz_net *rn)
{
	remove_proc_subtree("rds_zc", rn->net->proc_net);
}
