// SPDX-License-Identifier: GPL-2.0
/*
 * completion.c - cookies on their way back to the sender.
 *
 * A cookie means: the buffer is yours again. It never means "delivered". Exactly one comes back for
 * each message sent with a cookie, and none for a send that failed. It may be there before sendmsg
 * returns (the payload was copied), and it is never there while the message could still be read
 * from the user's pages by us, by TCP, or by a reader on this host: the record hangs on the
 * payload, and the payload's last put is what makes it ready.
 *
 * Room is reserved at send time, so that nothing can fail when a message completes in softirq.
 * Batches are made when somebody reads. There is one ready list per verdict, so that verdicts which
 * alternate still make long runs; order holds within each. A queue outlives its socket: records
 * that become ready after close() are freed unseen.
 */
#include <linux/errqueue.h>
#include <linux/slab.h>

#include "errqueue.h"
#include "rdsz.h"
#include "trace.h"

static struct rdsz_cq *rdsz_cq_alloc(struct rdsz_sock *rs)
{
	struct rdsz_cq *cq = kzalloc(sizeof(*cq), GFP_KERNEL_ACCOUNT);
	int i;

	if (!cq)
		return NULL;
	refcount_set(&cq->refs, 1);
	spin_lock_init(&cq->lock);
	cq->sk = &rs->sk;
	refcount_inc(&rs->rn->refs);
	cq->rn = rs->rn;
	for (i = 0; i < RDSZ_VERDICTS; i++)
		INIT_LIST_HEAD(&cq->ready[i]);
	return cq;
}

/* Any context up to softirq. NULL is no queue. */
void rdsz_cq_put(struct rdsz_cq *cq)
{
	if (!cq || !refcount_dec_and_test(&cq->refs))
		return;
	rdsz_net_put(cq->rn);
	kfree(cq);
}

/**
 * rdsz_cq_need() - the queue of a socket that sends with a cookie, made by its first such message
 * @rs: sender
 *
 * Context: process, may sleep; several threads may come at once, and one of them makes it.
 * Return: the queue, which stays as long as the socket, or NULL: no memory.
 */
struct rdsz_cq *rdsz_cq_need(struct rdsz_sock *rs)
{
	struct rdsz_cq *cq = READ_ONCE(rs->cq), *other;

	if (cq)
		return cq;
	cq = rdsz_cq_alloc(rs);
	if (!cq)
		return NULL;
	other = cmpxchg(&rs->cq, NULL, cq);
	if (!other)
		return cq;
	rdsz_cq_put(cq);
	return other;
}

static void rdsz_completion_free(struct rdsz_completion *c)
{
	rdsz_cq_put(c->cq);
	kfree(c);
}

static void rdsz_completions_free(struct list_head *list)
{
	struct rdsz_completion *c, *next;

	list_for_each_entry_safe(c, next, list, node)
		rdsz_completion_free(c);
}

/* The socket is closed: what is ready goes, what is pending will find nobody. */
void rdsz_cq_close(struct rdsz_sock *rs)
{
	struct rdsz_cq *cq = rs->cq;
	LIST_HEAD(unread);
	int i;

	if (!cq)
		return;
	spin_lock_bh(&cq->lock);
	cq->sk = NULL;
	for (i = 0; i < RDSZ_VERDICTS; i++) {
		list_splice_tail_init(&cq->ready[i], &unread);
		cq->nr_ready[i] = 0;
	}
	spin_unlock_bh(&cq->lock);
	rdsz_completions_free(&unread);
}

static u32 rdsz_cq_unread(const struct rdsz_cq *cq)
{
	return READ_ONCE(cq->nr_ready[RDSZ_ZEROCOPIED]) + READ_ONCE(cq->nr_ready[RDSZ_COPIED]);
}

/* Is there a cookie to read? Any context. */
bool rdsz_cq_readable(const struct rdsz_sock *rs)
{
	const struct rdsz_cq *cq = READ_ONCE(rs->cq);

	return cq && rdsz_cq_unread(cq) != 0;
}

static bool rdsz_cq_is_full(const struct rdsz_cq *cq, int max)
{
	return READ_ONCE(cq->nr_pending) + rdsz_cq_unread(cq) >= max;
}

/* Are @max records pending or unread? Any context. */
bool rdsz_cq_full(const struct rdsz_sock *rs, int max)
{
	const struct rdsz_cq *cq = READ_ONCE(rs->cq);

	return cq && rdsz_cq_is_full(cq, max);
}

/**
 * rdsz_completion_reserve() - a record for a message that is about to be sent
 * @cq: queue of the sender
 * @cookie: what the sender calls the message
 * @max: limit of outstanding plus unread records
 *
 * Return: the record, or ERR_PTR: -ENOMEM; -EAGAIN: the limit is reached and unread ones wait, the
 *	sender must reap; -EBUSY: it is reached, and only waiting helps.
 */
struct rdsz_completion *rdsz_completion_reserve(struct rdsz_cq *cq, u32 cookie, int max)
{
	struct rdsz_completion *c = kmalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);
	int err = 0;

	if (!c)
		return ERR_PTR(-ENOMEM);
	spin_lock_bh(&cq->lock);
	if (rdsz_cq_is_full(cq, max))
		err = rdsz_cq_unread(cq) ? -EAGAIN : -EBUSY;
	else
		cq->nr_pending++;
	spin_unlock_bh(&cq->lock);
	if (err) {
		kfree(c);
		return ERR_PTR(err);
	}
	refcount_inc(&cq->refs);
	c->cq = cq;
	c->cookie = cookie;
	c->stamp = rdsz_hist_stamp(cq->rn);
	return c;
}

/* The send failed: no cookie comes back. */
void rdsz_completion_cancel(struct rdsz_completion *c)
{
	struct rdsz_cq *cq = c->cq;

	spin_lock_bh(&cq->lock);
	cq->nr_pending--;
	spin_unlock_bh(&cq->lock);
	rdsz_sock_wake(rdsz_sk(cq->sk), EPOLLOUT | EPOLLWRNORM);
	rdsz_completion_free(c);
}

/**
 * rdsz_completion_done() - the buffer is the sender's again
 * @c: record; it belongs to the queue from here on
 * @copied: the verdict
 * @wakes: who is woken when the caller is done; NULL: its reader is woken now
 *
 * Context: any up to softirq.
 */
void rdsz_completion_done(struct rdsz_completion *c, bool copied, struct rdsz_wakes *wakes)
{
	enum rdsz_verdict verdict = copied ? RDSZ_COPIED : RDSZ_ZEROCOPIED;
	struct rdsz_cq *cq = c->cq;
	struct sock *sk;

	rdsz_stat_inc(cq->rn, zc_completed);
	if (copied)
		rdsz_stat_inc(cq->rn, zc_completed_copied);
	trace_rds_zc_completion(cq->rn, c->cookie, copied);
	rdsz_hist_add(cq->rn, RDSZ_HIST_send_to_reusable, c->stamp);
	c->stamp = rdsz_hist_stamp(cq->rn);
	spin_lock_bh(&cq->lock);
	cq->nr_pending--;
	sk = cq->sk;
	if (sk) {
		list_add_tail(&c->node, &cq->ready[verdict]);
		WRITE_ONCE(cq->nr_ready[verdict], cq->nr_ready[verdict] + 1);
		sock_hold(sk);
	}
	spin_unlock_bh(&cq->lock);
	if (sk)
		rdsz_wake_later(wakes, rdsz_sk(sk), EPOLLERR | EPOLLIN | EPOLLRDNORM);
	else
		rdsz_completion_free(c);
}

/* Detach up to @max of the oldest records of one verdict. */
static u32 rdsz_cq_take_run(struct rdsz_cq *cq, enum rdsz_verdict v, u32 max, struct list_head *out)
	__must_hold(&cq->lock)
{
	u32 n = 0;

	lockdep_assert_held(&cq->lock);
	while (n < max && !list_empty(&cq->ready[v])) {
		list_move_tail(cq->ready[v].next, out);
		n++;
	}
	WRITE_ONCE(cq->nr_ready[v], cq->nr_ready[v] - n);
	return n;
}

/* They go back to where they came from, as if nobody had taken them. */
static void rdsz_cq_untake_run(struct rdsz_cq *cq, enum rdsz_verdict v, struct list_head *list)
	__must_hold(&cq->lock)
{
	u32 n = 0;
	struct list_head *pos;

	lockdep_assert_held(&cq->lock);
	list_for_each(pos, list)
		n++;
	list_splice_init(list, &cq->ready[v]);
	WRITE_ONCE(cq->nr_ready[v], cq->nr_ready[v] + n);
}

/* ---- taking and looking, as compat/errqueue.c asks for them; the cmsg form uses the same ---- */

static enum rdsz_verdict rdsz_verdict_of(const struct rdsz_errqueue_batch *batch)
{
	return batch->code ? RDSZ_COPIED : RDSZ_ZEROCOPIED;
}

/* The run to be read next: the zerocopied ones first. */
static enum rdsz_verdict rdsz_cq_next_run(const struct rdsz_cq *cq,
					  struct rdsz_errqueue_batch *batch)
	__must_hold(&cq->lock)
{
	enum rdsz_verdict v = cq->nr_ready[RDSZ_ZEROCOPIED] ? RDSZ_ZEROCOPIED : RDSZ_COPIED;

	lockdep_assert_held(&cq->lock);
	batch->total = cq->nr_ready[v];
	batch->code = v == RDSZ_COPIED ? SO_EE_CODE_ZEROCOPY_COPIED : 0;
	return v;
}

static u32 rdsz_cq_source_peek(void *priv, u32 *cookies, u32 max,
			       struct rdsz_errqueue_batch *batch)
{
	struct rdsz_cq *cq = ((struct rdsz_sock *)priv)->cq;
	struct rdsz_completion *c;
	enum rdsz_verdict v;
	u32 n = 0;

	spin_lock_bh(&cq->lock);
	v = rdsz_cq_next_run(cq, batch);
	list_for_each_entry(c, &cq->ready[v], node) {
		if (n == max)
			break;
		cookies[n++] = c->cookie;
	}
	spin_unlock_bh(&cq->lock);
	return n;
}

static u32 rdsz_cq_source_take(void *priv, u32 max, struct list_head *out,
			       struct rdsz_errqueue_batch *batch)
{
	struct rdsz_cq *cq = ((struct rdsz_sock *)priv)->cq;
	u32 n;

	spin_lock_bh(&cq->lock);
	n = rdsz_cq_take_run(cq, rdsz_cq_next_run(cq, batch), max, out);
	spin_unlock_bh(&cq->lock);
	return n;
}

static u32 rdsz_cq_source_cookie(const struct list_head *record)
{
	return list_entry(record, struct rdsz_completion, node)->cookie;
}

static void rdsz_cq_source_untake(void *priv, struct list_head *records,
				  const struct rdsz_errqueue_batch *batch)
{
	struct rdsz_sock *rs = priv;

	spin_lock_bh(&rs->cq->lock);
	rdsz_cq_untake_run(rs->cq, rdsz_verdict_of(batch), records);
	spin_unlock_bh(&rs->cq->lock);
	rdsz_sock_wake(rs, EPOLLERR | EPOLLIN | EPOLLRDNORM);
}

/* They were read: there is room for new ones. */
static void rdsz_cq_source_done(void *priv, struct list_head *records)
{
	struct rdsz_completion *c;

	if (rdsz_hist_measures())
		list_for_each_entry(c, records, node)
			rdsz_hist_add(c->cq->rn, RDSZ_HIST_reusable_to_read, c->stamp);
	rdsz_completions_free(records);
	rdsz_sock_wake(priv, EPOLLOUT | EPOLLWRNORM);
}

/* ---- the cmsg form ---- */

/* Look only: nothing is taken, so no other reader or poller sees an empty queue meanwhile. */
static int rdsz_cq_peek_cmsg(struct rdsz_sock *rs, struct msghdr *msg)
{
	struct rds_zcopy_cookies cookies = {};
	struct rdsz_errqueue_batch batch;
	int err;

	cookies.num = rdsz_cq_source_peek(rs, cookies.cookies, ARRAY_SIZE(cookies.cookies), &batch);
	if (!cookies.num)
		return 0;
	err = put_cmsg(msg, SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION, sizeof(cookies), &cookies);
	return err ?: 1;
}

static int rdsz_cq_take_cmsg(struct rdsz_sock *rs, struct msghdr *msg)
{
	struct rds_zcopy_cookies cookies = {};
	struct rdsz_errqueue_batch batch;
	struct rdsz_completion *c;
	LIST_HEAD(taken);
	int err;

	if (!rdsz_cq_source_take(rs, ARRAY_SIZE(cookies.cookies), &taken, &batch))
		return 0;
	list_for_each_entry(c, &taken, node)
		cookies.cookies[cookies.num++] = c->cookie;
	err = put_cmsg(msg, SOL_RDS, RDS_CMSG_ZCOPY_COMPLETION, sizeof(cookies), &cookies);
	if (err)
		rdsz_cq_source_untake(rs, &taken, &batch);
	else
		rdsz_cq_source_done(rs, &taken);
	return err ?: 1;
}

/**
 * rdsz_cq_put_cmsgs() - cookies as control messages, up to eight each, as many as there is room for
 * @rs: reader
 * @msg: where to
 * @flags: of recvmsg; with MSG_PEEK one control message, and nothing is taken
 *
 * Context: process.
 * Return: how many control messages; -EFAULT if the first failed. The cookies of a failed one stay.
 */
int rdsz_cq_put_cmsgs(struct rdsz_sock *rs, struct msghdr *msg, int flags)
{
	int n = 0;

	while (rdsz_cq_readable(rs)) {
		int put;

		if (!rdsz_cmsg_fits(msg, sizeof(struct rds_zcopy_cookies))) {
			if (!n)
				rdsz_stat_inc(rs->rn, zc_cmsg_no_room);
			break;
		}
		put = flags & MSG_PEEK ? rdsz_cq_peek_cmsg(rs, msg) : rdsz_cq_take_cmsg(rs, msg);
		if (put <= 0)
			return n ?: put;
		n++;
		if (flags & MSG_PEEK)
			break;
	}
	return n;
}

/* ---- the error queue form ---- */

static const struct rdsz_errqueue_source rdsz_cq_source = {
	.peek	= rdsz_cq_source_peek,
	.take	= rdsz_cq_source_take,
	.cookie	= rdsz_cq_source_cookie,
	.untake	= rdsz_cq_source_untake,
	.done	= rdsz_cq_source_done,
};

/**
 * rdsz_cq_recv_errqueue() - recvmsg(MSG_ERRQUEUE)
 * @rs: reader
 * @msg: where to
 * @len: bytes of its buffer
 * @flags: of recvmsg
 *
 * Never blocks. A socket in the cmsg mode has nothing here.
 */
int rdsz_cq_recv_errqueue(struct rdsz_sock *rs, struct msghdr *msg, size_t len, int flags)
{
	if (!READ_ONCE(rs->cq) || READ_ONCE(rs->completion_mode) == RDSZC_COMPLETION_CMSG)
		return -EAGAIN;
	return rdsz_errqueue_recv(msg, len, flags, &rdsz_cq_source, rs);
}
