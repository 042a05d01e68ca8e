// SPDX-License-Identifier: GPL-2.0
/* One message out, one in, and buffers back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "pattern.h"

#define REAP_TURN	64	/* reads of cookies in a row */

static bool is_rds(const struct spec *spec)
{
	return spec->proto == PROTO_RDS_ZC || spec->proto == PROTO_INTREE;
}

/* Where one message ends before the next begins, waiting in the kernel cannot end in a deadlock. */
static int nowait(const struct spec *spec)
{
	return spec->waiting == WAIT_BLOCK && spec->mode == MODE_RR && spec->depth == 1 ?
		0 : MSG_DONTWAIT;
}

static int failed(struct conn *c, const char *what)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	c->w->error = text;
	return -1;
}

static uint32_t seed(const struct conn *c, uint32_t seq, bool reply)
{
	return (c->index * 8111 + seq * 2 + reply) % 65521;
}

/* The message that was received last, while it is still there. */
void conn_check(struct conn *c)
{
	struct worker *w = c->w;
	struct header hdr;

	if (!c->unchecked)
		return;
	c->unchecked = false;
	memcpy(&hdr, c->rx, sizeof(hdr));
	if (pattern_check(c->rx + sizeof(hdr), c->rx_len - sizeof(hdr),
			  seed(c, hdr.seq, !w->server)) >= 0)
		w->f.corrupt++;
}

/* ---- out ---- */

static int free_buffer(const struct conn *c)
{
	const struct spec *spec = c->w->spec;
	uint32_t i;

	for (i = 0; i < spec->pool; i++) {
		uint32_t at = (c->next + i) % spec->pool;

		if (!c->pool[at].busy)
			return (int)at;
	}
	return -1;
}

/* Is there a message that was begun, or a buffer for another? */
bool conn_has_room(const struct conn *c)
{
	return c->sending >= 0 || free_buffer(c) >= 0;
}

/* The contents of the next message, in a buffer that is ours; -1: there is none. */
static int filled_buffer(struct conn *c)
{
	const struct worker *w = c->w;
	const uint32_t len = w->server ? w->spec->reply : w->spec->size;

	if (c->filled >= 0)
		return c->filled;
	c->filled = free_buffer(c);
	if (c->filled >= 0 && w->spec->check)
		pattern_fill(c->pool[c->filled].data + sizeof(struct header),
			     len - sizeof(struct header), seed(c, c->tx_seq, w->server));
	return c->filled;
}

static bool start_message(struct conn *c)
{
	const struct spec *spec = c->w->spec;
	bool last = !c->w->server && spec->mode == MODE_STREAM && stop_sending;
	struct header hdr = { .seq = c->tx_seq, .flags = last ? FLAG_LAST : 0 };
	int at = filled_buffer(c);
	struct buffer *b = &c->pool[at < 0 ? 0 : at];

	if (at < 0)
		return false;
	c->filled = -1;
	c->next = at + 1;
	c->tx_len = c->w->server ? spec->reply : spec->size;
	c->tx_done = 0;
	c->tx_ns = 0;
	c->tx_seq++;
	c->last_sent = last;
	memcpy(b->data, &hdr, sizeof(hdr));
	b->seq = hdr.seq;
	b->calls = 0;
	b->whole = b->copied = false;
	b->busy = spec->zerocopy != ZC_OFF && spec->reaping != REAP_NONE;
	b->sent_at = now_ns();
	c->sent_at[hdr.seq % c->ring] = b->sent_at;
	c->sent_by[hdr.seq % c->ring] = at;
	if (b->busy)
		c->unreturned++;
	c->sending = at;
	return true;
}

static void message_sent(struct conn *c)
{
	struct worker *w = c->w;
	struct buffer *b = &c->pool[c->sending];

	b->whole = true;
	c->sending = -1;
	c->since_reap++;
	w->f.messages++;
	w->f.bytes += c->tx_len;
	samples_add(&w->send, c->tx_ns);
	if (b->busy && w->spec->proto == PROTO_TCP && !by_uring(w->spec) && !b->calls)
		conn_returned(c, b - c->pool, b->copied ? SAYS_COPIED : SAYS_LENT);
	if (!w->server)
		return;
	/* Before the next request, not between it and its reply: the client holds the clock. */
	conn_check(c);
	filled_buffer(c);
}

static ssize_t call(struct conn *c, struct buffer *b)
{
	const struct spec *spec = c->w->spec;
	char control[ZC_COOKIE_ROOM] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { b->data + c->tx_done, c->tx_len - c->tx_done };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	/* In-tree RDS refuses MSG_NOSIGNAL. */
	int flags = nowait(spec) | (spec->proto == PROTO_INTREE ? 0 : MSG_NOSIGNAL);

	if (c->peer_len && spec->proto != PROTO_TCP && spec->proto != PROTO_UNIX) {
		msg.msg_name = &c->peer;
		msg.msg_namelen = c->peer_len;
	}
	if (spec->zerocopy != ZC_OFF)
		flags |= MSG_ZEROCOPY;
	if (spec->zerocopy != ZC_OFF && is_rds(spec))
		zc_cookie(&msg, control, b - c->pool);
	return sendmsg(c->fd, &msg, flags);
}

/* No room may mean that too many cookies wait. */
static int refused(struct conn *c)
{
	c->w->f.refused++;
	if (errno == EAGAIN)
		c->blocked = true;
	else if (errno == ENOBUFS || errno == ENOMEM)
		c->congested = true;
	else if (errno != EINTR)
		return failed(c, "sendmsg");
	return conn_reap_all(c);
}

static int send_by_call(struct conn *c)
{
	struct worker *w = c->w;
	struct buffer *b = &c->pool[c->sending];
	uint64_t start = now_ns(), took;
	ssize_t n = call(c, b);

	took = now_ns() - start;
	w->f.send_calls++;
	w->f.send_ns += took;
	c->tx_ns += took;
	if (n < 0)
		return refused(c);
	if (w->spec->proto == PROTO_TCP && w->spec->zerocopy != ZC_OFF) {
		c->zc_buffer[c->zc_next++ % c->zc_ring] = c->sending;
		b->calls++;
	}
	c->tx_done += n;
	if (c->tx_done < c->tx_len) {
		c->blocked = true;	/* TCP takes a part where it has no room for more */
		return 0;
	}
	message_sent(c);
	return 1;
}

int conn_send(struct conn *c)
{
	int ret;

	if (c->sending < 0 && !start_message(c))
		return 0;
	if (!by_uring(c->w->spec))
		return send_by_call(c);
	ret = uring_send(c, &c->pool[c->sending], c->sending, c->tx_len);
	if (ret == 1)
		message_sent(c);
	return ret;
}

/* ---- buffers back ---- */

void conn_returned(struct conn *c, uint32_t at, enum verdict verdict)
{
	struct worker *w = c->w;
	struct buffer *b = &c->pool[at];

	if (at >= w->spec->pool || !b->busy) {
		w->f.corrupt++;		/* a cookie that nobody waits for */
		return;
	}
	b->busy = false;
	c->unreturned--;
	conn_due(c);
	figures_cookie(&w->f, verdict);
	samples_add(&w->reuse, now_ns() - b->sent_at);
}

/* TCP has numbered its zerocopy calls; a range of them is done. */
static void calls_returned(struct conn *c, uint32_t lo, uint32_t hi, bool copied)
{
	uint32_t id;

	for (id = lo; id != hi + 1; id++) {
		int at = c->zc_buffer[id % c->zc_ring];
		struct buffer *b = &c->pool[at];

		b->copied |= copied;
		if (!--b->calls && b->whole && b->busy)
			conn_returned(c, at, b->copied ? SAYS_COPIED : SAYS_LENT);
	}
}

/* TCP names its calls, the others hand back the cookies. */
static void take(struct conn *c, const struct returned *r)
{
	int i;

	if (r->numbered)
		calls_returned(c, r->lo, r->hi, r->verdict == SAYS_COPIED);
	for (i = 0; i < r->n; i++)
		conn_returned(c, r->cookies[i], r->verdict);
}

static int reap_errqueue(struct conn *c)
{
	struct returned r;
	int ret = zc_reap(c->fd, c->w->spec->proto == PROTO_TCP, &r);

	if (ret < 0)
		return failed(c, "error queue");
	*(ret ? &c->w->f.reap_calls : &c->w->f.reap_empty) += 1;
	if (ret)
		take(c, &r);
	return ret;
}

/* One call; conn_reap_all() repeats it. The cmsg form comes with conn_receive(). */
int conn_reap(struct conn *c)
{
	const struct spec *spec = c->w->spec;

	c->since_reap = 0;
	if (spec->zerocopy == ZC_OFF || spec->reaping == REAP_NONE)
		return 0;
	if (by_uring(spec))
		return uring_reap(c->w);
	return spec->reaping == REAP_ERRQUEUE ? reap_errqueue(c) : 0;
}

/* All that waits. Who knows that nothing is out need not ask. */
int conn_reap_all(struct conn *c)
{
	struct figures *f = &c->w->f;
	uint64_t before = f->reap_calls;
	int ret, i;

	for (i = 0; i < REAP_TURN && c->unreturned; i++) {
		ret = conn_reap(c);
		if (ret < 0)
			return -1;
		if (!ret)
			break;
	}
	f->reap_turns += f->reap_calls > before;
	f->turn_reads += f->reap_calls - before;
	return 0;
}

/* ---- in ---- */

/* Was the buffer of the request back before, or with, its reply? */
static void note_early(struct conn *c, uint32_t seq)
{
	const struct spec *spec = c->w->spec;
	struct buffer *b = &c->pool[c->sent_by[seq % c->ring]];

	if (spec->zerocopy == ZC_OFF || spec->reaping == REAP_NONE || spec->reap_every != 1)
		return;
	while (b->busy && b->seq == seq && conn_reap(c) == 1)
		;
	if (b->busy && b->seq == seq)
		c->w->f.late++;
	else
		c->w->f.early++;
}

static void message_received(struct conn *c)
{
	struct worker *w = c->w;
	struct header hdr;

	w->last_at = now_ns();
	memcpy(&hdr, c->rx, sizeof(hdr));
	if (hdr.seq != c->rx_seq)
		w->f.corrupt++;
	c->unchecked = w->spec->check;
	c->rx_got = 0;
	c->rx_seq++;
	w->f.received++;
	if (hdr.flags & FLAG_LAST || !w->server)
		c->last_seen = true;
	if (w->server)
		return;
	if (w->spec->mode == MODE_RR) {
		samples_add(&w->rtt, w->last_at - c->sent_at[hdr.seq % c->ring]);
		note_early(c, hdr.seq);
	}
	conn_check(c);
}

/* 1: a message, or cookies, or a part of a stream. */
int conn_receive(struct conn *c, bool block)
{
	const struct spec *spec = c->w->spec;
	const bool stream = spec->proto == PROTO_TCP;
	char control[ZC_CMSGS_ROOM] __attribute__((aligned(8)));
	struct sockaddr_storage from;
	struct iovec iov = { c->rx + c->rx_got, c->rx_len - c->rx_got };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct returned r;
	ssize_t n;

	if (spec->zerocopy != ZC_OFF && spec->reaping == REAP_CMSG) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
	}
	if (c->w->server && !c->peer_len) {
		msg.msg_name = &from;
		msg.msg_namelen = sizeof(from);
	}
	conn_check(c);
	c->w->f.recv_calls++;
	n = recvmsg(c->fd, &msg, block ? (stream ? MSG_WAITALL : 0) : MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT ? 0 :
			failed(c, "recvmsg");
	if (msg.msg_controllen && zc_from_cmsgs(&msg, &r)) {
		take(c, &r);
		c->w->f.reap_calls++;
		if (!n)
			return 1;
	}
	if (!n && spec->proto == PROTO_TIPC)
		c->w->error = "TIPC gave a message back";
	if (!n)
		return stream || spec->proto == PROTO_UNIX || spec->proto == PROTO_TIPC ? -1 : 0;
	if (msg.msg_namelen && !c->peer_len) {
		c->peer = from;
		c->peer_len = msg.msg_namelen;
	}
	c->rx_got += n;
	if (c->rx_got == c->rx_len)
		message_received(c);
	return 1;
}
