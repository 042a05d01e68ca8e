// SPDX-License-Identifier: GPL-2.0
/*
 * hist.c - the histograms of a namespace: switching, counting, reading.
 */
#include <linux/bitops.h>
#include <linux/percpu.h>

#include "rdsz.h"

DEFINE_STATIC_KEY_FALSE(rdsz_hist_key);

static DEFINE_MUTEX(rdsz_hist_mutex);	/* covers hist_on and the allocation */

static const char * const rdsz_hist_names[RDSZ_HIST_MAX] = {
#define RDSZ_HIST_NAME(name, meaning) [RDSZ_HIST_##name] = #name,
	RDSZ_HISTS(RDSZ_HIST_NAME)
#undef RDSZ_HIST_NAME
};

static const char * const rdsz_hist_meanings[RDSZ_HIST_MAX] = {
#define RDSZ_HIST_MEANING(name, meaning) [RDSZ_HIST_##name] = (meaning),
	RDSZ_HISTS(RDSZ_HIST_MEANING)
#undef RDSZ_HIST_MEANING
};

const char *rdsz_hist_name(enum rdsz_hist hist)
{
	return rdsz_hist_names[hist];
}

const char *rdsz_hist_meaning(enum rdsz_hist hist)
{
	return rdsz_hist_meanings[hist];
}

u64 rdsz_hist_clock(const struct rdsz_net *rn)
{
	return READ_ONCE(rn->hist_on) ? local_clock() : 0;
}

/* Clocks of two CPUs may differ a little: a time that ran backwards counts as none. */
void rdsz_hist_record(struct rdsz_net *rn, enum rdsz_hist hist, u64 since)
{
	u64 now = local_clock();
	u64 ns = now > since ? now - since : 0;

	if (!smp_load_acquire(&rn->hist_on))	/* pairs with rdsz_hist_switch(): @hists is there */
		return;
	this_cpu_inc(rn->hists->counts[hist][min(fls64(ns), RDSZC_HIST_BUCKETS - 1)]);
	this_cpu_add(rn->hists->sum[hist], ns);
}

/**
 * rdsz_hist_switch() - start or stop measuring; what was counted stays
 * @rn: namespace
 * @on: start
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int rdsz_hist_switch(struct rdsz_net *rn, bool on)
{
	struct rdsz_hists __percpu *hists;
	int err = 0;

	mutex_lock(&rdsz_hist_mutex);
	if (on && !rn->hists) {
		hists = alloc_percpu(struct rdsz_hists);
		if (!hists)
			err = -ENOMEM;
		smp_store_release(&rn->hists, hists);	/* pairs with rdsz_hist_read(): zeroed */
	}
	if (!err && on != rn->hist_on) {
		smp_store_release(&rn->hist_on, on);	/* pairs with rdsz_hist_record() */
		if (on)
			static_branch_inc(&rdsz_hist_key);
		else
			static_branch_dec(&rdsz_hist_key);
	}
	mutex_unlock(&rdsz_hist_mutex);
	return err;
}

/**
 * rdsz_hist_read() - sum of one histogram over all CPUs
 * @rn: namespace
 * @hist: which
 * @out: where to; all 0 if it never was on
 */
void rdsz_hist_read(const struct rdsz_net *rn, enum rdsz_hist hist, struct rdsz_hist_sum *out)
{
	/* pairs with rdsz_hist_switch() */
	const struct rdsz_hists __percpu *hists = smp_load_acquire(&rn->hists);
	int cpu, i;

	memset(out, 0, sizeof(*out));
	if (!hists)
		return;
	for_each_possible_cpu(cpu) {
		const struct rdsz_hists *h = per_cpu_ptr(hists, cpu);

		out->sum += READ_ONCE(h->sum[hist]);
		for (i = 0; i < RDSZC_HIST_BUCKETS; i++)
			out->counts[i] += READ_ONCE(h->counts[hist][i]);
	}
	for (i = 0; i < RDSZC_HIST_BUCKETS; i++)
		out->count += out->counts[i];
}
