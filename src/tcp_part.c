// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_part.c - how much of a large message comes together in TCP before it is read.
 *
 * When more than a segment is read, TCP acknowledges it at once. Whoever takes each buffer as it
 * comes thus has each acknowledged, and a packet for every packet is work for both ends. A program
 * that reads by itself comes late, when much is there. So the parser comes late too: in the middle
 * of a message, or where one begins whose header it can see, it waits for a part of it.
 *
 * How large a part may be depends on the sender: one whose congestion window is smaller would wait
 * for us, and we for it. So a timer ends a wait, and the parts grow while they come in time and
 * shrink when one did not. The end of a message is never waited for longer than it takes to come.
 *
 * Parts are small where a reader copies what has come while the rest is on its way (ahead.c): it
 * can begin no earlier than the parser. They are large where nobody does: readers are busy with
 * older messages, or have no CPU.
 *
 * All of it is there from the first large message of a connection on, which most connections never
 * have; without memory for it nothing is waited for.
 */
#include <linux/slab.h>
#include <net/tcp.h>

#include "hrtimer_compat.h"
#include "tcp.h"

/* With parts smaller than this nothing is saved. */
#define RDSZ_PART_MIN	(16 * 1024)

/* With a reader that copies them as they come; without, but so that one could in 1 MiB. */
#define RDSZ_PART_AHEAD	(128 * 1024)
#define RDSZ_PART_MAX	(512 * 1024)

/* A wait lasts one or two of these. */
#define RDSZ_PART_NS	(50 * NSEC_PER_USEC)

enum {
	RDSZ_PART_NONE,		/* nothing is waited for */
	RDSZ_PART_FRESH,	/* since the timer ran last */
	RDSZ_PART_OLD,		/* for longer: read what is there */
};

/**
 * struct rdsz_part - what of a large message a connection waits for
 * @path: its path
 * @size: how much is to come together, under the lock of the TCP socket
 * @ahead: somebody copied of the last large message before it was complete; under the same lock
 * @wait: for how long it has been waited for; @timer changes it without that lock
 * @timer: ends the wait; runs while RDSZ_PATH_PART_TIMER is set. Started and stopped under the lock
 *	of the TCP socket, started again by itself
 */
struct rdsz_part {
	struct rdsz_path	*path;
	u32			size;
	bool			ahead;
	int			wait;
	struct hrtimer		timer;
};

static void rdsz_part_time(struct rdsz_part *part)
{
	if (!test_and_set_bit(RDSZ_PATH_PART_TIMER, &part->path->flags))
		hrtimer_start(&part->timer, ns_to_ktime(RDSZ_PART_NS), HRTIMER_MODE_REL_SOFT);
}

static enum hrtimer_restart rdsz_part_timer(struct hrtimer *timer)
{
	struct rdsz_part *part = container_of(timer, struct rdsz_part, timer);
	struct rdsz_path *path = part->path;

	clear_bit(RDSZ_PATH_PART_TIMER, &path->flags);
	smp_mb__after_atomic();	/* clear, then look: a wait that begins now starts it again */
	switch (cmpxchg(&part->wait, RDSZ_PART_FRESH, RDSZ_PART_OLD)) {
	case RDSZ_PART_FRESH:
		rdsz_part_time(part);
		break;
	case RDSZ_PART_OLD:
		rdsz_net_queue_work(path->conn->rn, &path->recv_work);
		break;
	}
	return HRTIMER_NORESTART;
}

static struct rdsz_part *rdsz_part_alloc(struct rdsz_path *path)
{
	struct rdsz_part *part = kzalloc(sizeof(*part), GFP_ATOMIC | __GFP_NOWARN);

	if (!part)
		return NULL;
	part->path = path;
	rdsz_hrtimer_setup(&part->timer, rdsz_part_timer, HRTIMER_MODE_REL_SOFT);
	return part;
}

/* A message of so many bytes begins: one more try. */
void rdsz_part_begin(struct rdsz_tcp *tcp, u32 len)
{
	if (len < RDSZ_PART_MIN)
		return;
	if (!tcp->part)
		WRITE_ONCE(tcp->part, rdsz_part_alloc(tcp->path));
	if (tcp->part)
		tcp->part->size = max_t(u32, tcp->part->size, RDSZ_PART_MIN);
}

/* A message that was offered ahead is complete: did anybody take it? */
void rdsz_part_end(struct rdsz_tcp *tcp, const struct rdsz_incoming *inc)
{
	if (tcp->part)
		tcp->part->ahead = READ_ONCE(inc->is_taken);
}

/*
 * The header that is next in TCP, which has so many bytes: how long is the frame? 0: not known, or
 * half of it is there, and what is saved by a wait is less than its timer. Nothing is taken, for
 * TCP would acknowledge what came with it.
 */
static u32 rdsz_part_peek(const struct sock *sk, u32 inq)
{
	const struct sk_buff *skb = skb_peek(&sk->sk_receive_queue);
	struct rdsz_hdr hdr;
	u32 offset, len;

	if (inq < RDSZ_PART_MIN || !skb)
		return 0;
	offset = tcp_sk(sk)->copied_seq - TCP_SKB_CB(skb)->seq;
	if (offset >= skb->len || skb_copy_bits(skb, offset, &hdr, sizeof(hdr)))
		return 0;
	len = be32_to_cpu(hdr.len);
	return len < 2 * inq || len > RDSZ_MAX_PAYLOAD ? 0 : RDSZ_HDR_LEN + len;
}

/*
 * Bytes to wait for; 0: none, as where timers do not run in time (highres=off), for which a message
 * would come late.
 */
static u32 rdsz_part_wanted(const struct rdsz_tcp *tcp, const struct sock *sk, u32 inq)
{
	u32 left = 0;

	if (!tcp->part || tcp->part->size < RDSZ_PART_MIN || hrtimer_resolution > RDSZ_PART_NS)
		return 0;
	if (tcp->inc)
		left = tcp->inc->len - tcp->inc_got;
	else if (!tcp->hdr_got)
		left = rdsz_part_peek(sk, inq);
	return min3(tcp->part->size, tcp_sk(sk)->rcv_wnd / 4, left);
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
	u32 inq = tcp_inq(sk);
	u32 wanted = rdsz_part_wanted(tcp, sk, inq);

	if (inq >= wanted || rdsz_part_presses(sk))
		return true;
	if (READ_ONCE(tcp->part->wait) == RDSZ_PART_NONE)
		WRITE_ONCE(tcp->part->wait, RDSZ_PART_FRESH);
	rdsz_part_time(tcp->part);
	return false;
}

/**
 * rdsz_part_reads() - what is there is about to be read
 * @tcp: connection
 * @sk: its socket, locked
 */
void rdsz_part_reads(struct rdsz_tcp *tcp, struct sock *sk)
{
	struct rdsz_part *part = tcp->part;
	u32 there, wanted;

	if (!part)
		return;
	there = tcp_inq(sk);
	wanted = rdsz_part_wanted(tcp, sk, there);
	if (wanted && there >= part->size) {
		part->size = min_t(u32, 2 * part->size,
				   part->ahead ? RDSZ_PART_AHEAD : RDSZ_PART_MAX);
	} else if (READ_ONCE(part->wait) == RDSZ_PART_OLD && there < wanted) {
		rdsz_stat_inc(part->path->conn->rn, recv_part_late);
		part->size = there / 2;
	}
	WRITE_ONCE(part->wait, RDSZ_PART_NONE);
	/* Most waits end before it: to stop it costs less than to let it run for nothing. */
	if (test_bit(RDSZ_PATH_PART_TIMER, &part->path->flags) &&
	    hrtimer_try_to_cancel(&part->timer) > 0)
		clear_bit(RDSZ_PATH_PART_TIMER, &part->path->flags);
}

/* The callbacks of the socket are not ours any more, so no wait begins. */
void rdsz_part_stop(struct rdsz_tcp *tcp)
{
	struct rdsz_part *part = READ_ONCE(tcp->part);	/* the worker may still set it */

	if (part)
		hrtimer_cancel(&part->timer);
	clear_bit(RDSZ_PATH_PART_TIMER, &tcp->path->flags);
}

/* Nobody reads any more. */
void rdsz_part_free(struct rdsz_tcp *tcp)
{
	kfree(tcp->part);
}
