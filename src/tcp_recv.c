// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_recv.c - cuts the byte stream of a connection into frames.
 *
 * Runs where TCP says that data has come (softirq mostly), under the lock of the TCP socket, so
 * nothing here may sleep. What cannot go on for want of memory leaves the rest in TCP and comes
 * back from the worker a little later; so does a part of a message that was waited for in vain
 * (tcp_part.c); what stops at rcv_mem_max comes back when messages were read.
 */
#include <net/tcp.h>

#include "tcp.h"
#include "trace.h"

/* Up to here a payload is copied behind its message, see incoming.c. */
#define RDSZ_INLINE_RECV	2048

/*
 * Frames read at a time. After a pause TCP may have a hundred thousand small ones, and while its
 * socket is locked it looks at nothing else: no acknowledgement, no keep-alive probe of a peer.
 */
#define RDSZ_RECV_FRAMES	1024

/* Can a header be meant? If not, why is counted. */
bool rdsz_tcp_header_ok(struct rdsz_net *rn, const struct rdsz_hdr *hdr)
{
	/* It may be a connection of which only the ports are known yet. */
	struct rdsz_endpoint from = { .port = hdr->sport }, to = { .port = hdr->dport };
	u32 len = be32_to_cpu(hdr->len);

	if (len > RDSZ_MAX_PAYLOAD) {
		rdsz_drop(rn, recv_drop_bad_len, &from, &to, len);
		return false;
	}
	if (hdr->flags == RDSZ_FLAG_MAP && len != RDSZ_MAP_BYTES) {
		rdsz_drop(rn, recv_drop_bad_map, &from, &to, len);
		return false;
	}
	return true;
}

/* Copy header bytes; returns how many were taken, or an error once it is complete. */
static int rdsz_recv_header(struct rdsz_tcp *tcp, struct sk_buff *skb, unsigned int offset,
			    size_t len)
{
	u32 part = min_t(size_t, len, RDSZ_HDR_LEN - tcp->hdr_got);

	if (!tcp->hdr_got)
		tcp->hdr_time = rdsz_rx_stamp(tcp->path->conn->rn);
	if (skb_copy_bits(skb, offset, (u8 *)&tcp->hdr + tcp->hdr_got, part))
		return -EFAULT;
	tcp->hdr_got += part;
	if (tcp->hdr_got < RDSZ_HDR_LEN)
		return part;
	if (!rdsz_tcp_header_ok(tcp->path->conn->rn, &tcp->hdr) ||
	    !rdsz_ack_learn(tcp->path, &tcp->hdr))
		return -EPROTO;
	return part;
}

static int rdsz_recv_begin_payload(struct rdsz_tcp *tcp)
{
	u32 len = be32_to_cpu(tcp->hdr.len);

	tcp->inc = rdsz_incoming_alloc(len, len <= RDSZ_INLINE_RECV, GFP_ATOMIC | __GFP_NOWARN);
	if (!tcp->inc)
		return -ENOMEM;
	tcp->inc_got = 0;
	rdsz_part_begin(tcp, len);
	tcp->inc->stages[RDSZ_RX_HEADER] = tcp->hdr_time;
	tcp->inc->stages[RDSZ_RX_START] = rdsz_rx_stamp(tcp->path->conn->rn);
	return 0;
}

static int rdsz_recv_payload(struct rdsz_tcp *tcp, struct sk_buff *skb, unsigned int offset,
			     size_t len)
{
	u32 part = min_t(size_t, len, tcp->inc->len - tcp->inc_got);
	int err = rdsz_incoming_add(tcp->path->conn->rn, tcp->inc, skb, offset, part,
				    tcp->inc_got);

	if (err)
		return err;
	tcp->inc_got += part;
	return part;
}

/* The frame is all there. After -ENOMEM it still is. */
static int rdsz_recv_finish(struct rdsz_tcp *tcp)
{
	struct rdsz_incoming *inc = tcp->inc;
	bool is_map = tcp->hdr.flags == RDSZ_FLAG_MAP;
	bool offered = inc->ready;

	if (is_map && rdsz_cong_received(tcp->path->conn, inc))
		return -ENOMEM;
	tcp->inc = NULL;
	tcp->inc_got = 0;
	tcp->hdr_got = 0;
	rdsz_path_heard(tcp->path);
	if (offered) {
		rdsz_part_end(tcp, inc);
		refcount_inc(&inc->refs);
	}
	if (is_map)
		rdsz_handshake_received(tcp->path, &tcp->hdr);
	else
		rdsz_deliver(tcp->path, &tcp->hdr, inc);
	if (offered) {
		rdsz_ahead_end(tcp->path, &tcp->hdr, inc);
		rdsz_incoming_put(inc);
	}
	return 0;
}

/* One step of the parser: bytes taken (0 is progress too: a frame is done), or an error. */
static int rdsz_recv_step(struct rdsz_tcp *tcp, struct sk_buff *skb, unsigned int offset,
			  size_t len)
{
	int ret;

	if (tcp->hdr_got < RDSZ_HDR_LEN)
		return rdsz_recv_header(tcp, skb, offset, len);
	if (!tcp->inc) {
		ret = rdsz_recv_begin_payload(tcp);
		if (ret)
			return ret;
	}
	if (tcp->inc_got < tcp->inc->len)
		return rdsz_recv_payload(tcp, skb, offset, len);
	return rdsz_recv_finish(tcp);
}

/* True if a whole frame waits for nothing but a step. */
static bool rdsz_recv_frame_complete(const struct rdsz_tcp *tcp)
{
	return tcp->hdr_got == RDSZ_HDR_LEN && tcp->inc_got == be32_to_cpu(tcp->hdr.len);
}

/* Before each frame: is it to wait, for room in memory, or for the worker to go on? */
static bool rdsz_recv_stops(read_descriptor_t *desc, struct rdsz_path *path)
{
	/* At most one message goes beyond rcv_mem_max: what TCP has may be many small. */
	if (rdsz_recv_paused(path)) {
		desc->count = 0;
	} else if (!--desc->count) {
		rdsz_stat_inc(path->conn->rn, recv_later);
		rdsz_net_queue_work(path->conn->rn, &path->recv_work);
	}
	return !desc->count;
}

/* Called by tcp_read_sock(); returns the bytes taken, desc->error tells why it stopped. */
static int rdsz_recv_actor(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset,
			   size_t len)
{
	struct rdsz_tcp *tcp = desc->arg.data;
	size_t left = len;

	if (!desc->count)	/* tcp_read_sock() offers the rest of a buffer again */
		return 0;
	while (left || rdsz_recv_frame_complete(tcp)) {
		int ret;

		if (!tcp->hdr_got && rdsz_recv_stops(desc, tcp->path))
			break;
		ret = rdsz_recv_step(tcp, skb, offset, left);
		if (ret < 0) {
			desc->error = ret;
			desc->count = 0;
			break;
		}
		offset += ret;
		left -= ret;
	}
	return len - left;
}

static void rdsz_tcp_read(struct rdsz_tcp *tcp, struct sock *sk)
{
	read_descriptor_t desc = { .arg.data = tcp, .count = RDSZ_RECV_FRAMES + 1 };
	struct rdsz_path *path = tcp->path;

	if (tcp->failed || rdsz_recv_paused(path))
		return;
	/* A frame that had to wait for memory may need no byte to go on. */
	if (rdsz_recv_frame_complete(tcp))
		desc.error = rdsz_recv_step(tcp, NULL, 0, 0);
	rdsz_part_reads(tcp, sk);
	if (!desc.error)
		tcp_read_sock(sk, &desc, rdsz_recv_actor);
	if (tcp->inc)
		rdsz_ahead_offer(path, &tcp->hdr, tcp->inc, tcp->inc_got);
	rdsz_ack_after_read(path, tcp_sk(sk)->snd_una);
	switch (desc.error) {
	case 0:
		break;
	case -ENOMEM:
		rdsz_stat_inc(path->conn->rn, recv_delayed_retry);
		rdsz_path_again(path, RDSZ_PATH_RECV_AGAIN);
		break;
	default:
		WRITE_ONCE(tcp->failed, true);
		rdsz_path_drop(path, RDSZ_DROP_PROTOCOL);
	}
}

/* TCP has data; it holds the lock of its socket while it tells. */
void rdsz_tcp_data_ready(struct sock *sk)
{
	struct rdsz_tcp *tcp;

	read_lock_bh(&sk->sk_callback_lock);
	tcp = rdsz_tcp_of(sk);
	if (tcp) {
		rdsz_stat_inc(tcp->path->conn->rn, tcp_data_ready_calls);
		if (rdsz_part_is_there(tcp, sk))
			rdsz_tcp_read(tcp, sk);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

/* In a worker of the path: read what is there. Closing waits for this work before it frees. */
void rdsz_tcp_receive(struct rdsz_path *path)
{
	struct rdsz_tcp *tcp = READ_ONCE(path->tcp);
	struct sock *sk;

	if (!tcp)
		return;
	sk = tcp->sock->sk;
	lock_sock(sk);
	rdsz_tcp_read(tcp, sk);
	release_sock(sk);
}
