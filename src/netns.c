// SPDX-License-Identifier: GPL-2.0
/*
 * netns.c - life and death of a namespace's state.
 *
 * Sockets hold their namespace, so none is left when a namespace exits. The listener and the TCP
 * connections hold no reference on it: they are closed here, with a reset, and nothing is waited
 * for that depends on a peer. Late completions of TCP count into rdsz_net, which they keep by
 * reference.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>	/* on 5.10 not complete in itself */

#include "rdsz.h"

static unsigned int rdsz_net_id;

/* NULL for those who hold neither a socket nor a file of the namespace, once it ends: under RCU. */
struct rdsz_net *rdsz_net_of(const struct net *net)
{
	return READ_ONCE(*(struct rdsz_net **)net_generic(net, rdsz_net_id));
}

void rdsz_net_put(struct rdsz_net *rn)
{
	if (!refcount_dec_and_test(&rn->refs))
		return;
	free_percpu(rn->stats);
	free_percpu(rn->hists);
	kfree(rn);
}

/**
 * rdsz_net_queue_work() - queue work of this namespace, unless the namespace ends
 * @rn: namespace
 * @work: of one of its paths
 *
 * After rdsz_net_exit() has set @dying and waited for an RCU period nothing is queued any more, so
 * work that was cancelled then stays cancelled.
 *
 * Context: any up to softirq.
 */
void rdsz_net_queue_work(struct rdsz_net *rn, struct work_struct *work)
{
	rcu_read_lock();
	if (!READ_ONCE(rn->dying))
		queue_work(rdsz_wq, work);
	rcu_read_unlock();
}

/* It waits for a time that is later; not for a thread that is about to run it. */
static bool rdsz_work_is_later(const struct delayed_work *work, unsigned long delay)
{
	return timer_pending(&work->timer) &&
		time_before(jiffies + delay, READ_ONCE(work->timer.expires));
}

/**
 * rdsz_net_queue_delayed_work() - the same for work that is to run later
 * @rn: namespace
 * @work: of the namespace or one of its paths
 * @delay: jiffies; work that is to run earlier still does
 *
 * Context: any up to softirq.
 */
void rdsz_net_queue_delayed_work(struct rdsz_net *rn, struct delayed_work *work,
				 unsigned long delay)
{
	rcu_read_lock();
	if (!READ_ONCE(rn->dying) && !queue_delayed_work(rdsz_wq, work, delay) &&
	    (!delay || rdsz_work_is_later(work, delay)))
		mod_delayed_work(rdsz_wq, work, delay);
	rcu_read_unlock();
}

/**
 * rdsz_net_hurry_work() - the same for work that is to run no later than that
 * @rn: namespace
 * @work: of the namespace or one of its paths
 * @delay: jiffies; work that was to run earlier waits as long, so nobody asks over and over
 *
 * Context: any up to softirq.
 */
void rdsz_net_hurry_work(struct rdsz_net *rn, struct delayed_work *work, unsigned long delay)
{
	rcu_read_lock();
	if (!READ_ONCE(rn->dying))
		mod_delayed_work(rdsz_wq, work, delay);
	rcu_read_unlock();
}

/**
 * rdsz_net_next_seq() - first sequence number of a new path
 * @rn: namespace
 *
 * Numbers grow over reboots, because they start at the wall clock (seconds, 2^24 numbers each), and
 * never repeat within a namespace's life even if the clock is set back.
 */
u64 rdsz_net_next_seq(struct rdsz_net *rn)
{
	u64 clock = (u64)ktime_get_real_seconds() << 24;
	u64 base = atomic64_read(&rn->seq_base);

	return max(clock, base + 1);
}

void rdsz_net_used_seq(struct rdsz_net *rn, u64 next_unused)
{
	s64 old = atomic64_read(&rn->seq_base);

	while (old < (s64)next_unused && !atomic64_try_cmpxchg(&rn->seq_base, &old, next_unused))
		;
}

static struct rdsz_net *rdsz_net_alloc(struct net *net)
{
	struct rdsz_net *rn = kzalloc(sizeof(*rn), GFP_KERNEL);

	if (!rn)
		return NULL;
	rn->stats = alloc_percpu(struct rdsz_stats);
	if (!rn->stats) {
		kfree(rn);
		return NULL;
	}
	refcount_set(&rn->refs, 1);
	rn->net = net;
	rn->inum = net->ns.inum;
	spin_lock_init(&rn->sock_lock);
	INIT_LIST_HEAD(&rn->socks);
	spin_lock_init(&rn->conn_lock);
	INIT_LIST_HEAD(&rn->conn_list);
	spin_lock_init(&rn->cong_lock);
	rn->maps = RB_ROOT;
	do {
		rn->gen_num = get_random_u32();
	} while (!rn->gen_num);
	rdsz_log_init(rn);
	rdsz_tcp_listen_init(rn);
	rdsz_pending_init(rn);
	rdsz_reap_init(rn);
	rdsz_idle_init(rn);
	return rn;
}

static int __net_init rdsz_net_init(struct net *net)
{
	struct rdsz_net *rn = rdsz_net_alloc(net);
	int err;

	if (!rn)
		return -ENOMEM;
	*(struct rdsz_net **)net_generic(net, rdsz_net_id) = rn;
	err = rdsz_bind_table_init(rn);
	if (err)
		goto err_free;
	err = rdsz_conn_table_init(rn);
	if (err)
		goto err_binds;
	err = rdsz_proc_init(rn);
	if (err)
		goto err_conns;
	err = rdsz_sysctl_init(rn);
	if (err)
		goto err_proc;
	return 0;

err_proc:
	rdsz_proc_exit(rn);
err_conns:
	rdsz_conn_table_exit(rn);
err_binds:
	rdsz_bind_table_exit(rn);
err_free:
	rdsz_net_put(rn);
	return err;
}

static void __net_exit rdsz_net_exit(struct net *net)
{
	struct rdsz_net *rn = rdsz_net_of(net);

	rdsz_sysctl_exit(rn);
	rdsz_proc_exit(rn);
	WRITE_ONCE(rn->dying, true);
	rdsz_tcp_listen_end(rn);
	WRITE_ONCE(*(struct rdsz_net **)net_generic(net, rdsz_net_id), NULL);
	synchronize_rcu();	/* see rdsz_net_queue_work(), rdsz_net_of(), and tcp_gate.c */
	rdsz_tcp_listen_stop(rn);
	rdsz_pending_exit(rn);
	rdsz_prefixes_exit(rn);
	cancel_delayed_work_sync(&rn->reap_work);
	rdsz_idle_exit(rn);
	rdsz_conn_table_exit(rn);
	rdsz_bind_table_exit(rn);
	rdsz_net_put(rn);
}

static struct pernet_operations rdsz_net_ops = {
	.init	= rdsz_net_init,
	.exit	= rdsz_net_exit,
	.id	= &rdsz_net_id,
	.size	= sizeof(struct rdsz_net *),
};

/*
 * A device operation: its exit runs while the interfaces are still there, so resets reach the peer.
 */
int rdsz_netns_init(void)
{
	return register_pernet_device(&rdsz_net_ops);
}

void rdsz_netns_exit(void)
{
	unregister_pernet_device(&rdsz_net_ops);
}
