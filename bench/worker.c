// SPDX-License-Identifier: GPL-2.0
/* The loop of one thread: send while there is something to send, else wait, receive and reap. */
#include <poll.h>
#include <string.h>

#include "bench.h"

#define DRAIN_NS	10000000000ull	/* for what is still out when sending stops */
#define TURN		64		/* calls for one conn in a row */
#define TURN_BYTES	262144		/* and what they may move */

static bool has_to_send(const struct conn *c)
{
	const struct spec *spec = c->w->spec;

	if (c->sending >= 0)
		return true;
	if (c->w->server)
		return spec->mode == MODE_RR ? c->tx_seq < c->rx_seq : c->last_seen && !c->tx_seq;
	if (spec->mode == MODE_STREAM)
		return !c->last_sent;
	return !stop_sending && c->tx_seq - c->rx_seq < spec->depth;
}

static bool answered(const struct conn *c)
{
	if (c->w->spec->mode == MODE_STREAM)
		return c->last_seen;
	return c->sending < 0 && c->tx_seq == c->rx_seq;
}

static int reap_all(struct conn *c)
{
	int ret, i;

	for (i = 0; i < TURN; i++) {
		ret = conn_reap(c);
		if (ret <= 0)
			return ret;
	}
	return 0;
}

static int turn(uint32_t len)
{
	return len > TURN_BYTES / TURN ? (int)(TURN_BYTES / len) + 1 : TURN;
}

static int send_some(struct conn *c)
{
	int ret, i, n = turn(c->w->server ? c->w->spec->reply : c->w->spec->size);

	for (i = 0; i < n && has_to_send(c); i++) {
		ret = conn_send(c);
		if (ret < 0)
			return ret;
		if (!ret)
			break;
		if (c->since_reap >= c->w->spec->reap_every && c->w->spec->reap_every > 1 &&
		    reap_all(c) < 0)
			return -1;
	}
	return 0;
}

static int receive_some(struct conn *c, bool block)
{
	int ret, i, n = turn(c->rx_len);

	for (i = 0; i < n; i++) {
		ret = conn_receive(c, block && !i);
		if (ret <= 0)
			return ret;
		if (block)
			return 0;
	}
	return 0;
}

/* One conn with nothing to send but something to come: wait in recvmsg itself. */
static bool may_block(struct worker *w)
{
	const struct conn *c = w->conns[0];

	if (w->spec->waiting != WAIT_BLOCK || w->nr_conns != 1 || has_to_send(c))
		return false;
	return w->server || !answered(c);
}

static int wait_blocking(struct conn *c)
{
	if (receive_some(c, true) < 0)
		return -1;
	return c->since_reap >= c->w->spec->reap_every ? reap_all(c) : 0;
}

static int wait_polling(struct worker *w)
{
	struct pollfd fds[MAX_SOCKETS + 1];
	int i, n = w->nr_conns, timeout = 100;

	for (i = 0; i < n; i++) {
		struct conn *c = w->conns[i];

		fds[i] = (struct pollfd){ .fd = c->fd, .events = POLLIN };
		if (c->blocked)
			fds[i].events |= POLLOUT;
		if (c->congested)
			timeout = 1;
		c->blocked = c->congested = false;
	}
	if (w->uring)
		fds[n++] = (struct pollfd){ .fd = uring_fd(w->uring), .events = POLLIN };
	w->f.poll_calls++;
	if (poll(fds, n, timeout) <= 0)
		return 0;
	for (i = 0; i < w->nr_conns; i++) {
		if (fds[i].revents & POLLERR && reap_all(w->conns[i]) < 0)
			return -1;
		if (fds[i].revents & POLLIN && receive_some(w->conns[i], false) < 0)
			return -1;
	}
	return w->uring && fds[w->nr_conns].revents ? uring_reap(w) : 0;
}

static void new_era(struct worker *w)
{
	if (w->era == counting_era)
		return;
	w->era = counting_era;
	memset(&w->f, 0, sizeof(w->f));
	w->rtt.n = w->reuse.n = w->send.n = 0;
}

/* The client is done when all is answered and all buffers are back; the server when it is told. */
static bool all_done(struct worker *w)
{
	int i;

	if (w->server || !stop_sending)
		return w->server && stop_now;
	for (i = 0; i < w->nr_conns; i++)
		if (!answered(w->conns[i]) || w->conns[i]->unreturned)
			return false;
	return true;
}

static int loop(struct worker *w)
{
	uint64_t give_up = 0;
	int i;

	while (!all_done(w)) {
		new_era(w);
		for (i = 0; i < w->nr_conns; i++)
			if (send_some(w->conns[i]) < 0)
				return -1;
		if (all_done(w))
			break;
		if ((may_block(w) ? wait_blocking(w->conns[0]) : wait_polling(w)) < 0)
			return -1;
		if (!stop_sending || w->server)
			continue;
		if (!give_up)
			give_up = now_ns() + DRAIN_NS;
		if (now_ns() > give_up) {
			w->error = "answers or buffers did not come back";
			return -1;
		}
	}
	return 0;
}

void *worker_run(void *arg)
{
	struct worker *w = arg;

	w->era = counting_era;
	if (loop(w) < 0 && !w->error && !stop_now)
		w->error = "connection lost";
	return NULL;
}
