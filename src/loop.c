// SPDX-License-Identifier: GPL-2.0
/*
 * loop.c - the transport for destinations in the same namespace.
 *
 * No bytes are copied on the way: the reader copies from the sender's payload, and the cookie comes
 * back after that read. The sender's send buffer is released as soon as the message is delivered;
 * what holds a fast sender back is the congestion map, which both sides share, and rcv_mem_max.
 */
#include "payload.h"
#include "rdsz.h"

static int rdsz_loop_connect(struct rdsz_path *path)
{
	set_bit(RDSZ_PATH_ESTABLISHED, &path->flags);
	return 0;
}

static int rdsz_loop_adopt(struct rdsz_path *path, struct socket *sock)
{
	return -EOPNOTSUPP;
}

static void rdsz_loop_nothing(struct rdsz_path *path)
{
}

/* Readers have made room: go on. */
static void rdsz_loop_receive(struct rdsz_path *path)
{
	rdsz_path_kick(path, true);
}

static bool rdsz_loop_drained(struct rdsz_path *path)
{
	return true;
}

static enum rdsz_flight rdsz_loop_flight(struct rdsz_path *path, u32 *una)
{
	return RDSZ_FLIGHT_NONE;
}

static bool rdsz_loop_needs_worker(void)
{
	return false;
}

static struct rdsz_message *rdsz_loop_pop(struct rdsz_path *path)
{
	struct rdsz_message *m;

	spin_lock_bh(&path->lock);
	rdsz_queue_commit(path, 1, 0);
	m = list_first_entry_or_null(&path->send_queue, struct rdsz_message, path_node);
	if (m) {
		clear_bit(RDSZ_MSG_ON_PATH, &m->flags);
		rdsz_path_load_left(path, m);
		list_del_init(&m->path_node);
	}
	spin_unlock_bh(&path->lock);
	return m;
}

static void rdsz_loop_deliver(struct rdsz_conn *conn, struct rdsz_message *m,
			      struct rdsz_incoming *inc)
{
	struct rdsz_endpoint from = rdsz_conn_endpoint(conn, &conn->key.local, m->hdr.sport);
	struct rdsz_endpoint to = rdsz_conn_endpoint(conn, &conn->key.peer, m->hdr.dport);

	inc->len = m->len;
	inc->seq = be64_to_cpu(m->hdr.seq);
	WRITE_ONCE(m->path->next_rx_seq, inc->seq + 1);	/* both directions are this one */
	if (m->payload) {
		inc->payload = rdsz_payload_get(m->payload);
		inc->mem += m->len;
	}
	if (ntohs(to.port) == RDSZ_PORT_PING && READ_ONCE(conn->rn->sysctl.ping_enable)) {
		/* The pong: an empty message from port 0 of the address that was asked. */
		rdsz_stat_inc(conn->rn, recv_ping);
		rdsz_stat_inc(conn->rn, send_pong);
		rdsz_payload_put(inc->payload);
		inc->payload = NULL;
		inc->mem -= m->len;
		inc->len = 0;
		rdsz_deliver_to(conn->rn, &to, &from, inc);
	} else {
		rdsz_deliver_to(conn->rn, &from, &to, inc);
	}
}

/* Messages in one transmit run; then whoever transmits looks up, and a worker may take over. */
#define RDSZ_RUN_MSGS	256

/* The caller owns the path, so nobody else takes messages off the queue; a cancel may. */
static int rdsz_loop_xmit(struct rdsz_path *path)
{
	struct rdsz_incoming *inc;
	struct rdsz_message *m;
	int n;

	for (n = 0; n < RDSZ_RUN_MSGS && !rdsz_queue_is_empty(path); n++) {
		if (rdsz_recv_paused(path))
			return -EAGAIN;
		inc = rdsz_incoming_alloc(0, false, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!inc)
			return -ENOMEM;
		m = rdsz_loop_pop(path);
		if (!m) {
			rdsz_incoming_put(inc);
			break;
		}
		rdsz_loop_deliver(path->conn, m, inc);
		rdsz_message_release_space(m);
		rdsz_message_put(m);
		cond_resched();
	}
	if (!n)
		rdsz_stat_inc(path->conn->rn, send_queue_empty);
	else if (n == RDSZ_RUN_MSGS)
		set_bit(RDSZ_PATH_KICKED, &path->flags);	/* perhaps not done */
	return 0;
}

const struct rdsz_transport rdsz_loop_transport = {
	.name		= "loopback",
	.type		= RDSZ_TRANS_LOOP,
	.connect	= rdsz_loop_connect,
	.adopt		= rdsz_loop_adopt,
	.start		= rdsz_loop_nothing,
	.shutdown	= rdsz_loop_nothing,
	.drained	= rdsz_loop_drained,
	.close		= rdsz_loop_nothing,
	.xmit		= rdsz_loop_xmit,
	.receive	= rdsz_loop_receive,
	.flight		= rdsz_loop_flight,
	.needs_worker	= rdsz_loop_needs_worker,
};
