// SPDX-License-Identifier: GPL-2.0
/*
 * Messages of a header and a block over RDS or TCP, in order, and completions back.
 *
 * A socket of RDS serves all its peers. TCP has a socket for each, and a message may go and come in
 * parts. Blocks are lent (MSG_ZEROCOPY) when the run says so; a header alone never is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kv.h"

#define ZC_RING		32768		/* TCP: calls that wait for their completion, at most */

static bool is_tcp(const struct link *link)
{
	return link->w->spec->io.proto == PROTO_TCP;
}

static int fail(struct link *link, const char *what)
{
	static __thread char text[128];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	link->w->error = text;
	return -1;
}

int link_open(struct link *link, struct kv_worker *w, int fd)
{
	memset(link, 0, sizeof(*link));
	link->w = w;
	link->fd = fd;
	link->last = &link->first;
	link->rx = block_get(&w->pool);
	if (w->spec->io.proto == PROTO_TCP)
		link->zc_slot = calloc(ZC_RING, sizeof(*link->zc_slot));
	return fd < 0 ? -1 : 0;
}

void link_close(struct link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	free(link->zc_slot);
}

void link_queue(struct link *link, struct slot *s)
{
	s->next = NULL;
	*link->last = s;
	link->last = &s->next;
}

/* ---- out ---- */

static uint32_t length(const struct slot *s)
{
	return sizeof(s->header) + (s->block ? s->header.length : 0);
}

/* What is left of a message. */
static int parts(struct slot *s, struct iovec *iov)
{
	const uint32_t head = sizeof(s->header);
	int n = 0;

	if (s->done < head)
		iov[n++] = (struct iovec){ (char *)&s->header + s->done, head - s->done };
	if (s->block && s->done < head)
		iov[n++] = (struct iovec){ s->block->data, s->header.length };
	else if (s->block)
		iov[n++] = (struct iovec){ s->block->data + s->done - head, length(s) - s->done };
	return n;
}

static ssize_t call(struct link *link, struct slot *s, bool lend)
{
	const struct spec *io = &link->w->spec->io;
	char control[ZC_COOKIE_ROOM] __attribute__((aligned(8))) = { 0 };
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = parts(s, iov) };
	int flags = MSG_DONTWAIT | (io->proto == PROTO_INTREE ? 0 : MSG_NOSIGNAL);
	uint64_t start = now_ns();
	ssize_t n;

	if (!is_tcp(link)) {
		msg.msg_name = &s->to;
		msg.msg_namelen = s->to_len;
	}
	if (lend)
		flags |= MSG_ZEROCOPY;
	if (lend && !is_tcp(link))
		zc_cookie(&msg, control, s - link->w->slots);
	n = sendmsg(link->fd, &msg, flags);
	link->w->f.f.send_calls++;
	link->w->f.f.send_ns += now_ns() - start;
	return n;
}

static int refused(struct link *link)
{
	link->w->f.f.refused++;
	if (errno == EAGAIN)
		link->blocked = true;
	else if (errno == ENOBUFS || errno == ENOMEM)
		link->congested = true;
	else if (errno != EINTR)
		return fail(link, "sendmsg");
	return 0;
}

static void sent(struct link *link, struct slot *s)
{
	struct kv_worker *w = link->w;

	link->first = s->next;
	if (!link->first)
		link->last = &link->first;
	s->whole = true;
	w->f.f.messages++;
	w->f.f.bytes += length(s);
	if (!s->lent || (is_tcp(link) && !s->calls))
		slot_put(w, s);
}

static int send_one(struct link *link, struct slot *s)
{
	const bool lend = link->w->spec->io.zerocopy != ZC_OFF && s->block;
	ssize_t n = call(link, s, lend);

	if (n < 0)
		return refused(link);
	if (lend && is_tcp(link)) {
		link->zc_slot[link->zc_next++ % ZC_RING] = s - link->w->slots;
		s->calls++;
	}
	s->lent |= lend;
	s->done += n;
	if (s->done == length(s))
		sent(link, s);
	return 1;
}

int link_flush(struct link *link)
{
	int ret = 1;

	while (link->first && ret == 1)
		ret = send_one(link, link->first);
	return ret;
}

/* ---- completions ---- */

static void returned(struct link *link, uint32_t at, enum verdict verdict)
{
	struct kv_worker *w = link->w;
	struct slot *s = &w->slots[at];

	if (at >= KV_SLOTS || !s->lent || !s->whole) {
		w->f.f.corrupt++;	/* a cookie that nobody waits for */
		return;
	}
	figures_cookie(&w->f.f, verdict);
	slot_put(w, s);
}

static void call_returned(struct link *link, uint32_t number, enum verdict verdict)
{
	struct slot *s = &link->w->slots[link->zc_slot[number % ZC_RING]];

	s->copied |= verdict == SAYS_COPIED;
	if (!s->lent || !s->calls)
		link->w->f.f.corrupt++;
	else if (!--s->calls && s->whole)
		returned(link, s - link->w->slots, s->copied ? SAYS_COPIED : SAYS_LENT);
}

static void take(struct link *link, const struct returned *r)
{
	uint32_t number;
	int i;

	for (number = r->lo; r->numbered && number != r->hi + 1; number++)
		call_returned(link, number, r->verdict);
	for (i = 0; i < r->n; i++)
		returned(link, r->cookies[i], r->verdict);
}

int link_reap(struct link *link)
{
	struct returned r;
	int ret;

	if (link->w->spec->io.zerocopy == ZC_OFF || link->w->spec->io.reaping != REAP_ERRQUEUE)
		return 0;
	ret = zc_reap(link->fd, is_tcp(link), &r);
	if (ret < 0)
		return fail(link, "error queue");
	*(ret ? &link->w->f.f.reap_calls : &link->w->f.f.reap_empty) += 1;
	if (ret)
		take(link, &r);
	return ret;
}

/* ---- in ---- */

/* What may come next: with TCP never more than the rest of this message. */
static int room(struct link *link, struct iovec *iov)
{
	const uint32_t head = sizeof(link->header);

	if (link->got < head) {
		iov[0] = (struct iovec){ (char *)&link->header + link->got, head - link->got };
		iov[1] = (struct iovec){ link->rx->data, link->w->spec->high };
		return is_tcp(link) ? 1 : 2;
	}
	iov[0] = (struct iovec){ link->rx->data + link->got - head,
				 link->header.length - (link->got - head) };
	return 1;
}

static bool has_block(const struct kv_header *header)
{
	return header->op == OP_WRITE || header->op == OP_BLOCK;
}

/* 1: all of it is there. */
static int complete(struct link *link)
{
	const uint32_t head = sizeof(link->header);
	uint32_t want = head;

	if (link->got < head)
		return 0;
	if (has_block(&link->header))
		want += link->header.length;
	if (link->header.length > link->w->spec->high || link->got > want ||
	    (!is_tcp(link) && link->got != want)) {
		link->w->error = "a message of the wrong length";
		return -1;
	}
	return link->got == want;
}

/* Cookies that only come with messages, where no message can be taken. */
int link_peek(struct link *link)
{
	char control[ZC_CMSGS_ROOM] __attribute__((aligned(8)));
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct returned r;

	if (is_tcp(link) || link->w->spec->io.reaping != REAP_CMSG)
		return 0;
	if (recvmsg(link->fd, &msg, MSG_DONTWAIT | MSG_PEEK) < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : fail(link, "recvmsg");
	if (msg.msg_controllen && zc_from_cmsgs(&msg, &r)) {
		link->w->f.f.reap_calls++;
		take(link, &r);
	}
	return 0;
}

/* 1: a message, or a part, or cookies; a message has been taken by its owner. */
int link_receive(struct link *link)
{
	struct kv_worker *w = link->w;
	char control[ZC_CMSGS_ROOM] __attribute__((aligned(8)));
	struct iovec iov[2];
	struct msghdr msg = { .msg_iov = iov };
	struct returned r;
	ssize_t n;
	int ret;

	if (!link->rx || (w->server && !w->free_slots))
		return 0;
	msg.msg_iovlen = room(link, iov);
	if (!is_tcp(link)) {
		msg.msg_name = &link->from;
		msg.msg_namelen = sizeof(link->from);
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
	}
	w->f.f.recv_calls++;
	n = recvmsg(link->fd, &msg, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : fail(link, "recvmsg");
	if (msg.msg_controllen && zc_from_cmsgs(&msg, &r)) {
		w->f.f.reap_calls++;
		take(link, &r);
		if (!n)
			return 1;
	}
	if (!n)
		return is_tcp(link) ? -1 : 0;
	link->from_len = msg.msg_namelen;
	link->got += n;
	ret = complete(link);
	if (ret <= 0)
		return ret < 0 ? ret : 1;
	link->got = 0;
	w->f.f.received++;
	return w->server ? store_take(link) : load_take(link);
}
