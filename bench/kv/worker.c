// SPDX-License-Identifier: GPL-2.0
/* The loop of one thread of either side: ask (as a client), send, wait, receive, reap. */
#include <poll.h>

#include "kv.h"

#define DRAIN_NS	20000000000ull	/* for what is still out when the clients stop */
#define TURN		64

static int again(int (*step)(struct link *link), struct link *link)
{
	int ret = 1, i;

	for (i = 0; i < TURN && ret == 1; i++)
		ret = step(link);
	return ret;
}

/* Without a block to put it in, or a slot for the answer, no message is taken. */
static bool may_take(struct link *link)
{
	struct kv_worker *w = link->w;

	if (!link->rx)
		link->rx = block_get(&w->pool);
	if (!link->rx)
		w->f.waits_block++;
	else if (w->server && !w->free_slots)
		w->f.waits_slot++;
	else
		return true;
	return false;
}

static void wanted(struct kv_worker *w, struct pollfd *fds, int *timeout)
{
	uint32_t i;

	*timeout = 100;
	for (i = 0; i < w->nr_links; i++) {
		struct link *link = &w->links[i];
		const bool take = may_take(link);

		fds[i] = (struct pollfd){ .fd = link->fd, .events = take ? POLLIN : 0 };
		if (link->blocked)
			fds[i].events |= POLLOUT;
		if (link->congested || !take)
			*timeout = 1;
		link->blocked = link->congested = false;
	}
}

static int wait_and_take(struct kv_worker *w)
{
	struct pollfd fds[KV_WORKERS];
	int timeout;
	uint32_t i;

	wanted(w, fds, &timeout);
	w->f.f.poll_calls++;
	if (poll(fds, w->nr_links, timeout) < 0)
		return 0;
	for (i = 0; i < w->nr_links; i++) {
		struct link *link = &w->links[i];

		if (fds[i].revents & POLLERR && again(link_reap, link) < 0)
			return -1;
		if (!(fds[i].events & POLLIN) && link_peek(link) < 0)
			return -1;
		if (fds[i].revents & (POLLIN | POLLHUP) && again(link_receive, link) < 0)
			return -1;
	}
	return 0;
}

/* What was wrong in the warm-up is wrong. */
bool worker_new_era(struct kv_worker *w)
{
	if (w->era == counting_era)
		return false;
	w->era = counting_era;
	w->f = (struct kv_figures){ .f.corrupt = w->f.f.corrupt };
	w->latency.n = 0;
	w->pool.most_used = w->pool.size - w->pool.nr_free;
	w->pool.dry = 0;
	return true;
}

static bool all_done(const struct kv_worker *w)
{
	return w->server ? stop_now : stop_sending && load_done(w);
}

static int loop(struct kv_worker *w)
{
	uint64_t give_up = 0;
	uint32_t i;

	while (!all_done(w)) {
		worker_new_era(w);
		if (!w->server && load_issue(w) < 0)
			return -1;
		for (i = 0; i < w->nr_links; i++)
			if (link_flush(&w->links[i]) < 0)
				return -1;
		if (wait_and_take(w) < 0)
			return -1;
		if (w->server || !stop_sending)
			continue;
		if (!give_up)
			give_up = now_ns() + DRAIN_NS;
		if (now_ns() > give_up) {
			w->error = "answers or blocks did not come back";
			return -1;
		}
	}
	return 0;
}

void *kv_worker_run(void *arg)
{
	struct kv_worker *w = arg;

	if (loop(w) < 0 && !w->error && !(w->server && stop_now))
		w->error = "connection lost";
	w->f.most_used = w->pool.most_used;
	return NULL;
}
