// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_part.c - how much of a large message comes together in TCP before it is read.
 *
 * When more than a segment is read, TCP acknowledges it at once. Whoever takes each buffer as it
 * comes thus has each acknowledged, and a packet for every packet is work for both ends. A program
 * that reads by itself comes late, when much is there. So the parser comes late too: while it is in
 * the middle of a message, it waits for a part of it.
 *
 * How large a part may be depends on the sender: one whose congestion window is smaller would wait
 * for us, and we for it. So a timer ends a wait, and the parts grow while they come in time and
 * shrink when one did not. The end of a message is never waited for longer than it takes to come.
 */
#include <net/tcp.h>

#include "hrtimer_compat.h"
#include "tcp.h"

/* With parts smaller than this nothing is saved. */
#define RDSZ_PART_MIN	(16 * 1024)
#define RDSZ_PART_MAX	(128 * 1024)

/* A wait lasts one or two of these. */
#define RDSZ_PART_NS	(50 * NSEC_PER_USEC)

enum {
	RDSZ_PART_NONE,		/* nothing is waited for */
	RDSZ_PART_FRESH,	/* since the timer ran last */
	RDSZ_PART_OLD,		/* for longer: read what is there */
};

static void rdsz_part_time(struct rdsz_tcp *tcp)
{
	if (!test_and_set_bit(RDSZ_PATH_PART_TIMER, &tcp->path->flags))
		hrtimer_start(&tcp->part_timer, ns_to_ktime(RDSZ_PART_NS), HRTIMER_MODE_REL_SOFT);
}

/* A message begins: one more try. */
void rdsz_part_begin(struct rdsz_tcp *tcp)
{
	tcp->part = max_t(u32, tcp->part, RDSZ_PART_MIN);
}

/*
 * Bytes to wait for; 0: none, as where timers do not run in time (highres=off), for which a message
 * would come late.
 */
static u32 rdsz_part_wanted(const struct rdsz_tcp *tcp, const struct sock *sk)
{
	if (!tcp->inc || tcp->part < RDSZ_PART_MIN || hrtimer_resolution > RDSZ_PART_NS)
		return 0;
	return min3(tcp->part, tcp_sk(sk)->rcv_wnd / 4, tcp->inc->len - tcp->inc_got);
}

/* What lies in TCP is in its way: where memory is short, it drops what comes behind it. */
static bool rdsz_part_presses(const struct sock *sk)
{
	return tcp_under_memory_pressure(sk) ||
		atomic_read(&sk->sk_rmem_alloc) > READ_ONCE(sk->sk_rcvbuf) / 4;
}

/**
 * rdsz_part_is_there() - TCP has got more: is it time to read?
 * @tcp: connection
 * @sk: its socket, locked
 */
bool rdsz_part_is_there(struct rdsz_tcp *tcp, struct sock *sk)
{
	if (tcp_inq(sk) >= rdsz_part_wanted(tcp, sk) || rdsz_part_presses(sk))
		return true;
	if (READ_ONCE(tcp->part_wait) == RDSZ_PART_NONE)
		WRITE_ONCE(tcp->part_wait, RDSZ_PART_FRESH);
	rdsz_part_time(tcp);
	return false;
}

/**
 * rdsz_part_reads() - what is there is about to be read
 * @tcp: connection
 * @sk: its socket, locked
 */
void rdsz_part_reads(struct rdsz_tcp *tcp, struct sock *sk)
{
	u32 there = tcp_inq(sk);

	if (tcp->inc && tcp->part >= RDSZ_PART_MIN && there >= tcp->part) {
		tcp->part = min_t(u32, 2 * tcp->part, RDSZ_PART_MAX);
	} else if (READ_ONCE(tcp->part_wait) == RDSZ_PART_OLD &&
		   there < rdsz_part_wanted(tcp, sk)) {
		rdsz_stat_inc(tcp->path->conn->rn, recv_part_late);
		tcp->part = there / 2;
	}
	WRITE_ONCE(tcp->part_wait, RDSZ_PART_NONE);
}

static enum hrtimer_restart rdsz_part_timer(struct hrtimer *timer)
{
	struct rdsz_tcp *tcp = container_of(timer, struct rdsz_tcp, part_timer);
	struct rdsz_path *path = tcp->path;

	clear_bit(RDSZ_PATH_PART_TIMER, &path->flags);
	smp_mb__after_atomic();	/* clear, then look: a wait that begins now starts it again */
	switch (cmpxchg(&tcp->part_wait, RDSZ_PART_FRESH, RDSZ_PART_OLD)) {
	case RDSZ_PART_FRESH:
		rdsz_part_time(tcp);
		break;
	case RDSZ_PART_OLD:
		rdsz_net_queue_work(path->conn->rn, &path->recv_work, 0);
		break;
	}
	return HRTIMER_NORESTART;
}

void rdsz_part_init(struct rdsz_tcp *tcp)
{
	rdsz_hrtimer_setup(&tcp->part_timer, rdsz_part_timer, HRTIMER_MODE_REL_SOFT);
}

/* The callbacks of the socket are not ours any more, so no wait begins. */
void rdsz_part_exit(struct rdsz_tcp *tcp)
{
	hrtimer_cancel(&tcp->part_timer);
	clear_bit(RDSZ_PATH_PART_TIMER, &tcp->path->flags);
}
