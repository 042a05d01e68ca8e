// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_zc_errqueue.c - zerocopy sends as any user of TCP makes them: MSG_ZEROCOPY and the error
 * queue. For 5.10, whose TCP takes no completion of ours.
 *
 * Objects. TCP numbers the send calls of a socket that took bytes. For each, a struct rdsz_zc_lent
 * with the number it will get waits in rdsz_zc_sock.lent, in order, and holds one reference on the
 * rdsz_zc. TCP reports ranges of numbers by an skb on sk_error_queue and a call of sk_error_report;
 * our hook there takes both lists apart. An rdsz_zc_sock is found by its sock, in a hash table.
 *
 * Life. What TCP reports from has a reference on the sock, so every call of the hook is over before
 * sk_destruct is called, which is hooked too. TCP drops reports once the socket is closed
 * (SOCK_DEAD), so the hook of sk_destruct is the first moment when the rest is known to be free: no
 * skb with user pages is left then, for each holds the sock. There the rdsz_zc_sock ends. Neither
 * hook is ever taken out; rdsz_zc_sock_detach() cuts only the way back to the caller.
 *
 * Locks. @lock covers the fields, and a caller of wake() holds it, so that nobody is woken after
 * detach. release() is called without it.
 *
 * Contexts. Hooks: up to softirq, perhaps with the lock of the TCP socket held, which is never
 * taken. Sends: kernel threads only. 5.10 insists on process context, and the sender is charged for
 * the pages by TCP, which costs a kernel thread nothing and a user a second charge.
 */
#include <linux/errqueue.h>
#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <net/sock.h>

#include "tcp_zc.h"

#if !RDSZ_ZC_BY_UBUF

/**
 * struct rdsz_zc_lent - pages that one send call gave to TCP
 * @node: in rdsz_zc_sock.lent
 * @zc: holds a reference
 * @id: number of the call
 */
struct rdsz_zc_lent {
	struct list_head	node;
	struct rdsz_zc		*zc;
	u32			id;
};

/**
 * struct rdsz_zc_sock - zerocopy state of a TCP socket
 * @node: in rdsz_zc_socks
 * @rcu: for readers of the table
 * @sk: the socket; no reference, for it holds us by its destructor
 * @error_report: the socket's own hook, chained
 * @destruct: the socket's own hook, chained
 * @lock: covers all below; softirq
 * @wake: whom to tell that TCP can take more; NULL once detached
 * @arg: its argument
 * @starved: somebody waits for wake()
 * @reports: how many TCP has made
 * @next_id: number of the next call that takes bytes
 * @lent: struct rdsz_zc_lent in the order of their numbers
 */
struct rdsz_zc_sock {
	struct hlist_node	node;
	struct rcu_head		rcu;
	struct sock		*sk;
	void			(*error_report)(struct sock *sk);
	void			(*destruct)(struct sock *sk);

	spinlock_t		lock;
	void			(*wake)(void *arg);
	void			*arg;
	bool			starved;
	u32			reports;
	u32			next_id;
	struct list_head	lent;
};

static DEFINE_HASHTABLE(rdsz_zc_socks, 8);
static DEFINE_SPINLOCK(rdsz_zc_socks_lock);

/* Of a socket that is hooked, and not yet past its destructor; under RCU. */
static struct rdsz_zc_sock *rdsz_zc_sock_of(const struct sock *sk)
{
	struct rdsz_zc_sock *zs;

	hash_for_each_possible_rcu(rdsz_zc_socks, zs, node, (unsigned long)sk)
		if (zs->sk == sk)
			return zs;
	return NULL;
}

/* Drop the references of calls that are in no list of a socket any more. */
static void rdsz_zc_return(struct list_head *done)
{
	struct rdsz_zc_lent *lent, *next;

	list_for_each_entry_safe(lent, next, done, node) {
		rdsz_zc_put(lent->zc);
		kfree(lent);
	}
}

/* Calls @lo to @hi are done. */
static void rdsz_zc_reported(struct rdsz_zc_sock *zs, u32 lo, u32 hi, bool copied)
{
	struct rdsz_zc_lent *lent, *next;
	LIST_HEAD(done);

	spin_lock_bh(&zs->lock);
	list_for_each_entry_safe(lent, next, &zs->lent, node) {
		if ((s32)(lent->id - hi) > 0)
			break;
		if ((s32)(lent->id - lo) < 0)
			continue;
		if (copied)
			WRITE_ONCE(lent->zc->copied, true);
		list_move_tail(&lent->node, &done);
	}
	zs->reports++;
	if (zs->starved && zs->wake) {
		zs->starved = false;
		zs->wake(zs->arg);
	}
	spin_unlock_bh(&zs->lock);
	rdsz_zc_return(&done);
}

/*
 * Take what TCP has reported. Not by sock_dequeue_err_skb(), which calls sk_error_report again for
 * each further report, and so would call us from within ourselves. The skb goes first: it is what
 * TCP counts against optmem_max, and whoever is woken by the report needs that room.
 */
static void rdsz_zc_drain(struct rdsz_zc_sock *zs)
{
	struct sk_buff *skb;

	while ((skb = skb_dequeue(&zs->sk->sk_error_queue))) {
		struct sock_extended_err ee = SKB_EXT_ERR(skb)->ee;

		kfree_skb(skb);
		if (ee.ee_origin == SO_EE_ORIGIN_ZEROCOPY)
			rdsz_zc_reported(zs, ee.ee_info, ee.ee_data,
					 ee.ee_code & SO_EE_CODE_ZEROCOPY_COPIED);
	}
}

/* Hook of sk_error_report. Real errors come this way too. */
static void rdsz_zc_error_report(struct sock *sk)
{
	void (*chained)(struct sock *sk) = NULL;
	struct rdsz_zc_sock *zs;

	rcu_read_lock();
	zs = rdsz_zc_sock_of(sk);
	if (!WARN_ON_ONCE(!zs)) {
		rdsz_zc_drain(zs);
		chained = zs->error_report;
	}
	rcu_read_unlock();
	if (chained)
		chained(sk);
}

/* Hook of sk_destruct: nothing refers to the socket any more, so TCP has none of our pages. */
static void rdsz_zc_destruct(struct sock *sk)
{
	struct rdsz_zc_sock *zs;

	rcu_read_lock();
	zs = rdsz_zc_sock_of(sk);
	if (!WARN_ON_ONCE(!zs)) {
		spin_lock_bh(&rdsz_zc_socks_lock);
		hash_del_rcu(&zs->node);
		spin_unlock_bh(&rdsz_zc_socks_lock);
		rdsz_zc_return(&zs->lent);
		if (zs->destruct)
			zs->destruct(sk);
		kfree_rcu(zs, rcu);
		rdsz_zc_uncount();
	}
	rcu_read_unlock();
}

/* These are described in tcp_zc_ubuf.c. */

bool rdsz_zc_needs_worker(void)
{
	return true;
}

void rdsz_zc_init(struct rdsz_zc *zc, void (*release)(struct rdsz_zc *zc))
{
	memset(zc, 0, sizeof(*zc));
	refcount_set(&zc->refs, 1);
	zc->release = release;
}

static void rdsz_zc_hook(struct rdsz_zc_sock *zs, struct sock *sk)
{
	spin_lock_bh(&rdsz_zc_socks_lock);
	hash_add_rcu(rdsz_zc_socks, &zs->node, (unsigned long)sk);
	spin_unlock_bh(&rdsz_zc_socks_lock);

	lock_sock(sk);
	zs->next_id = atomic_read(&sk->sk_zckey);
	sock_set_flag(sk, SOCK_ZEROCOPY);
	write_lock_bh(&sk->sk_callback_lock);
	zs->error_report = sk->sk_error_report;
	zs->destruct = sk->sk_destruct;
	sk->sk_error_report = rdsz_zc_error_report;
	sk->sk_destruct = rdsz_zc_destruct;
	write_unlock_bh(&sk->sk_callback_lock);
	release_sock(sk);
}

int rdsz_zc_sock_init(struct rdsz_zc_sock **zsp, struct sock *sk, void (*wake)(void *arg),
		      void *arg)
{
	struct rdsz_zc_sock *zs = kzalloc(sizeof(*zs), GFP_KERNEL);

	if (!zs)
		return -ENOMEM;
	zs->sk = sk;
	spin_lock_init(&zs->lock);
	zs->wake = wake;
	zs->arg = arg;
	INIT_LIST_HEAD(&zs->lent);
	atomic_inc(&rdsz_zc_outstanding);
	rdsz_zc_hook(zs, sk);
	*zsp = zs;
	return 0;
}

void rdsz_zc_sock_detach(struct rdsz_zc_sock *zs)
{
	spin_lock_bh(&zs->lock);
	zs->wake = NULL;
	spin_unlock_bh(&zs->lock);
}

/* Before the call, for its report may come while it still runs. Returns the reports so far. */
static u32 rdsz_zc_lend(struct rdsz_zc_sock *zs, struct rdsz_zc_lent *lent)
{
	u32 reports;

	spin_lock_bh(&zs->lock);
	lent->id = zs->next_id++;
	list_add_tail(&lent->node, &zs->lent);
	reports = zs->reports;
	spin_unlock_bh(&zs->lock);
	return reports;
}

/* The call took nothing: TCP will use its number again. */
static void rdsz_zc_unlend(struct rdsz_zc_sock *zs, struct rdsz_zc_lent *lent)
{
	spin_lock_bh(&zs->lock);
	list_del(&lent->node);
	zs->next_id--;
	spin_unlock_bh(&zs->lock);
}

/*
 * TCP had no room for another completion. If some are on their way, one of them will wake the
 * caller. If the last of them came meanwhile, there is room now: 0, try again. Else it is no matter
 * of time.
 */
static int rdsz_zc_starve(struct rdsz_zc_sock *zs, u32 reports)
{
	int ret = -EOPNOTSUPP;

	spin_lock_bh(&zs->lock);
	if (!list_empty(&zs->lent)) {
		zs->starved = true;
		ret = -ENOBUFS;
	} else if (zs->reports != reports) {
		ret = 0;
	}
	spin_unlock_bh(&zs->lock);
	return ret;
}

ssize_t rdsz_zc_sendmsg(struct rdsz_zc_sock *zs, struct rdsz_zc *zc, struct msghdr *msg, size_t len)
{
	struct sock *sk = zs->sk;
	struct rdsz_zc_lent *lent;
	int ret;

	if (!rdsz_zc_usable(sk))
		return -EOPNOTSUPP;
	if (!len)
		return 0;
	lent = kmalloc(sizeof(*lent), GFP_KERNEL);
	if (!lent)
		return -ENOMEM;
	rdsz_zc_count(zc);
	refcount_inc(&zc->refs);
	lent->zc = zc;
	iov_iter_truncate(&msg->msg_iter, len);
	msg->msg_flags |= MSG_ZEROCOPY | MSG_NOSIGNAL;
	do {
		u32 reports = rdsz_zc_lend(zs, lent);

		ret = sock_sendmsg(sk->sk_socket, msg);
		if (ret > 0)
			return ret;	/* and the report may have taken @lent already */
		rdsz_zc_unlend(zs, lent);
		if (ret == -ENOBUFS)
			ret = rdsz_zc_starve(zs, reports);
	} while (!ret);
	rdsz_zc_put(zc);
	kfree(lent);
	return ret;
}

#endif /* !RDSZ_ZC_BY_UBUF */
