// SPDX-License-Identifier: GPL-2.0
/*
 * The loop of one thread: send while there is something to send, else wait, receive and reap. Only
 * conns that are due are looked at, those to which something happened: there may be a thousand.
 */
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench.h"

#define DRAIN_NS	10000000000ull	/* for what is still out when sending stops */
#define TURN		64		/* calls for one conn in a row */
#define TURN_BYTES	262144		/* and what they may move */
#define EVENTS		64		/* of one wait */
#define WAIT_MS		100		/* for something to happen */

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

static bool ignores_cookies(const struct spec *spec)
{
	return spec->zerocopy != ZC_OFF && spec->reaping == REAP_NONE;
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
		    conn_reap_all(c) < 0)
			return -1;
	}
	return 0;
}

/* Who knows that nothing is on its way need not ask, either. */
static bool may_come(const struct conn *c)
{
	const struct spec *spec = c->w->spec;

	if (spec->mode == MODE_STREAM)
		return c->w->server || !c->last_seen;
	return c->w->server ? c->rx_seq - c->tx_seq < spec->depth : c->tx_seq != c->rx_seq;
}

static int receive_some(struct conn *c, bool block)
{
	/* News are told once, so all of it must be taken. */
	int ret, i, n = ignores_cookies(c->w->spec) ? INT_MAX : turn(c->rx_len);

	for (i = 0; i < n && (!i || may_come(c)); i++) {
		ret = conn_receive(c, block);
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
	conn_due(c);
	return c->since_reap >= c->w->spec->reap_every ? conn_reap_all(c) : 0;
}

/* A cookie that nobody takes raises its event for good: who ignores them is told only of news. */
static int watch(struct worker *w, int op, int fd, struct conn *c)
{
	const uint32_t edge = ignores_cookies(w->spec) ? EPOLLET : 0;
	const uint32_t room = c && c->blocked ? EPOLLOUT : 0;
	struct epoll_event event = { .events = EPOLLIN | room | edge, .data.ptr = c };

	if (c)
		c->watched_for_room = c->blocked;
	w->f.poll_calls++;
	if (!epoll_ctl(w->epoll, op, fd, &event))
		return 0;
	w->error = "epoll_ctl";
	return -1;
}

/* Before the first wait: who only ever sleeps in recvmsg has no wake-up of this to pay for. */
static int watch_all(struct worker *w)
{
	int i;

	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0) {
		w->error = "epoll_create1";
		return -1;
	}
	for (i = 0; i < w->nr_conns; i++)
		if (watch(w, EPOLL_CTL_ADD, w->conns[i]->fd, w->conns[i]) < 0)
			return -1;
	return w->uring ? watch(w, EPOLL_CTL_ADD, uring_fd(w->uring), NULL) : 0;
}

/*
 * A conn whose last send was refused, or taken in part, waits for room, too. Who is told only of
 * news asks each time: the room may have come in between.
 */
static int watch_for_room(struct worker *w, struct conn *c)
{
	if (w->epoll < 0 ||
	    (c->blocked == c->watched_for_room && !(c->blocked && ignores_cookies(w->spec))))
		return 0;
	return watch(w, EPOLL_CTL_MOD, c->fd, c);
}

static int handle(struct worker *w, const struct epoll_event *event)
{
	struct conn *c = event->data.ptr;

	if (!c)
		return uring_reap(w);
	conn_due(c);
	if (event->events & EPOLLERR && conn_reap_all(c) < 0)
		return -1;
	return event->events & EPOLLIN ? receive_some(c, false) : 0;
}

/* Milliseconds: none where something can be sent at once, for a turn has an end. */
static int patience(const struct conn *c)
{
	if (c->congested)
		return 1;
	return !c->blocked && has_to_send(c) && conn_has_room(c) ? 0 : WAIT_MS;
}

void conn_due(struct conn *c)
{
	struct worker *w = c->w;

	if (!c->is_due)
		w->due[w->nr_due++] = c;
	c->is_due = true;
}

static void all_due(struct worker *w)
{
	int i;

	for (i = 0; i < w->nr_conns; i++)
		conn_due(w->conns[i]);
}

/* How long nothing more can be done, in milliseconds, or -1. */
static int visit(struct worker *w)
{
	struct conn *list[MAX_SOCKETS];
	int i, n = w->nr_due, wait, timeout = WAIT_MS;

	memcpy(list, w->due, n * sizeof(list[0]));
	w->nr_due = 0;
	for (i = 0; i < n; i++)
		list[i]->is_due = false;
	for (i = 0; i < n; i++) {
		struct conn *c = list[i];

		c->blocked = c->congested = false;
		if (send_some(c) < 0 || watch_for_room(w, c) < 0)
			return -1;
		wait = patience(c);
		if (wait < WAIT_MS)
			conn_due(c);
		if (wait < timeout)
			timeout = wait;
	}
	return timeout;
}

static int wait_polling(struct worker *w, int timeout)
{
	struct epoll_event events[EVENTS];
	int i, n;

	if (w->epoll < 0 && watch_all(w) < 0)
		return -1;
	w->f.poll_calls++;
	n = epoll_wait(w->epoll, events, EVENTS, timeout);
	for (i = 0; i < n; i++)
		if (handle(w, &events[i]) < 0)
			return -1;
	if (!n && timeout == WAIT_MS)
		all_due(w);
	return 0;
}

/* What was wrong in the warm-up is wrong. */
static void new_era(struct worker *w)
{
	if (w->era == counting_era)
		return;
	w->era = counting_era;
	w->f = (struct figures){ .corrupt = w->f.corrupt };
	w->rtt.n = w->reuse.n = w->send.n = 0;
}

/* The client is done when all is answered and all buffers are back; the server when it is told. */
static bool all_done(struct worker *w)
{
	if (w->server || !stop_sending)
		return w->server && stop_now;
	for (; w->nr_done < w->nr_conns; w->nr_done++) {
		const struct conn *c = w->conns[w->nr_done];

		if (!answered(c) || c->unreturned)
			return false;
	}
	return true;
}

static int loop(struct worker *w)
{
	uint64_t give_up = 0;
	int timeout;

	all_due(w);
	while (!all_done(w)) {
		new_era(w);
		timeout = visit(w);
		if (timeout < 0)
			return -1;
		if (all_done(w))
			break;
		if ((may_block(w) ? wait_blocking(w->conns[0]) : wait_polling(w, timeout)) < 0)
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
	int i;

	w->era = counting_era;
	w->epoll = -1;
	if (loop(w) < 0 && !w->error && !stop_now)
		w->error = "connection lost";
	for (i = 0; i < w->nr_conns; i++)
		conn_check(w->conns[i]);
	if (w->epoll >= 0)
		close(w->epoll);
	return NULL;
}
