// SPDX-License-Identifier: GPL-2.0
/*
 * recvmsg.c - one message, or what waits beside the messages, to a user's buffer.
 *
 * Order of a call: error queue if asked for, congestion notification, data, cookies alone, the
 * error about a peer. A message is taken off the queue before it is copied, so two readers never
 * copy the same one; if a fault stops the copy or the control messages, it goes back to the head.
 * Who sleeps may have copied its beginning before, see ahead.c.
 * MSG_PEEK consumes nothing.
 */
#include <linux/rds.h>
#include <net/compat.h>

#include "ahead.h"
#include "payload.h"
#include "trace.h"

/**
 * rdsz_cmsg_fits() - is there room for a whole control message, padding included?
 * @msg: of the reader; 32-bit callers have a smaller header and alignment
 * @len: bytes of its data
 */
bool rdsz_cmsg_fits(const struct msghdr *msg, size_t len)
{
	size_t need = CMSG_SPACE(len);

#ifdef CONFIG_COMPAT
	if (msg->msg_flags & MSG_CMSG_COMPAT)
		need = sizeof(struct compat_cmsghdr) + ALIGN(len, sizeof(compat_int_t));
#endif
	return msg->msg_control && msg->msg_controllen >= need;
}

static struct rdsz_incoming *rdsz_recv_take(struct rdsz_sock *rs, bool peek)
{
	struct rdsz_incoming *inc;

	spin_lock_bh(&rs->queue_lock);
	inc = list_first_entry_or_null(&rs->recv_queue, struct rdsz_incoming, node);
	if (inc && peek)
		refcount_inc(&inc->refs);
	else if (inc)
		list_del_init(&inc->node);
	spin_unlock_bh(&rs->queue_lock);
	return inc;
}

static void rdsz_recv_untake(struct rdsz_sock *rs, struct rdsz_incoming *inc)
{
	spin_lock_bh(&rs->queue_lock);
	list_add(&inc->node, &rs->recv_queue);
	spin_unlock_bh(&rs->queue_lock);
	rdsz_sock_wake(rs, EPOLLIN | EPOLLRDNORM);
}

/* The reaper may swap the payload of a queued message: hold the one we read. */
static int rdsz_recv_copy(struct rdsz_sock *rs, struct rdsz_incoming *inc, struct msghdr *msg,
			  size_t len, struct rdsz_ahead *ahead)
{
	struct rdsz_payload *p = NULL;
	struct rdsz_cursor cursor;
	int err;

	rdsz_ahead_resume(ahead, inc, msg, &cursor);
	spin_lock_bh(&rs->queue_lock);
	if (inc->payload)
		p = rdsz_payload_get(inc->payload);
	spin_unlock_bh(&rs->queue_lock);
	if (!p)
		return rdsz_incoming_copy(inc, &cursor, &msg->msg_iter, len);
	err = rdsz_payload_to_iter(p, &msg->msg_iter, len);
	rdsz_payload_put(p);
	return err;
}

static void rdsz_recv_put_name(struct rdsz_sock *rs, struct rdsz_incoming *inc, struct msghdr *msg)
{
	struct rdsz_endpoint from = inc->from;
	struct sockaddr_storage ss;

	if (!msg->msg_name)
		return;
	if (rs->local.scope)
		from.scope = rs->local.scope;
	msg->msg_namelen = rdsz_addr_format(&ss, &from);
	memcpy(msg->msg_name, &ss, msg->msg_namelen);
}

static int rdsz_recv_put_timestamp(struct rdsz_sock *rs, struct rdsz_incoming *inc,
				   struct msghdr *msg)
{
	struct timespec64 ts = ktime_to_timespec64(inc->tstamp);
	struct __kernel_sock_timeval tv = {
		.tv_sec = ts.tv_sec,
		.tv_usec = ts.tv_nsec / NSEC_PER_USEC,
	};
	struct __kernel_old_timeval old;

	if (!inc->tstamp || !sock_flag(&rs->sk, SOCK_RCVTSTAMP))
		return 0;
	if (sock_flag(&rs->sk, SOCK_TSTAMP_NEW))
		return put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMP_NEW, sizeof(tv), &tv);
	old = ns_to_kernel_old_timeval(ktime_to_ns(inc->tstamp));
	return put_cmsg(msg, SOL_SOCKET, SO_TIMESTAMP_OLD, sizeof(old), &old);
}

/* Nanoseconds from one stage to the next, the last one being this call. */
static int rdsz_recv_put_latency(struct rdsz_sock *rs, struct rdsz_incoming *inc,
				 struct msghdr *msg)
{
	struct rds_cmsg_rx_trace trace = {};
	u64 now = local_clock();
	int i;

	trace.rx_traces = READ_ONCE(rs->rx_traces);
	if (!trace.rx_traces || !inc->stages[RDSZ_RX_QUEUED])
		return 0;
	for (i = 0; i < trace.rx_traces; i++) {
		u8 stage = READ_ONCE(rs->rx_trace_pos[i]);
		u64 end = stage == RDSZ_RX_QUEUED ? now : inc->stages[stage + 1];

		trace.rx_trace_pos[i] = stage;
		trace.rx_trace[i] = inc->stages[stage] && end > inc->stages[stage] ?
			end - inc->stages[stage] : 0;
	}
	return put_cmsg(msg, SOL_RDS, RDS_CMSG_RXPATH_LATENCY, sizeof(trace), &trace);
}

/* Data and all that rides along with it. Returns what recvmsg returns. */
static int rdsz_recv_message(struct rdsz_sock *rs, struct rdsz_incoming *inc, struct msghdr *msg,
			     size_t len, int flags, struct rdsz_ahead *ahead)
{
	size_t part = min_t(size_t, len, inc->len);
	int err;

	err = rdsz_recv_copy(rs, inc, msg, part, ahead);
	if (!err)
		err = rdsz_recv_put_timestamp(rs, inc, msg);
	if (!err)
		err = rdsz_recv_put_latency(rs, inc, msg);
	if (!err && READ_ONCE(rs->completion_mode) != RDSZC_COMPLETION_ERRQUEUE)
		err = min(rdsz_cq_put_cmsgs(rs, msg, flags), 0);
	if (err)
		return err;
	rdsz_recv_put_name(rs, inc, msg);
	if (part < inc->len)
		msg->msg_flags |= MSG_TRUNC;
	return flags & MSG_TRUNC ? inc->len : part;
}

static int rdsz_recv_data(struct rdsz_sock *rs, struct rdsz_incoming *inc, struct msghdr *msg,
			  size_t len, int flags, struct rdsz_ahead *ahead)
{
	int ret = rdsz_recv_message(rs, inc, msg, len, flags, ahead);

	if (!(flags & MSG_PEEK)) {
		if (ret < 0) {
			rdsz_recv_untake(rs, inc);
			return ret;
		}
		rdsz_recv_uncharge(rs, inc);
		rdsz_stat_inc(rs->rn, recv_delivered);
		rdsz_hist_add(rs->rn, RDSZ_HIST_recv_queue, inc->stages[RDSZ_RX_QUEUED]);
		trace_rds_zc_message(rs->rn, RDSZ_TRACE_READ, &inc->from, &rs->local, 0, inc->len);
		rdsz_stat_add(rs->rn, copy_to_user, min_t(size_t, len, inc->len));
	}
	rdsz_incoming_put(inc);
	return ret;
}

/* A congestion notification, alone. Without room for it, it waits, and data may pass. */
static bool rdsz_recv_congestion(struct rdsz_sock *rs, struct msghdr *msg, int flags, int *ret)
{
	u64 notify = READ_ONCE(rs->cong_notify);

	if (!notify)
		return false;
	if (!rdsz_cmsg_fits(msg, sizeof(notify))) {
		rdsz_stat_inc(rs->rn, cong_notify_no_room);
		return false;
	}
	*ret = put_cmsg(msg, SOL_RDS, RDS_CMSG_CONG_UPDATE, sizeof(notify), &notify);
	if (!*ret && !(flags & MSG_PEEK))
		rdsz_cong_take_notify(rs, notify);
	return true;
}

/*
 * Cookies alone end a call that would block only where the socket itself asked for the cmsg form;
 * not where that is the default of AF_RDS programs, which know it otherwise from in-tree.
 */
static bool rdsz_recv_cookies_wake(const struct rdsz_sock *rs)
{
	return READ_ONCE(rs->completion_mode) == RDSZC_COMPLETION_CMSG && !READ_ONCE(rs->af_rds);
}

static bool rdsz_recv_cookies(struct rdsz_sock *rs, struct msghdr *msg, int flags, bool nonblock,
			      int *ret)
{
	if (READ_ONCE(rs->completion_mode) == RDSZC_COMPLETION_ERRQUEUE ||
	    (!nonblock && !rdsz_recv_cookies_wake(rs)))
		return false;
	*ret = rdsz_cq_put_cmsgs(rs, msg, flags);
	if (!*ret)
		return false;
	*ret = min(*ret, 0);
	return true;
}

/* Is there something that this call can return? What its control buffer has no room for is not. */
static bool rdsz_recv_ready(struct rdsz_sock *rs, const struct msghdr *msg)
{
	return !list_empty_careful(&rs->recv_queue) || READ_ONCE(rs->sk.sk_err) ||
		(READ_ONCE(rs->cong_notify) && rdsz_cmsg_fits(msg, sizeof(u64))) ||
		(rdsz_recv_cookies_wake(rs) && rdsz_cq_readable(rs) &&
		 rdsz_cmsg_fits(msg, sizeof(struct rds_zcopy_cookies)));
}

/**
 * struct rdsz_recv_waiter - a reader that sleeps, on its stack
 * @wait: in the wait queue of the socket
 * @rs: socket of the call
 * @msg: its message
 * @ahead: what it has read ahead
 */
struct rdsz_recv_waiter {
	struct wait_queue_entry		wait;
	struct rdsz_sock		*rs;
	const struct msghdr		*msg;
	const struct rdsz_ahead		*ahead;
};

static bool rdsz_recv_waiter_ready(const struct rdsz_recv_waiter *w)
{
	return rdsz_recv_ready(w->rs, w->msg) || rdsz_ahead_ready(w->rs, w->ahead);
}

/*
 * Writers, pollers and readers sleep in one queue. Acknowledgements and cookies of what was sent,
 * which come all the time, are no reason to run a reader. The waker looks, under the lock of the
 * queue: the reader sleeps, or leaves the queue only after that.
 */
static int rdsz_recv_wake(struct wait_queue_entry *wait, unsigned int mode, int sync, void *key)
{
	if (!rdsz_recv_waiter_ready(container_of(wait, struct rdsz_recv_waiter, wait)))
		return 0;
	return autoremove_wake_function(wait, mode, sync, key);
}

/* Returns what wait_event_interruptible_timeout() would. */
static long rdsz_recv_sleep(struct rdsz_recv_waiter *w, long timeo)
{
	wait_queue_head_t *queue = sk_sleep(&w->rs->sk);
	bool ready;

	init_wait(&w->wait);
	w->wait.func = rdsz_recv_wake;
	for (;;) {
		prepare_to_wait(queue, &w->wait, TASK_INTERRUPTIBLE);
		ready = rdsz_recv_waiter_ready(w);
		if (ready || !timeo || signal_pending(current))
			break;
		timeo = schedule_timeout(timeo);
	}
	finish_wait(queue, &w->wait);
	if (ready)
		return max(timeo, 1L);
	return timeo ? -ERESTARTSYS : 0;
}

static int rdsz_recv_wait(struct rdsz_sock *rs, struct msghdr *msg, size_t len, int flags,
			  long *timeo, struct rdsz_ahead *ahead)
{
	struct rdsz_recv_waiter waiter = { .rs = rs, .msg = msg, .ahead = ahead };
	long left;

	rdsz_ahead_open(rs, ahead, msg, len, flags);
	left = rdsz_recv_sleep(&waiter, *timeo);
	if (left == 0)
		return -ETIMEDOUT;
	if (left < 0)
		return sock_intr_errno(*timeo);
	*timeo = left;
	rdsz_ahead_copy(rs, ahead, msg);
	return 0;
}

static int rdsz_recv_errqueue(struct rdsz_sock *rs, struct msghdr *msg, size_t len, int flags)
{
	int ret = rdsz_peer_error_recv(rs, msg, flags);

	if (ret == -EAGAIN)
		ret = rdsz_cq_recv_errqueue(rs, msg, len, flags);
	/* Who finds no cookies, but has messages to read, goes on with those. */
	if (ret == -EAGAIN && !READ_ONCE(rs->rcv_msgs))
		rdsz_gather_flush(rs, true);
	return ret;
}

static int rdsz_recv_any(struct rdsz_sock *rs, struct msghdr *msg, size_t len, int flags,
			 struct rdsz_ahead *ahead)
{
	bool nonblock = flags & MSG_DONTWAIT;
	long timeo = sock_rcvtimeo(&rs->sk, nonblock);
	struct rdsz_incoming *inc;
	int ret;

	for (;;) {
		if (rdsz_recv_congestion(rs, msg, flags, &ret))
			return ret;
		inc = rdsz_recv_take(rs, flags & MSG_PEEK);
		if (inc)
			return rdsz_recv_data(rs, inc, msg, len, flags, ahead);
		if (rdsz_recv_cookies(rs, msg, flags, nonblock, &ret))
			return ret;
		ret = flags & MSG_PEEK ? -READ_ONCE(rs->sk.sk_err) : sock_error(&rs->sk);
		if (!ret)
			rdsz_gather_flush(rs, true);
		if (!ret && nonblock)
			return -EAGAIN;
		if (!ret)
			ret = rdsz_recv_wait(rs, msg, len, flags, &timeo, ahead);
		if (ret)
			return ret;
	}
}

int rdsz_recvmsg(struct socket *sock, struct msghdr *msg, size_t len, int flags)
{
	struct rdsz_sock *rs = rdsz_sk(sock->sk);
	struct rdsz_ahead ahead = {};
	int ret;

	if (flags & MSG_OOB)
		return 0;
	msg->msg_namelen = 0;
	if (flags & MSG_ERRQUEUE)
		return rdsz_recv_errqueue(rs, msg, len, flags);
	ret = rdsz_recv_any(rs, msg, len, flags, &ahead);
	rdsz_ahead_close(rs, &ahead);
	return ret;
}
