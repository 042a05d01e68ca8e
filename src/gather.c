// SPDX-License-Identifier: GPL-2.0
/*
 * gather.c - small messages of a burst go to TCP together.
 *
 * A program that sends many small messages one after the other pays for each a call into TCP, a
 * packet, and a wake-up of the peer. If it will soon be back, for it has more to read, or if very
 * many are on their way to the peer, a small message stays in the queue of its path, until
 *
 * - there are enough of them for one call,
 * - the program has nothing more to do: it finds nothing to read, it polls and will have to sleep,
 *   it cannot send more, it closes the socket,
 * - or gather_us has passed since the first of them.
 *
 * Whoever transmits on the path for another reason takes them along. A question that waits for its
 * answer is not delayed. Nor are, for more and more messages, those of a program that sends too
 * slowly, or to many peers in turn: a timer that finds few costs more than the calls that it saves.
 *
 * A socket gathers on one path at a time. Which one is in @path, with a reference to its conn; who
 * takes it out by xchg() kicks the path and puts the reference. Queue, then look at @path; take
 * @path, then transmit: whoever sees a path there may leave its message to the taker.
 */
#include "hrtimer_compat.h"
#include "rdsz.h"

#define RDSZ_GATHER_UNACKED	64	/* so many on their way take longer than gather_us anyway */
#define RDSZ_GATHER_LEN		2048	/* larger messages are worth a call of their own */
#define RDSZ_GATHER_BYTES	8192
#define RDSZ_GATHER_FEW		4	/* fewer are not worth it */
#define RDSZ_GATHER_PAUSE_MIN	16	/* messages that go at once after few came together */
#define RDSZ_GATHER_PAUSE_MAX	1024	/* the same if it is so each time */

/**
 * struct rdsz_gather - of a socket that has sent in bursts
 * @rn: namespace of the socket
 * @path: where messages wait to be transmitted, or NULL; xchg'ed
 * @pause: so many messages are not delayed; a lost update costs nothing, here and below
 * @last_pause: how long the last one was, 0 since messages went without the timer
 * @timer: bounds how long; runs on when the path was taken before
 */
struct rdsz_gather {
	struct rdsz_net		*rn;
	u32			pause;
	u32			last_pause;
	struct rdsz_path	*path;
	struct hrtimer		timer;
};

/* What was taken goes. Returns how many messages waited on the path, of whomever. */
static u32 rdsz_gather_send(struct rdsz_path *path, bool may_sleep)
{
	u32 msgs = READ_ONCE(path->queued.msgs);

	if (msgs)
		rdsz_path_kick(path, may_sleep);
	rdsz_conn_put(path->conn);
	return msgs;
}

static u32 rdsz_gather_take(struct rdsz_gather *g, bool may_sleep)
{
	struct rdsz_path *path = xchg(&g->path, NULL);

	return path ? rdsz_gather_send(path, may_sleep) : 0;
}

static void rdsz_gather_found_few(struct rdsz_gather *g)
{
	u32 pause = clamp_t(u32, READ_ONCE(g->last_pause) * 2, RDSZ_GATHER_PAUSE_MIN,
			    RDSZ_GATHER_PAUSE_MAX);

	WRITE_ONCE(g->last_pause, pause);
	WRITE_ONCE(g->pause, pause);
}

static enum hrtimer_restart rdsz_gather_timer(struct hrtimer *timer)
{
	struct rdsz_gather *g = container_of(timer, struct rdsz_gather, timer);
	u32 msgs = rdsz_gather_take(g, false);

	if (msgs)
		rdsz_stat_inc(g->rn, send_gather_timer);
	if (msgs && msgs < RDSZ_GATHER_FEW)
		rdsz_gather_found_few(g);
	return HRTIMER_NORESTART;
}

static struct rdsz_gather *rdsz_gather_need(struct rdsz_sock *rs)
{
	struct rdsz_gather *g = READ_ONCE(rs->gather), *other;

	if (likely(g))
		return g;
	g = kzalloc(sizeof(*g), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!g)
		return NULL;
	g->rn = rs->rn;
	rdsz_hrtimer_setup(&g->timer, rdsz_gather_timer, HRTIMER_MODE_REL_SOFT);
	other = cmpxchg(&rs->gather, NULL, g);
	if (!other)
		return g;
	kfree(g);
	return other;
}

static bool rdsz_gather_pays(const struct rdsz_sock *rs, const struct rdsz_path *path, u32 len)
{
	return len <= RDSZ_GATHER_LEN && path->conn->ops->type == RDSZ_TRANS_TCP &&
		(READ_ONCE(rs->rcv_msgs) ||
		 READ_ONCE(path->unacked.msgs) >= RDSZ_GATHER_UNACKED) && rdsz_path_is_up(path);
}

static bool rdsz_gather_is_full(const struct rdsz_path *path)
{
	return READ_ONCE(path->queued.msgs) >= RDSZ_PASS_MSGS ||
		READ_ONCE(path->queued.bytes) >= RDSZ_GATHER_BYTES;
}

/* 0 if nothing is to be delayed: not at all, or because the clock only ticks. */
static ktime_t rdsz_gather_time(const struct rdsz_net *rn)
{
	u32 ns = READ_ONCE(rn->sysctl.gather_us) * NSEC_PER_USEC;

	return hrtimer_resolution <= ns ? ns_to_ktime(ns) : 0;
}

static bool rdsz_gather_pauses(struct rdsz_gather *g)
{
	u32 pause = READ_ONCE(g->pause);

	if (pause)
		WRITE_ONCE(g->pause, pause - 1);
	return pause;
}

/* The path is not the one on which the socket gathers. Who sends to many in turn gains nothing. */
static void rdsz_gather_begin(struct rdsz_gather *g, struct rdsz_path *path, ktime_t time)
{
	struct rdsz_path *old;

	rdsz_conn_hold(path->conn);
	old = xchg(&g->path, path);
	if (old) {	/* the timer runs already */
		if (rdsz_gather_send(old, true) < RDSZ_GATHER_FEW)
			rdsz_gather_found_few(g);
	} else {
		hrtimer_start(&g->timer, time, HRTIMER_MODE_REL_SOFT);
	}
}

/* The caller will kick the path. What comes next has all the time again. */
static void rdsz_gather_end(struct rdsz_gather *g, struct rdsz_path *path)
{
	if (READ_ONCE(g->path) != path || cmpxchg(&g->path, path, NULL) != path)
		return;
	WRITE_ONCE(g->last_pause, 0);
	rdsz_conn_put(path->conn);
}

/**
 * rdsz_gather() - may a message that was just queued wait for others?
 * @rs: its sender
 * @path: where it is queued; the caller has a reference to the conn
 * @len: its payload
 *
 * Context: process.
 * Return: false if the caller must kick the path.
 */
bool rdsz_gather(struct rdsz_sock *rs, struct rdsz_path *path, u32 len)
{
	struct rdsz_gather *g;
	ktime_t time;

	if (likely(!rdsz_gather_pays(rs, path, len)))
		return false;
	time = rdsz_gather_time(rs->rn);
	g = time ? rdsz_gather_need(rs) : NULL;
	if (!g || rdsz_gather_pauses(g))
		return false;
	if (rdsz_gather_is_full(path)) {
		rdsz_gather_end(g, path);
		return false;
	}
	rdsz_stat_inc(rs->rn, send_gathered);
	smp_mb();	/* queued, then look at the path; pairs with the xchg() of who takes it */
	if (READ_ONCE(g->path) != path)
		rdsz_gather_begin(g, path, time);
	return true;
}

/**
 * rdsz_gather_flush() - the sender has nothing more to add
 * @rs: socket
 * @may_sleep: transmit right here
 */
void rdsz_gather_flush(struct rdsz_sock *rs, bool may_sleep)
{
	struct rdsz_gather *g = READ_ONCE(rs->gather);

	if (g && READ_ONCE(g->path) && rdsz_gather_take(g, may_sleep))
		WRITE_ONCE(g->last_pause, 0);
}

/*
 * The socket is being closed; nobody sends any more, and what has not gone to TCP will be
 * withdrawn.
 */
void rdsz_gather_close(struct rdsz_sock *rs)
{
	struct rdsz_gather *g = rs->gather;
	struct rdsz_path *path;

	if (!g)
		return;
	hrtimer_cancel(&g->timer);
	path = xchg(&g->path, NULL);
	if (path) {
		rdsz_path_kick(path, true);
		if (path->conn->ops->needs_worker())
			flush_work(&path->send_work);
		rdsz_conn_put(path->conn);
	}
	rs->gather = NULL;
	kfree(g);
}
