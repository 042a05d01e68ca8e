// SPDX-License-Identifier: GPL-2.0
/*
 * sendmsg.c - one message from a user's buffer into a path's queue.
 *
 * In phases, each with its own undo: check the request, reserve what is limited (destination, send
 * buffer, completion), build the payload, queue, kick. Nothing is pinned or charged before all that
 * may have to be waited for is there, and nothing can fail once the message is queued.
 */
#include <linux/rds.h>

#include "iter.h"
#include "payload.h"
#include "trace.h"

/* Messages of one socket in its send queue, whatever their size: bounds what empty ones cost. */
#define RDSZ_MAX_QUEUED		65536

/* After so many "copied" verdicts in a row the path copies at once, and probes every so often. */
#define RDSZ_ADAPT_AFTER	8
#define RDSZ_ADAPT_PROBE	64

struct rdsz_send {
	struct rdsz_sock	*rs;
	struct msghdr		*msg;
	struct rdsz_endpoint	to;
	struct rdsz_conn	*conn;
	struct rdsz_completion	*completion;
	struct rdsz_payload	*payload;
	struct ubuf_info	*ubuf;
	long			timeo;
	u32			len;
	u32			cookie;
	bool			has_cookie;
	bool			zerocopy;
	bool			nonblock;
};

/* Count why a send fails; the tracer hears of it, with as much of the addresses as is known. */
#define rdsz_send_refuse(s, reason) \
	rdsz_drop((s)->rs->rn, reason, &(s)->rs->local, &(s)->to, (s)->len)

static int rdsz_send_check_flags(const struct rdsz_send *s)
{
	/*
	 * MSG_BATCH, MSG_EOR and MSG_NOSIGNAL come with sendmmsg(), write() and io_uring: no
	 * effect.
	 */
	const unsigned int known = MSG_DONTWAIT | MSG_ZEROCOPY | MSG_NOSIGNAL | MSG_EOR |
				   MSG_BATCH | MSG_CMSG_COMPAT;

	if (!(s->msg->msg_flags & ~known))
		return 0;
	rdsz_send_refuse(s, send_refused_flags);
	return -EOPNOTSUPP;
}

static int rdsz_send_find_destination(struct rdsz_send *s)
{
	struct rdsz_sock *rs = s->rs;
	int err = 0;

	if (s->msg->msg_name && s->msg->msg_namelen)
		return rdsz_addr_parse(s->msg->msg_name, s->msg->msg_namelen, &s->to) ?
			-EINVAL : 0;
	mutex_lock(&rs->bind_lock);
	if (rs->connected)
		s->to = rs->peer;
	else
		err = -ENOTCONN;
	mutex_unlock(&rs->bind_lock);
	return err;
}

static int rdsz_send_check_destination(struct rdsz_send *s)
{
	const struct rdsz_sock *rs = s->rs;
	int err = rdsz_send_find_destination(s);

	if (err)
		return err;
	if (!smp_load_acquire(&rs->bound))	/* pairs with rdsz_bind_locked() */
		return -ENOTCONN;
	if (rdsz_addr_is_v4(&s->to.ip) != rdsz_addr_is_v4(&rs->local.ip))
		return -EOPNOTSUPP;
	if (s->to.scope && rs->local.scope && s->to.scope != rs->local.scope)
		return -EINVAL;
	if (!s->to.scope)
		s->to.scope = rs->local.scope;
	return 0;
}

static int rdsz_send_check_cmsg_form(struct rdsz_send *s)
{
	struct cmsghdr *cmsg;

	for_each_cmsghdr(cmsg, s->msg) {
		if (!CMSG_OK(s->msg, cmsg))
			return -EINVAL;
		/* In-tree looks into these before it looks at the size of the message. */
		if (cmsg->cmsg_level == SOL_RDS && cmsg->cmsg_type == RDS_CMSG_RDMA_ARGS &&
		    cmsg->cmsg_len < CMSG_LEN(sizeof(struct rds_rdma_args)))
			return -EINVAL;
	}
	return 0;
}

/* RDMA and atomic requests: the size is checked, nothing in them is read. */
static int rdsz_send_check_rdma(int type, size_t len)
{
	size_t need;

	switch (type) {
	case RDS_CMSG_RDMA_ARGS:
		need = sizeof(struct rds_rdma_args);
		break;
	case RDS_CMSG_RDMA_DEST:
		need = sizeof(rds_rdma_cookie_t);
		break;
	case RDS_CMSG_RDMA_MAP:
		need = sizeof(struct rds_get_mr_args);
		break;
	case RDS_CMSG_ATOMIC_FADD:
	case RDS_CMSG_ATOMIC_CSWP:
	case RDS_CMSG_MASKED_ATOMIC_FADD:
	case RDS_CMSG_MASKED_ATOMIC_CSWP:
		need = sizeof(struct rds_atomic_args);
		break;
	default:
		return -EINVAL;
	}
	return len < need ? -EINVAL : -EOPNOTSUPP;
}

/* Control messages that carry out an operation, and those that go with data; they do not mix. */
enum {
	RDSZ_CMSGS_OPERATION	= 1,
	RDSZ_CMSGS_DATA		= 2,
};

static int rdsz_send_cmsg_group(int type)
{
	return type == RDS_CMSG_ZCOPY_COOKIE || type == RDS_CMSG_RDMA_DEST ||
		type == RDS_CMSG_RDMA_MAP ? RDSZ_CMSGS_DATA : RDSZ_CMSGS_OPERATION;
}

static int rdsz_send_read_cmsgs(struct rdsz_send *s)
{
	int refused = 0, groups = 0;
	struct cmsghdr *cmsg;

	for_each_cmsghdr(cmsg, s->msg) {
		size_t len = cmsg->cmsg_len - sizeof(*cmsg);
		int err;

		if (cmsg->cmsg_level != SOL_RDS)
			continue;
		groups |= rdsz_send_cmsg_group(cmsg->cmsg_type);
		if (cmsg->cmsg_type == RDS_CMSG_ZCOPY_COOKIE) {
			if (len < sizeof(u32))
				return -EINVAL;
			memcpy(&s->cookie, CMSG_DATA(cmsg), sizeof(u32));
			s->has_cookie = true;
			continue;
		}
		err = rdsz_send_check_rdma(cmsg->cmsg_type, len);
		if (err == -EINVAL)
			return err;
		refused = err;
	}
	return groups == (RDSZ_CMSGS_OPERATION | RDSZ_CMSGS_DATA) ? -EINVAL : refused;
}

static int rdsz_send_check_zerocopy(struct rdsz_send *s)
{
	bool flag = s->msg->msg_flags & MSG_ZEROCOPY;

	s->ubuf = rdsz_msg_ubuf(s->msg);
	if (s->ubuf) {
		/*
		 * io_uring tells by its own notification; a cookie beside it would be a second one.
		 */
		s->zerocopy = s->len != 0;
		return s->has_cookie ? -EINVAL : 0;
	}
	s->zerocopy = flag;
	if (!flag && !s->has_cookie)
		return 0;
	if (!flag || !s->has_cookie || !sock_flag(&s->rs->sk, SOCK_ZEROCOPY) || !s->len)
		return -EINVAL;
	return 0;
}

static int rdsz_send_check(struct rdsz_send *s, size_t len)
{
	int err;

	s->len = min_t(size_t, len, U32_MAX);
	err = rdsz_send_check_flags(s);
	if (err)
		return err;
	err = rdsz_send_check_destination(s);
	if (err == -ENOTCONN)
		rdsz_send_refuse(s, send_refused_notconn);
	else if (err)
		rdsz_send_refuse(s, send_refused_addr);
	if (err)
		return err;
	err = rdsz_send_check_cmsg_form(s);
	if (!err && (len > RDSZ_MAX_PAYLOAD || len > rdsz_sndbuf(s->rs))) {
		rdsz_send_refuse(s, send_refused_size);
		return -EMSGSIZE;
	}
	if (!err)
		err = rdsz_send_read_cmsgs(s);
	if (err) {
		rdsz_send_refuse(s, send_refused_cmsg);
		return err;
	}
	err = rdsz_send_check_zerocopy(s);
	if (err)
		rdsz_send_refuse(s, send_refused_zcopy);
	return err;
}

/* Local destinations, under any of our addresses, go over the loop transport. */
static int rdsz_send_find_conn(struct rdsz_send *s)
{
	struct rdsz_sock *rs = s->rs;
	struct rdsz_conn_key key = {
		.local = rs->local.ip,
		.peer = s->to.ip,
		.scope = s->to.scope,
		.transport = RDSZ_TRANS_TCP,
	};

	if (rdsz_transport_for(rs->rn, &s->to.ip, s->to.scope) != RDSZ_TRANS_NONE)
		key.transport = RDSZ_TRANS_LOOP;
	s->conn = rdsz_conn_get_or_create(rs->rn, &key);
	if (!IS_ERR(s->conn)) {
		rdsz_conn_proved(s->conn);
		if (!READ_ONCE(rs->sent))
			WRITE_ONCE(rs->sent, true);
		return 0;
	}
	rdsz_send_refuse(s, send_refused_nomem);
	return PTR_ERR(s->conn);
}

/* A message is taken while less than the send buffer is queued, so one may overshoot. */
static bool rdsz_send_buffer_free(const struct rdsz_sock *rs)
{
	return READ_ONCE(rs->snd_bytes) < rdsz_sndbuf(rs) &&
		READ_ONCE(rs->snd_msgs) < RDSZ_MAX_QUEUED;
}

/* For poll: would a send be taken now, as far as this socket's own limits go? */
bool rdsz_sock_writable(struct rdsz_sock *rs)
{
	return rdsz_send_buffer_free(rs) &&
		!rdsz_cq_full(rs, READ_ONCE(rs->rn->sysctl.max_completions));
}

static bool rdsz_send_try_reserve(struct rdsz_send *s)
{
	struct rdsz_sock *rs = s->rs;
	bool ok;

	spin_lock_bh(&rs->queue_lock);
	ok = rdsz_send_buffer_free(rs);
	if (ok) {
		rs->snd_bytes += s->len;
		rs->snd_msgs++;
	}
	spin_unlock_bh(&rs->queue_lock);
	return ok;
}

static void rdsz_send_unreserve(struct rdsz_send *s)
{
	struct rdsz_sock *rs = s->rs;

	spin_lock_bh(&rs->queue_lock);
	rs->snd_bytes -= s->len;
	rs->snd_msgs--;
	spin_unlock_bh(&rs->queue_lock);
	rdsz_sock_wake(rs, EPOLLOUT | EPOLLWRNORM);
}

/* Why a wait for @cond ended without it: @left is what wait_event_*_timeout() returned. */
static int rdsz_send_wait_errno(struct rdsz_send *s, long left)
{
	int err = left ? sock_intr_errno(s->timeo) : -ETIMEDOUT;

	s->timeo = max(left, 0L);
	return err;
}

static int rdsz_send_reserve_space(struct rdsz_send *s)
{
	struct rdsz_sock *rs = s->rs;
	long left;

	if (rdsz_send_try_reserve(s))
		return 0;
	rdsz_stat_inc(rs->rn, send_queue_full);
	rdsz_gather_flush(rs, true);
	while (!s->nonblock) {
		left = wait_event_interruptible_timeout(*sk_sleep(&rs->sk),
							rdsz_send_buffer_free(rs), s->timeo);
		if (left <= 0) {
			rdsz_send_refuse(s, send_refused_full);
			return rdsz_send_wait_errno(s, left);
		}
		s->timeo = left;
		if (rdsz_send_try_reserve(s))
			return 0;
	}
	rdsz_send_refuse(s, send_refused_full);
	return -EAGAIN;
}

/* Unread cookies at the limit: the caller must reap, so even a blocking socket answers EAGAIN. */
static int rdsz_send_reserve_completion(struct rdsz_send *s)
{
	struct rdsz_cq *cq = rdsz_cq_need(s->rs);
	struct rdsz_completion *c;
	int max;
	long left;

	for (;;) {
		max = READ_ONCE(s->rs->rn->sysctl.max_completions);
		c = cq ? rdsz_completion_reserve(cq, s->cookie, max) : ERR_PTR(-ENOMEM);
		if (!IS_ERR(c)) {
			s->completion = c;
			return 0;
		}
		if (PTR_ERR(c) == -ENOMEM) {
			rdsz_send_refuse(s, send_refused_nomem);
			return -ENOMEM;
		}
		rdsz_gather_flush(s->rs, true);
		if (PTR_ERR(c) == -EAGAIN || s->nonblock)
			break;
		left = wait_event_interruptible_timeout(*sk_sleep(&s->rs->sk),
							rdsz_cq_readable(s->rs) ||
							!rdsz_cq_full(s->rs, max), s->timeo);
		if (left <= 0) {
			rdsz_send_refuse(s, send_refused_completions);
			return rdsz_send_wait_errno(s, left);
		}
		s->timeo = left;
	}
	rdsz_send_refuse(s, send_refused_completions);
	return -EAGAIN;
}

static int rdsz_send_reserve(struct rdsz_send *s)
{
	int err;

	err = rdsz_send_find_conn(s);
	if (err)
		return err;
	err = rdsz_cong_wait(s->rs, s->conn, s->to.port, s->nonblock, &s->timeo);
	if (err)
		goto err_conn;
	if (s->has_cookie) {
		err = rdsz_send_reserve_completion(s);
		if (err)
			goto err_conn;
	}
	err = rdsz_send_reserve_space(s);
	if (err)
		goto err_completion;
	return 0;

err_completion:
	if (s->completion)
		rdsz_completion_cancel(s->completion);
err_conn:
	rdsz_path_want(&s->conn->path);
	rdsz_conn_put(s->conn);
	return err;
}

/* Would pinning pay? Small payloads do not, nor does a path that copies anyway (veth, loopback). */
static bool rdsz_send_pays(struct rdsz_send *s)
{
	struct rdsz_path *path = rdsz_lanes_of_ports(s->conn, s->rs->local.port, s->to.port);
	int threshold = READ_ONCE(s->rs->zc_threshold);

	if (threshold < 0)
		threshold = READ_ONCE(s->rs->rn->sysctl.zc_threshold);
	if (!threshold)
		return true;
	if (s->len < threshold) {
		rdsz_stat_inc(s->rs->rn, zc_copied_threshold);
		return false;
	}
	if (READ_ONCE(path->zc_copied_run) < RDSZ_ADAPT_AFTER)
		return true;
	if (++path->zc_probe % RDSZ_ADAPT_PROBE == 0)	/* a lost update costs nothing */
		return true;
	rdsz_stat_inc(s->rs->rn, zc_copied_adaptive);
	return false;
}

static struct rdsz_payload *rdsz_send_make_payload(struct rdsz_send *s)
{
	struct iov_iter *from = &s->msg->msg_iter;
	struct rdsz_payload *p;

	if (s->zerocopy && rdsz_send_pays(s)) {
		if (s->ubuf && (rdsz_iter_is_bvec(from) || rdsz_iter_is_user(from)))
			return rdsz_payload_borrow(s->rs->rn, from, s->len, s->ubuf);
		if (!s->ubuf && rdsz_iter_is_user(from))
			return rdsz_payload_pin(s->rs->rn, from, s->len);
	}
	p = rdsz_payload_copy(from, s->len);
	if (!IS_ERR(p)) {
		p->copied = true;
		rdsz_stat_add(s->rs->rn, copy_from_user, s->len);
	}
	return p;
}

static int rdsz_send_build(struct rdsz_send *s)
{
	struct rdsz_payload *p;

	if (!s->len)
		return 0;
	p = rdsz_send_make_payload(s);
	if (!IS_ERR(p)) {
		s->payload = p;
		return 0;
	}
	switch (PTR_ERR(p)) {
	case -EFAULT:
		rdsz_send_refuse(s, send_refused_fault);
		return -EFAULT;
	case -ENOBUFS:
		rdsz_send_refuse(s, send_refused_memlock);
		return -ENOMEM;
	default:
		rdsz_send_refuse(s, send_refused_nomem);
		return -ENOMEM;
	}
}

/* The point of no return. A copied message's cookie is due at once: the buffer was read. */
static int rdsz_send_queue(struct rdsz_send *s, struct rdsz_path **path)
{
	struct rdsz_payload *p = s->payload;
	bool lent = p && rdsz_payload_is_user(p);
	struct rdsz_message *m;

	m = rdsz_message_alloc(&s->conn->path, p, s->len, s->rs->local.port, s->to.port,
			       GFP_KERNEL_ACCOUNT);
	if (!m) {
		rdsz_send_refuse(s, send_refused_nomem);
		return -ENOMEM;
	}
	if (lent) {
		p->done = s->completion;
		rdsz_stat_inc(s->rs->rn, zc_sent);
	}
	m->rs = s->rs;
	*path = rdsz_lanes_enqueue(m);
	rdsz_trace_message(m, RDSZ_TRACE_QUEUE);
	rdsz_message_put(m);
	rdsz_stat_inc(s->rs->rn, send_queued);
	if (s->completion && !lent)
		rdsz_completion_done(s->completion, true, NULL);
	return 0;
}

int rdsz_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)
{
	struct rdsz_send s = { .rs = rdsz_sk(sock->sk), .msg = msg };
	struct rdsz_path *path;
	int err;

	s.nonblock = msg->msg_flags & MSG_DONTWAIT;
	s.timeo = sock_sndtimeo(sock->sk, s.nonblock);
	err = rdsz_send_check(&s, len);
	if (err)
		return err;
	err = rdsz_send_reserve(&s);
	if (err)
		return err;
	err = rdsz_send_build(&s);
	if (err)
		goto err_reserved;
	err = rdsz_send_queue(&s, &path);
	if (err)
		goto err_payload;
	if (!rdsz_gather(s.rs, path, len))
		rdsz_path_kick(path, true);
	rdsz_conn_put(s.conn);
	return len;

err_payload:
	rdsz_payload_put(s.payload);
err_reserved:
	rdsz_send_unreserve(&s);
	if (s.completion)
		rdsz_completion_cancel(s.completion);
	rdsz_path_want(&s.conn->path);
	rdsz_conn_put(s.conn);
	return err;
}
