// SPDX-License-Identifier: GPL-2.0
/*
 * Sends by IORING_OP_SENDMSG_ZC. The notification says that the buffer is free; completions are read
 * from the ring's memory, so the only system calls are the submissions.
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
	struct request *requests;	/* one for each buffer of each socket */
};

struct uring *uring_new(unsigned int entries, uint32_t pool)
{
	struct uring *u = calloc(1, sizeof(*u));
	int err = io_uring_queue_init(entries, &u->ring, 0);

	if (err) {
		fprintf(stderr, "io_uring: %s\n", strerror(-err));
		exit(1);
	}
	u->pool = pool;
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

int uring_send(struct conn *c, struct buffer *b, int index, uint32_t len)
{
	struct uring *u = c->w->uring;
	struct request *r = &u->requests[(size_t)c->index * u->pool + index];
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	uint64_t start = now_ns(), took;
	int ret;

	if (!sqe)
		return 0;
	r->iov = (struct iovec){ b->data, len };
	r->msg = (struct msghdr){ .msg_iov = &r->iov, .msg_iovlen = 1 };
	if (c->w->spec->proto != PROTO_TCP && c->w->spec->proto != PROTO_UNIX) {
		r->msg.msg_name = &c->peer;
		r->msg.msg_namelen = c->peer_len;
	}
	io_uring_prep_sendmsg_zc(sqe, c->fd, &r->msg, MSG_NOSIGNAL | MSG_WAITALL);
	sqe->ioprio |= REPORT_USAGE;
	sqe->user_data = (uint64_t)c->index << 32 | (uint32_t)index;
	ret = io_uring_submit(&u->ring);
	took = now_ns() - start;
	c->w->f.send_calls++;
	c->w->f.send_ns += took;
	c->tx_ns += took;
	return ret == 1 ? 1 : -1;
}

static struct conn *conn_of(struct worker *w, uint32_t index)
{
	int i;

	for (i = 0; i < w->nr_conns; i++)
		if (w->conns[i]->index == (int)index)
			return w->conns[i];
	abort();
}

static int completion(struct worker *w, const struct io_uring_cqe *cqe)
{
	static char text[128];

	if (cqe->flags & IORING_CQE_F_NOTIF) {
		conn_returned(conn_of(w, cqe->user_data >> 32), (uint32_t)cqe->user_data,
			      (uint32_t)cqe->res & IORING_NOTIF_USAGE_ZC_COPIED);
		return 1;
	}
	if (cqe->res >= 0)
		return 0;
	snprintf(text, sizeof(text), "SENDMSG_ZC: %s", strerror(-cqe->res));
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
