// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_send.c - transmit passes: from the send queue of a path into TCP.
 *
 * A pass takes whole messages, up to RDSZ_PASS_BYTES or RDSZ_PASS_MSGS, and always one. Headers and
 * small payloads go by ordinary sends, neighbouring ones in one call; large payloads in pages of
 * our own by reference, where the kernel can; user pages are lent to TCP with the pass's zerocopy
 * record; a copy of the header goes in front of them in the same way. So a large message costs one
 * call, as does a row of small ones, and after TCP was full one call resumes at the byte where it
 * stopped.
 *
 * What goes by reference is never written to again: TCP's buffers, and a reader on this machine,
 * may have the pages long after the message is gone. Headers are written anew when a message is
 * sent again, so TCP gets a copy of them.
 *
 * A pass holds the messages until all is sent, and the payloads it lent until TCP has dropped the
 * last buffer that refers to them, however long after the connection that may be.
 */
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/tcp.h>

#include "payload.h"
#include "splice.h"
#include "tcp.h"
#include "trace.h"

#define RDSZ_PASS_BYTES		(256 * 1024)
#define RDSZ_PASS_BVECS		512	/* of several messages; one may have more */

/* TCP refused so often in a row although it is not full: memory is what it has not got. */
#define RDSZ_TCP_REFUSALS	3

/*
 * With so many bytes that TCP has not sent yet no pass is begun: it could not be overtaken any more
 * by what a socket sends next. The worker is woken when half of it is left, so that it comes in
 * time and has more than a little to do.
 */
#define RDSZ_UNSENT_MAX		(512 * 1024)

/* Passes in one transmit run; then whoever transmits looks up, and a worker may take over. */
#define RDSZ_RUN_PASSES		8

/*
 * Payloads in our own pages go by reference from here on; smaller ones go by copy, in one call with
 * their neighbours. Congestion maps are smaller: one call sends the first frames of a connection in
 * one burst, and TCP's window grows by it.
 */
#define RDSZ_SPLICE_MIN		16384

enum rdsz_way {
	RDSZ_WAY_COPY,		/* TCP copies */
	RDSZ_WAY_SPLICE,	/* our pages, by reference */
	RDSZ_WAY_LEND,		/* user pages, with the zerocopy record */
};

/* A run of bvecs that goes into TCP in one way. */
struct rdsz_segment {
	u32		first;
	u32		nr;
	u32		bytes;
	enum rdsz_way	way;
};

/**
 * struct rdsz_pass - some messages on their way into TCP
 * @zc: TCP's hold on the lent pages; one reference is the sender's, until all is sent
 * @path: for those who hear of the end; a reference is held on its conn
 * @msgs: messages, a reference each, until all is sent
 * @payloads: payloads, a reference each; NULL where empty
 * @nr_msgs: entries of the two
 * @lends: some payload is lent: the payloads stay until TCP lets go
 * @segs: what to send, in order
 * @nr_segs: entries of it
 * @seg: the segment being sent
 * @offset: bytes of it that TCP has
 * @ack: h_ack of all its frames
 * @hdr_page: where copies of headers are that go by reference, held; or NULL
 * @nr_bvec: entries of @bvec
 * @bvec: headers and payload, what the segments consist of
 */
struct rdsz_pass {
	struct rdsz_zc		zc;
	struct rdsz_path	*path;
	struct rdsz_message	*msgs[RDSZ_PASS_MSGS];
	struct rdsz_payload	*payloads[RDSZ_PASS_MSGS];
	u32			nr_msgs;
	bool			lends;
	struct rdsz_segment	segs[2 * RDSZ_PASS_MSGS];
	u32			nr_segs;
	u32			seg;
	u32			offset;
	u64			ack;
	struct page		*hdr_page;
	u32			nr_bvec;
	struct bio_vec		bvec[];
};

static void rdsz_pass_trace(const struct rdsz_pass *pass, enum rdsz_trace_action action)
{
	u32 i, bytes = 0;

	if (!trace_rds_zc_pass_enabled())
		return;
	for (i = 0; i < pass->nr_segs; i++)
		bytes += pass->segs[i].bytes;
	trace_rds_zc_pass(pass->path->conn, action, pass->nr_msgs, bytes, pass->lends,
			  pass->zc.copied);
}

/* ---- the end of a pass ---- */

static void rdsz_pass_free(struct rdsz_pass *pass)
{
	struct rdsz_wakes wakes;
	u32 i;

	wakes.nr = 0;
	for (i = 0; i < pass->nr_msgs; i++)
		rdsz_payload_put_batched(pass->payloads[i], &wakes);
	rdsz_wake_all(&wakes);
	if (pass->hdr_page)
		put_page(pass->hdr_page);
	rdsz_conn_put(pass->path->conn);
	kfree(pass);
}

/* TCP has let go of the last page. Any context up to softirq. */
static void rdsz_pass_release(struct rdsz_zc *zc)
{
	struct rdsz_pass *pass = container_of(zc, struct rdsz_pass, zc);
	struct rdsz_path *path = pass->path;
	u32 i;

	rdsz_pass_trace(pass, RDSZ_TRACE_RELEASE);
	for (i = 0; i < pass->nr_msgs; i++) {
		struct rdsz_payload *p = pass->payloads[i];

		if (!p || !rdsz_payload_is_user(p))
			continue;
		if (zc->copied)
			WRITE_ONCE(p->copied, true);
		atomic_dec(&p->nr_wire);
	}
	/* Lost updates make the estimate coarser, no more. */
	WRITE_ONCE(path->zc_copied_run, zc->copied ? READ_ONCE(path->zc_copied_run) + 1 : 0);
	rdsz_pass_free(pass);
}

/* All is sent, or nothing more will be. */
static void rdsz_pass_end(struct rdsz_pass *pass)
{
	u32 i;

	for (i = 0; i < pass->nr_msgs; i++)
		rdsz_message_put(pass->msgs[i]);
	if (pass->lends)
		rdsz_zc_put(&pass->zc);
	else
		rdsz_pass_free(pass);
}

/* The path goes down: the caller owns the right to transmit. */
void rdsz_tcp_abort_pass(struct rdsz_path *path)
{
	if (!path->pass)
		return;
	rdsz_pass_end(path->pass);
	path->pass = NULL;
}

/* ---- building a pass ---- */

static u32 rdsz_message_bvecs(const struct rdsz_message *m)
{
	return 1 + (m->payload ? m->payload->nr_bvec : 0);
}

/* How many bvecs the next messages need, as far as they fit into one pass. */
static u32 rdsz_pass_measure(struct rdsz_path *path)
{
	u32 bytes = 0, msgs = 0, bvecs = 0;
	struct rdsz_message *m;

	spin_lock_bh(&path->lock);
	if (rdsz_path_hold_queue(path))
		goto out;
	rdsz_queue_commit(path, RDSZ_PASS_MSGS, RDSZ_PASS_BYTES);
	list_for_each_entry(m, &path->send_queue, path_node) {
		u32 more = rdsz_message_bvecs(m);

		if (msgs == RDSZ_PASS_MSGS || (msgs && (bytes + m->len > RDSZ_PASS_BYTES ||
							bvecs + more > RDSZ_PASS_BVECS)))
			break;
		bvecs += more;
		bytes += m->len;
		msgs++;
	}
out:
	spin_unlock_bh(&path->lock);
	return bvecs;
}

static enum rdsz_way rdsz_payload_way(const struct rdsz_payload *p)
{
	if (rdsz_payload_is_user(p))
		return RDSZ_WAY_LEND;
	if (RDSZ_MSG_SPLICE && p->kind == RDSZ_PAYLOAD_PAGES && p->len >= RDSZ_SPLICE_MIN)
		return RDSZ_WAY_SPLICE;
	return RDSZ_WAY_COPY;
}

static void rdsz_pass_add_bvec(struct rdsz_pass *pass, const struct bio_vec *bv, enum rdsz_way way)
{
	struct rdsz_segment *seg = pass->nr_segs ? &pass->segs[pass->nr_segs - 1] : NULL;

	if (!seg || seg->way != way) {
		seg = &pass->segs[pass->nr_segs++];
		*seg = (struct rdsz_segment){ .first = pass->nr_bvec, .way = way };
	}
	pass->bvec[pass->nr_bvec++] = *bv;
	seg->nr++;
	seg->bytes += bv->bv_len;
}

/*
 * A copy of a header that can go by reference: 48 bytes of the page that this task fills for its
 * sockets. There is room for all of the pass, or the header goes by itself.
 */
static bool rdsz_pass_copy_header(struct rdsz_pass *pass, const struct rdsz_message *m,
				  struct bio_vec *hdr)
{
	struct page_frag *frag = &current->task_frag;

	if (!pass->hdr_page) {
		if (!skb_page_frag_refill(RDSZ_PASS_MSGS * RDSZ_HDR_LEN, frag,
					  GFP_ATOMIC | __GFP_NOWARN))
			return false;
		get_page(frag->page);
		pass->hdr_page = frag->page;
	}
	memcpy(page_address(frag->page) + frag->offset, &m->hdr, RDSZ_HDR_LEN);
	hdr->bv_page = frag->page;
	hdr->bv_offset = frag->offset;
	frag->offset += RDSZ_HDR_LEN;
	return true;
}

/* Takes a reference on the message and its payload. Returns the bytes it takes on the wire. */
static u32 rdsz_pass_add(struct rdsz_pass *pass, struct rdsz_message *m)
{
	struct rdsz_payload *p = m->payload;
	struct bio_vec hdr = {
		.bv_page = virt_to_page(&m->hdr),
		.bv_offset = offset_in_page(&m->hdr),
		.bv_len = RDSZ_HDR_LEN,
	};
	enum rdsz_way way = p ? rdsz_payload_way(p) : RDSZ_WAY_COPY;
	enum rdsz_way hdr_way = way;
	u32 i;

	m->hdr.ack = cpu_to_be64(pass->ack);
	refcount_inc(&m->refs);
	pass->msgs[pass->nr_msgs] = m;
	pass->payloads[pass->nr_msgs++] = p ? rdsz_payload_get(p) : NULL;
	if (way != RDSZ_WAY_COPY && !rdsz_pass_copy_header(pass, m, &hdr))
		hdr_way = RDSZ_WAY_COPY;
	rdsz_pass_add_bvec(pass, &hdr, hdr_way);
	for (i = 0; p && i < p->nr_bvec; i++)
		rdsz_pass_add_bvec(pass, &p->bvec[i], way);
	if (way == RDSZ_WAY_LEND) {
		atomic_inc(&p->nr_wire);
		pass->lends = true;
	}
	return RDSZ_HDR_LEN + m->len;
}

/* For RDS_INFO_TCP_SOCKETS. Returns where the next one starts. */
static u32 rdsz_pass_expect(struct rdsz_tcp *tcp, u32 seq, u32 bytes)
{
	tcp->last_sent_nxt = seq;
	tcp->last_expected_una = seq + bytes;
	return seq + bytes;
}

/*
 * Move messages from the send queue into the pass while there is room; they wait for their ack now.
 * What goes before them is in the pass already.
 */
static void rdsz_pass_fill(struct rdsz_path *path, struct rdsz_pass *pass, u32 room, u32 seq)
{
	struct rdsz_message *m, *next;
	u32 bytes = 0;

	spin_lock_bh(&path->lock);
	if (pass->nr_msgs)
		seq = rdsz_pass_expect(path->tcp, seq, RDSZ_HDR_LEN + pass->msgs[0]->len);
	list_for_each_entry_safe(m, next, &path->send_queue, path_node) {
		if (pass->nr_msgs == RDSZ_PASS_MSGS ||
		    pass->nr_bvec + rdsz_message_bvecs(m) > room ||
		    (bytes && bytes + m->len > RDSZ_PASS_BYTES))
			break;
		bytes += m->len;
		seq = rdsz_pass_expect(path->tcp, seq, rdsz_pass_add(pass, m));
		m->tcp_end = seq;
		if (unlikely(test_bit(RDSZ_MSG_HANDSHAKE, &m->flags)))
			set_bit(RDSZ_PATH_INTRODUCED, &path->flags);
		list_move_tail(&m->path_node, &path->retrans);
		rdsz_path_load_sent(path, m);
		rdsz_trace_message(m, RDSZ_TRACE_SEND);
	}
	spin_unlock_bh(&path->lock);
}

static struct rdsz_pass *rdsz_pass_alloc(struct rdsz_path *path, u32 bvecs)
{
	struct rdsz_pass *pass = kmalloc(struct_size(pass, bvec, bvecs), GFP_KERNEL | __GFP_NOWARN);

	if (!pass)
		return NULL;
	memset(pass, 0, sizeof(*pass));
	rdsz_zc_init(&pass->zc, rdsz_pass_release);
	rdsz_conn_hold(path->conn);
	pass->path = path;
	return pass;
}

/*
 * What goes before the messages: our congestion map if it is due, or an acknowledgement for which
 * nothing else goes. NULL if there is no need, ERR_PTR(-ENOMEM).
 */
static struct rdsz_message *rdsz_pass_extra(struct rdsz_path *path, bool alone)
{
	bool ack = rdsz_ack_take_due(path);
	struct rdsz_message *m;

	if (test_and_clear_bit(RDSZ_PATH_MAP_DUE, &path->flags)) {
		m = rdsz_cong_update_message(path);
		if (!m)
			set_bit(RDSZ_PATH_MAP_DUE, &path->flags);
	} else if (ack && alone) {
		m = rdsz_ack_message(path);
	} else {
		return NULL;
	}
	if (!m && ack)
		rdsz_ack_put_due(path);
	return m ?: ERR_PTR(-ENOMEM);
}

/* The pass that was to carry it did not come about. */
static void rdsz_pass_put_back(struct rdsz_path *path, struct rdsz_message *extra)
{
	if (extra && extra->hdr.flags == RDSZ_FLAG_MAP)
		set_bit(RDSZ_PATH_MAP_DUE, &path->flags);
	rdsz_ack_put_due(path);
	if (extra)
		rdsz_message_put(extra);
}

/*
 * The next pass. Nobody else writes to the TCP socket, so write_seq is where it starts.
 *
 * Return: the pass, NULL if there is nothing to send, ERR_PTR(-ENOMEM).
 */
static struct rdsz_pass *rdsz_pass_build(struct rdsz_path *path)
{
	u32 seq = READ_ONCE(tcp_sk(path->tcp->sock->sk)->write_seq);
	u32 bvecs = rdsz_pass_measure(path);
	struct rdsz_message *extra = rdsz_pass_extra(path, !bvecs);
	struct rdsz_pass *pass;

	if (IS_ERR(extra))
		return ERR_CAST(extra);
	if (extra)
		bvecs += rdsz_message_bvecs(extra);
	if (!bvecs)
		return NULL;
	pass = rdsz_pass_alloc(path, bvecs);
	if (!pass) {
		rdsz_pass_put_back(path, extra);
		return ERR_PTR(-ENOMEM);
	}
	pass->ack = rdsz_ack_peek(path);
	if (extra) {
		rdsz_pass_add(pass, extra);
		rdsz_message_put(extra);
	}
	rdsz_pass_fill(path, pass, bvecs, seq);
	if (pass->nr_msgs) {
		rdsz_ack_stamped(path, pass->ack);
		return pass;
	}
	/*
	 * What was measured has been withdrawn meanwhile; an acknowledgement may have relied on it.
	 */
	rdsz_pass_end(pass);
	rdsz_pass_put_back(path, NULL);
	set_bit(RDSZ_PATH_KICKED, &path->flags);
	return NULL;
}

/* ---- sending a pass ---- */

static ssize_t rdsz_pass_call(struct rdsz_path *path, struct rdsz_pass *pass)
{
	struct rdsz_segment *seg = &pass->segs[pass->seg];
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	size_t left = seg->bytes - pass->offset;

	if (pass->seg + 1 < pass->nr_segs)
		msg.msg_flags |= MSG_MORE;
	iov_iter_bvec(&msg.msg_iter, WRITE, pass->bvec + seg->first, seg->nr, seg->bytes);
	iov_iter_advance(&msg.msg_iter, pass->offset);
	rdsz_stat_inc(path->conn->rn, tcp_send_calls);
	if (seg->way == RDSZ_WAY_LEND)
		return rdsz_zc_sendmsg(path->tcp->zs, &pass->zc, &msg, left);
	if (seg->way == RDSZ_WAY_SPLICE)
		msg.msg_flags |= RDSZ_MSG_SPLICE;
	return sock_sendmsg(path->tcp->sock, &msg);
}

/*
 * TCP cannot take zerocopy now. Either a completion will come, and its wake-up clears TX_FULL; it
 * may have come just before the bit was set, so try once more after setting it.
 */
static ssize_t rdsz_pass_call_zc(struct rdsz_path *path, struct rdsz_pass *pass)
{
	struct rdsz_net *rn = path->conn->rn;
	ssize_t ret = rdsz_pass_call(path, pass);

	if (ret == -ENOBUFS) {
		set_bit(RDSZ_PATH_TX_FULL, &path->flags);
		smp_mb__after_atomic();	/* set, then try; pairs with the wake-up's clearing it */
		ret = rdsz_pass_call(path, pass);
		if (ret == -ENOBUFS) {
			rdsz_stat_inc(rn, zc_pass_waits);
			return ret;
		}
		clear_bit(RDSZ_PATH_TX_FULL, &path->flags);
	}
	if (ret == -EOPNOTSUPP) {
		rdsz_stat_inc(rn, zc_pass_refused);
		WRITE_ONCE(pass->zc.copied, true);
		pass->segs[pass->seg].way = RDSZ_WAY_COPY;
		ret = rdsz_pass_call(path, pass);
	}
	return ret;
}

/*
 * One call per segment. Returns 0 when all is sent, -EAGAIN, -ENOBUFS, or TCP's error. Adds to
 * @took what TCP has taken.
 */
static int rdsz_pass_send(struct rdsz_path *path, struct rdsz_pass *pass, size_t *took)
{
	while (pass->seg < pass->nr_segs) {
		struct rdsz_segment *seg = &pass->segs[pass->seg];
		ssize_t ret;

		ret = seg->way == RDSZ_WAY_LEND ? rdsz_pass_call_zc(path, pass) :
						  rdsz_pass_call(path, pass);
		if (ret < 0)
			return ret;
		*took += ret;
		pass->offset += ret;
		if (pass->offset < seg->bytes)
			return -EAGAIN;
		pass->seg++;
		pass->offset = 0;
	}
	return 0;
}

/*
 * TCP is full: its write-space call will kick the path. False if that call came too early to see
 * the bit, as it does where the peer is on this machine and acknowledges from within the send.
 */
static bool rdsz_tcp_is_full(struct rdsz_path *path)
{
	rdsz_stat_inc(path->conn->rn, tcp_sndbuf_full);
	set_bit(RDSZ_PATH_TX_FULL, &path->flags);
	smp_mb__after_atomic();	/* set the bit, then look; pairs with rdsz_tcp_write_space() */
	if (!sk_stream_is_writeable(path->tcp->sock->sk))
		return true;
	clear_bit(RDSZ_PATH_TX_FULL, &path->flags);
	return false;
}

/* What TCP has, and has not sent once. */
static u32 rdsz_tcp_unsent(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return READ_ONCE(tp->write_seq) - READ_ONCE(tp->snd_nxt);
}

/* Messages, or what goes before them. Who adds to it kicks the path after that. */
static bool rdsz_path_is_dry(const struct rdsz_path *path)
{
	return rdsz_queue_is_empty(path) && !test_bit(RDSZ_PATH_MAP_DUE, &path->flags) &&
		!test_bit(RDSZ_PATH_ACK_DUE, &path->flags);
}

/*
 * There is something for another pass, but it is too early: the write-space call will kick the
 * path. False also if that call came too early.
 */
static bool rdsz_tcp_is_ahead(struct rdsz_path *path)
{
	const struct sock *sk = path->tcp->sock->sk;

	if (likely(rdsz_tcp_unsent(sk) <= RDSZ_UNSENT_MAX) || rdsz_path_is_dry(path))
		return false;
	if (!test_and_set_bit(RDSZ_PATH_TX_AHEAD, &path->flags))
		rdsz_stat_inc(path->conn->rn, tcp_unsent_waits);
	smp_mb__after_atomic();	/* set the bit, then look; pairs with rdsz_tcp_write_space() */
	if (rdsz_tcp_unsent(sk) > RDSZ_UNSENT_MAX / 2)
		return true;
	clear_bit(RDSZ_PATH_TX_AHEAD, &path->flags);
	return false;
}

/* A transmit run goes on with its pass. Returns 0 if it may go on after that, too. */
static int rdsz_tcp_send_pass(struct rdsz_path *path)
{
	int err, refused = 0;
	size_t took;

	do {
		took = 0;
		err = rdsz_pass_send(path, path->pass, &took);
		rdsz_path_start_watch(path);	/* after the send: it looks for what is in flight */
		if (err != -EAGAIN || rdsz_tcp_is_full(path))
			return err;
		refused = took ? 0 : refused + 1;
	} while (refused < RDSZ_TCP_REFUSALS);
	return -ENOMEM;
}

static int rdsz_tcp_send_error(struct rdsz_path *path, int err)
{
	switch (err) {
	case -EAGAIN:
	case -ENOBUFS:
		return -EAGAIN;
	case -ENOMEM:
		return -ENOMEM;
	default:
		WRITE_ONCE(path->log.tcp_error, -err);
		rdsz_path_drop(path, RDSZ_DROP_SEND);
		return 0;
	}
}

/**
 * rdsz_tcp_xmit() - transmit until the queue is empty, TCP is full, or enough for one run
 * @path: path that is UP and owned by the caller
 *
 * Return: 0, -EAGAIN: write space or a completion will kick the path, -ENOMEM: try again later.
 */
int rdsz_tcp_xmit(struct rdsz_path *path)
{
	int passes = 0;
	int err;

	if (!path->tcp || test_bit(RDSZ_PATH_TX_FULL, &path->flags))
		return -EAGAIN;
	while (passes++ < RDSZ_RUN_PASSES) {
		if (!path->pass) {
			struct rdsz_pass *pass;

			if (rdsz_tcp_is_ahead(path))
				return -EAGAIN;
			pass = rdsz_pass_build(path);
			if (IS_ERR(pass))
				return PTR_ERR(pass);
			if (!pass) {
				if (passes == 1)
					rdsz_stat_inc(path->conn->rn, send_queue_empty);
				return 0;
			}
			path->pass = pass;
			rdsz_pass_trace(pass, RDSZ_TRACE_BUILD);
			if (pass->lends)
				rdsz_stat_inc(path->conn->rn, zc_passes);
		}
		err = rdsz_tcp_send_pass(path);
		if (err)
			return rdsz_tcp_send_error(path, err);
		rdsz_pass_trace(path->pass, RDSZ_TRACE_SENT);
		rdsz_pass_end(path->pass);
		path->pass = NULL;
	}
	set_bit(RDSZ_PATH_KICKED, &path->flags);	/* not done */
	return 0;
}

/* ---- calls from TCP ---- */

static void rdsz_tcp_has_room(struct rdsz_path *path)
{
	if (test_and_clear_bit(RDSZ_PATH_TX_FULL, &path->flags))
		rdsz_path_kick(path, false);
}

/*
 * Something was acknowledged, or sent. The lock of the TCP socket is held, by softirq or by a
 * process.
 */
void rdsz_tcp_write_space(struct sock *sk)
{
	struct rdsz_tcp *tcp;

	read_lock_bh(&sk->sk_callback_lock);
	tcp = rdsz_tcp_of(sk);
	if (tcp) {
		rdsz_stat_inc(tcp->path->conn->rn, tcp_write_space_calls);
		WRITE_ONCE(tcp->last_seen_una, tcp_sk(sk)->snd_una);
		rdsz_path_acked(tcp->path, tcp_sk(sk)->snd_una);
		smp_mb();	/* free, then look at the bits; pairs with those who set them */
		if (sk_stream_is_writeable(sk))
			rdsz_tcp_has_room(tcp->path);
		if (rdsz_tcp_unsent(sk) <= RDSZ_UNSENT_MAX / 2 &&
		    test_and_clear_bit(RDSZ_PATH_TX_AHEAD, &tcp->path->flags))
			rdsz_path_kick(tcp->path, false);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

/* A completion of TCP came, for one who waited after ENOBUFS. */
void rdsz_tcp_zc_wake(void *arg)
{
	rdsz_tcp_has_room(arg);
}
