// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_zc.c - what both forms of zerocopy sends share: the end of an object, and the end of the
 * module.
 *
 * Unloading. TCP calls functions of this module when it frees an skb, which may be long after its
 * socket was closed. No module reference is taken for that. Instead each object that TCP has seen
 * (and each hooked socket) counts in rdsz_zc_outstanding, and its last act, inside an RCU read
 * section, is to count itself out. Module exit waits for zero and then for those sections to end.
 */
#define pr_fmt(fmt) "rds_zc: " fmt

#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/wait_bit.h>
#include <net/dst.h>
#include <net/inet_connection_sock.h>
#include <net/sock.h>

#include "tcp_zc.h"

#define RDSZ_ZC_COMPLAIN	(10 * HZ)

atomic_t rdsz_zc_outstanding = ATOMIC_INIT(0);

/*
 * Does TCP tell of each skb that refers to the pages? Not of the one by which it probes for a
 * larger MTU: since 6.5 that is made of what is queued, its pages included, but without the
 * sender's ubuf_info. It is never copied for a reader on this host, who then reads what the sender
 * writes next. TCP probes from the start (sysctl 2), or once a connection has stalled (1): what was
 * lent before that may be in a probe, so nothing is lent where it might begin. Who writes the
 * sysctl while something is lent is not waited for.
 */
static bool rdsz_zc_hears_of_all(struct sock *sk)
{
	return !READ_ONCE(sock_net(sk)->ipv4.sysctl_tcp_mtu_probing) &&
		!inet_csk(sk)->icsk_mtup.enabled;
}

/*
 * Can the pages reach the device as they are? TCP asks only sk_route_caps, where software
 * segmentation counts as scatter-gather; behind it the pages are copied for a device that cannot
 * gather, and nobody is told. So ask the device of the route too. A bit that changes under us costs
 * the truth of a verdict, no more.
 */
static bool rdsz_zc_gathers(struct sock *sk)
{
	netdev_features_t caps = READ_ONCE(sk->sk_route_caps);
	const struct dst_entry *dst;

	rcu_read_lock();
	dst = __sk_dst_get(sk);
	if (dst)
		caps &= READ_ONCE(dst->dev)->features;
	rcu_read_unlock();
	return caps & NETIF_F_SG;
}

bool rdsz_zc_usable(struct sock *sk)
{
	return rdsz_zc_hears_of_all(sk) && rdsz_zc_gathers(sk);
}

/* TCP is about to see it; called by the sender only. */
void rdsz_zc_count(struct rdsz_zc *zc)
{
	if (zc->counted)
		return;
	zc->counted = true;
	atomic_inc(&rdsz_zc_outstanding);
}

/* The last touch of the module's data in a callback; inside an RCU read section. */
void rdsz_zc_uncount(void)
{
	if (atomic_dec_and_test(&rdsz_zc_outstanding))
		wake_up_var(&rdsz_zc_outstanding);
}

/**
 * rdsz_zc_put() - drop a reference
 * @zc: object; may be gone afterwards
 *
 * Says nothing about copied or not: who knows has set @copied before.
 *
 * Context: any up to softirq.
 */
void rdsz_zc_put(struct rdsz_zc *zc)
{
	rcu_read_lock();
	if (refcount_dec_and_test(rdsz_zc_refs(zc))) {
		bool counted = zc->counted;

		zc->release(zc);
		if (counted)
			rdsz_zc_uncount();
	}
	rcu_read_unlock();
}

/**
 * rdsz_zc_wait_idle() - wait until TCP will not call this module any more
 *
 * All sockets are closed, with a reset where the peer might not answer.
 *
 * Context: process, may sleep; module exit.
 */
void rdsz_zc_wait_idle(void)
{
	while (!wait_var_event_timeout(&rdsz_zc_outstanding, !atomic_read(&rdsz_zc_outstanding),
				       RDSZ_ZC_COMPLAIN))
		pr_warn("unloading waits for TCP to let go of %d sends or sockets\n",
			atomic_read(&rdsz_zc_outstanding));
	synchronize_rcu();
	/*
	 * A task preempted between the end of its read section and its return is still in our text.
	 */
	synchronize_rcu_tasks();
}
