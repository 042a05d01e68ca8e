// SPDX-License-Identifier: GPL-2.0
/*
 * rcvmem.c - charges unread messages to the memory cgroup of the socket they wait in.
 *
 * What arrives by TCP is allocated in softirq, for nobody in particular. Once a message is in a
 * queue its memory counts as socket memory of whoever made the socket (sk_memcg), like that of
 * other protocols. All that is charged for a socket stands in its sk_forward_alloc; it follows what
 * the queue holds in steps, so that not each message goes to the cgroup.
 *
 * The bytes are there and acknowledged when we ask, so a cgroup that is full cannot refuse them.
 * Then the port is congested until its queue fits again: peers of a kind heart stop, and others
 * meet rcv_mem_max.
 *
 * Messages of local senders are theirs: they were charged when they were sent.
 */
#include "proto_mem.h"
#include "rdsz.h"

#define RDSZ_CHARGE_STEP	(64 * 1024)
#define RDSZ_CHARGE_KEEP	(256 * 1024)	/* at most charged for nothing */
#define RDSZ_CHARGE_MAX		(1 << 30)	/* sk_forward_alloc is an int */

static void rdsz_rcvmem_charge(struct rdsz_sock *rs, int want)
	__must_hold(&rs->sk.sk_lock.slock)
{
	struct sock *sk = &rs->sk;
	int spare = sk->sk_forward_alloc - want;
	bool full = rs->rcv_cgroup_full && want, was_full = full;

	if (spare < 0) {
		/* In softirq some kernels refuse, others go over the limit. */
		full = !__sk_mem_schedule(sk, max(-spare, RDSZ_CHARGE_STEP), SK_MEM_RECV) ||
			rdsz_sk_cgroup_full(sk);
		if (full && !was_full)
			rdsz_stat_inc(rs->rn, recv_cgroup_full);
	} else if (spare >= (want && !full ? RDSZ_CHARGE_KEEP : (int)PAGE_SIZE)) {
		__sk_mem_reclaim(sk, spare);
		full = full && rdsz_sk_cgroup_full(sk);
	}
	rs->rcv_cgroup_full = full;
}

/*
 * The core's SO_RESERVE_MEM charges here, too, by lock_sock(). While it does, nothing follows; the
 * next message will.
 */
static void rdsz_rcvmem_adjust(struct rdsz_sock *rs)
	__must_hold(&rs->queue_lock)
{
	int want = min_t(u64, rs->rcv_foreign, RDSZ_CHARGE_MAX);
	struct sock *sk = &rs->sk;
	int spare = READ_ONCE(sk->sk_forward_alloc) - want;

	if (spare >= 0 && spare < (want ? RDSZ_CHARGE_KEEP : (int)PAGE_SIZE) &&
	    !rs->rcv_cgroup_full)
		return;
	bh_lock_sock(sk);
	if (!sock_owned_by_user(sk))
		rdsz_rcvmem_charge(rs, want);
	else if (!want)
		rs->rcv_cgroup_full = false;	/* no message would say so later */
	bh_unlock_sock(sk);
}

/* The socket ends: so does what was charged for nothing, and what was reserved. */
void rdsz_rcvmem_end(struct rdsz_sock *rs)
{
	if (rs->sk.sk_forward_alloc >= (int)PAGE_SIZE)
		__sk_mem_reclaim(&rs->sk, rs->sk.sk_forward_alloc);
}

/* A message came into the queue. */
void rdsz_rcvmem_add(struct rdsz_sock *rs, const struct rdsz_incoming *inc)
	__must_hold(&rs->queue_lock)
{
	lockdep_assert_held(&rs->queue_lock);
	if (inc->is_charged)
		return;
	rs->rcv_foreign += inc->mem;
	rdsz_rcvmem_adjust(rs);
}

/* A message was read. */
void rdsz_rcvmem_sub(struct rdsz_sock *rs, const struct rdsz_incoming *inc)
	__must_hold(&rs->queue_lock)
{
	lockdep_assert_held(&rs->queue_lock);
	if (inc->is_charged)
		return;
	rs->rcv_foreign -= inc->mem;
	rdsz_rcvmem_adjust(rs);
}
