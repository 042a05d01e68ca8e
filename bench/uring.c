// SPDX-License-Identifier: GPL-2.0
/*
 * Sends by IORING_OP_SENDMSG_ZC, or from registered buffers by IORING_OP_SEND_ZC. The notification
 * says that the buffer is free; completions are read from the ring's memory, so the only system
 * calls are the submissions.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#ifndef IORING_NOTIF_USAGE_ZC_COPIED
#define IORING_NOTIF_USAGE_ZC_COPIED	(1U << 31)
#endif
#define REPORT_USAGE	(1U << 3)	/* IORING_SEND_ZC_REPORT_USAGE; liburing 2.3 lacks it */

struct request {
	struct msghdr msg;
	struct iovec iov;
};

struct uring {
	struct io_uring ring;
	uint32_t pool;
	uint16_t flags;			/* of each send */
	struct request *requests;	/* one for each buffer of each socket */
};

/*
 * 6.1 does not know the flag. It looks at flags before it looks at the descriptor, which is none.
 * In a ring of its own, which takes along whatever else the try leaves behind.
 */
static uint16_t usage_flag(void)
{
	struct io_uring_cqe *cqe;
	struct io_uring ring;
	uint16_t flag = 0;

	if (io_uring_queue_init(4, &ring, 0))
		return 0;
	io_uring_prep_send_zc(io_uring_get_sqe(&ring), -1, NULL, 0, 0, REPORT_USAGE);
	if (io_uring_submit(&ring) == 1 && !io_uring_wait_cqe(&ring, &cqe) && cqe->res == -EBADF)
		flag = REPORT_USAGE;
	io_uring_queue_exit(&ring);
	return flag;
}

struct uring *uring_new(unsigned int entries, uint32_t pool)
{
	struct uring *u = calloc(1, sizeof(*u));
	int err = io_uring_queue_init(entries, &u->ring, 0);

	if (err) {
		fprintf(stderr, "io_uring: %s\n", strerror(-err));
		exit(1);
	}
	u->pool = pool;
	u->flags = usage_flag();
	u->requests = calloc((size_t)pool * MAX_SOCKETS, sizeof(*u->requests));
	return u;
}

void uring_free(struct uring *u)
{
	if (!u)
		return;
	io_uring_queue_exit(&u->ring);
	free(u->requests);
	free(u);
}

int uring_fd(const struct uring *u)
{
	return u->ring.ring_fd;
}

bool by_uring(const struct spec *spec)
{
	return spec->zerocopy != ZC_OFF &&
		(spec->reaping == REAP_URING || spec->reaping == REAP_FIXED);
}

/* Does the kernel know the send at all? 5.10 does not. */
bool uring_can(const struct spec *spec)
{
	const int op = spec->reaping == REAP_FIXED ? IORING_OP_SEND_ZC : IORING_OP_SENDMSG_ZC;
	struct io_uring_probe *probe = io_uring_get_probe();
	bool can = probe && io_uring_opcode_supported(probe, op);

	io_uring_free_probe(probe);
	return can;
}

/* All buffers of a conn are one area, and its number is that of the conn. */
int uring_register(struct uring *u, struct conn *const *conns, int nr_conns)
{
	struct iovec areas[MAX_SOCKETS] = {};
	int i, err;

	for (i = 0; i < nr_conns; i++)
		areas[i] = (struct iovec){ conns[i]->pool[0].data, conns[i]->pool_bytes };
	err = io_uring_register_buffers(&u->ring, areas, nr_conns);
	if (err)
		fprintf(stderr, "io_uring's registered buffers: %s\n", strerror(-err));
	return err;
}

static bool named(const struct conn *c)
{
	return !socket_connected(c->w->spec);
}

/* A message of RDS goes whole or not at all, and its sendmsg knows no MSG_WAITALL. */
static unsigned int flags(const struct conn *c)
{
	return MSG_NOSIGNAL | (named(c) ? 0 : MSG_WAITALL);
}

static void prepare_fixed(struct io_uring_sqe *sqe, struct conn *c, struct buffer *b, uint32_t len)
{
	const unsigned int area = c->index / c->w->spec->threads;

	io_uring_prep_send_zc_fixed(sqe, c->fd, b->data, len, flags(c), 0, area);
	if (named(c))
		io_uring_prep_send_set_addr(sqe, (struct sockaddr *)&c->peer, c->peer_len);
}

static void prepare_message(struct io_uring_sqe *sqe, struct conn *c, struct buffer *b,
			    struct request *r, uint32_t len)
{
	r->iov = (struct iovec){ b->data, len };
	r->msg = (struct msghdr){ .msg_iov = &r->iov, .msg_iovlen = 1 };
	if (named(c)) {
		r->msg.msg_name = &c->peer;
		r->msg.msg_namelen = c->peer_len;
	}
	io_uring_prep_sendmsg_zc(sqe, c->fd, &r->msg, flags(c));
}

int uring_send(struct conn *c, struct buffer *b, int index, uint32_t len)
{
	struct uring *u = c->w->uring;
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	uint64_t start = now_ns(), took;
	int ret;

	if (!sqe)
		return 0;
	if (c->w->spec->reaping == REAP_FIXED)
		prepare_fixed(sqe, c, b, len);
	else
		prepare_message(sqe, c, b, &u->requests[(size_t)c->index * u->pool + index], len);
	sqe->ioprio |= u->flags;
	sqe->user_data = (uint64_t)c->index << 32 | (uint32_t)index;
	ret = io_uring_submit(&u->ring);
	took = now_ns() - start;
	c->w->f.send_calls++;
	c->w->f.send_ns += took;
	c->tx_ns += took;
	return ret == 1 ? 1 : -1;
}

/* The threads have the conns in turn. */
static struct conn *conn_of(struct worker *w, uint32_t index)
{
	return w->conns[index / w->spec->threads];
}

/* Older kernels do not say. */
static enum verdict verdict(const struct uring *u, const struct io_uring_cqe *cqe)
{
	if (!u->flags)
		return SAYS_NOTHING;
	return (uint32_t)cqe->res & IORING_NOTIF_USAGE_ZC_COPIED ? SAYS_COPIED : SAYS_LENT;
}

static int completion(struct worker *w, const struct io_uring_cqe *cqe)
{
	static char text[128];

	if (cqe->flags & IORING_CQE_F_NOTIF) {
		conn_returned(conn_of(w, cqe->user_data >> 32), (uint32_t)cqe->user_data,
			      verdict(w->uring, cqe));
		return 1;
	}
	if (cqe->res == (int)(w->server ? w->spec->reply : w->spec->size))
		return 0;
	snprintf(text, sizeof(text), "io_uring: %s",
		 cqe->res < 0 ? strerror(-cqe->res) : "a part was sent");
	w->error = text;
	return -1;
}

/* All that waits, of all conns of the worker. */
int uring_reap(struct worker *w)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;
	int took = 0, ret = 0;

	io_uring_for_each_cqe(&w->uring->ring, head, cqe) {
		ret = completion(w, cqe);
		took += ret == 1;
		n++;
		if (ret < 0)
			break;
	}
	io_uring_cq_advance(&w->uring->ring, n);
	w->f.reap_calls += took > 0;
	return ret < 0 ? ret : took > 0;
}
