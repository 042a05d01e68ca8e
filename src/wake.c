// SPDX-License-Identifier: GPL-2.0
/*
 * wake.c - waking who sleeps on a socket or polls it.
 *
 * Nobody is woken where nobody waits. Who settles many messages at once, on an acknowledgement or
 * at the end of a pass, wakes each of their sockets once, when it is done with all.
 */
#include "rdsz.h"

/* Wake whoever sleeps on or polls the socket for one of @events. Any context. */
void rdsz_sock_wake(struct rdsz_sock *rs, __poll_t events)
{
	struct socket_wq *wq;

	rcu_read_lock();
	wq = rcu_dereference(rs->sk.sk_wq);
	if (skwq_has_sleeper(wq)) {
		rdsz_stat_inc(rs->rn, sock_wakeups);
		wake_up_interruptible_poll(&wq->wait, events);
	}
	rcu_read_unlock();
}

/**
 * rdsz_wake_later() - a socket to be woken with the others
 * @wakes: of the caller, on its stack; NULL: wake it now
 * @rs: socket; the caller's reference goes with it
 * @events: what has become of it; added to what it is woken for already
 *
 * Context: any up to softirq. What is told has happened, and can be seen.
 */
void rdsz_wake_later(struct rdsz_wakes *wakes, struct rdsz_sock *rs, __poll_t events)
{
	u32 i;

	if (!wakes) {
		rdsz_sock_wake(rs, events);
		sock_put(&rs->sk);
		return;
	}
	for (i = 0; i < wakes->nr; i++)
		if (wakes->list[i].rs == rs) {
			wakes->list[i].events |= events;
			sock_put(&rs->sk);
			return;
		}
	if (wakes->nr == ARRAY_SIZE(wakes->list))
		rdsz_wake_all(wakes);
	wakes->list[wakes->nr].rs = rs;
	wakes->list[wakes->nr++].events = events;
}

/**
 * rdsz_wake_all() - wake them, once each, and forget them
 * @wakes: may be used again
 *
 * Context: any up to softirq.
 */
void rdsz_wake_all(struct rdsz_wakes *wakes)
{
	u32 i;

	for (i = 0; i < wakes->nr; i++) {
		rdsz_sock_wake(wakes->list[i].rs, wakes->list[i].events);
		sock_put(&wakes->list[i].rs->sk);
	}
	wakes->nr = 0;
}
