// SPDX-License-Identifier: GPL-2.0
/*
 * ping.c - answers pings, and reads the handshake that a ping or pong of the probe port carries.
 *
 * A ping is a frame to port 0; the pong goes back from port 0 to where it came from, over the same
 * connection. Between the probe ports both carry extension headers that tell about their sender.
 */
#include "rdsz.h"

/* Pongs not yet acknowledged on one path; a peer that pings faster than it reads gets no more. */
#define RDSZ_MAX_PONGS	64

static void rdsz_handshake_learn(struct rdsz_conn *conn, const struct rdsz_hdr *hdr)
{
	struct rdsz_handshake hs;

	rdsz_ext_get_handshake(hdr, &hs);
	if (hs.gen_num)
		WRITE_ONCE(conn->peer_gen, hs.gen_num);
}

/**
 * rdsz_ping_received() - answer a ping
 * @conn: from whom
 * @hdr: its header
 *
 * Context: softirq or process, under the lock of the TCP socket: the worker transmits.
 */
void rdsz_ping_received(struct rdsz_conn *conn, const struct rdsz_hdr *hdr)
{
	const struct rdsz_handshake ours = { .npaths = 1, .gen_num = conn->rn->gen_num };
	bool probe = ntohs(hdr->sport) == RDSZ_PORT_PROBE;
	struct rdsz_message *m = NULL;

	if (ntohs(hdr->sport) == RDSZ_PORT_PING)
		return;		/* port 0 to port 0 asks for nothing */
	rdsz_stat_inc(conn->rn, recv_ping);
	if (atomic_read(&conn->path.nr_pongs) < RDSZ_MAX_PONGS)
		m = rdsz_message_alloc(&conn->path, NULL, 0, hdr->dport, hdr->sport,
				       GFP_ATOMIC | __GFP_NOWARN);
	if (!m) {
		rdsz_stat_inc(conn->rn, recv_drop_ping);
		return;
	}
	set_bit(RDSZ_MSG_PONG, &m->flags);
	atomic_inc(&conn->path.nr_pongs);
	if (probe) {
		rdsz_ext_put_handshake(&m->hdr, &ours);
		rdsz_handshake_learn(conn, hdr);
	}
	rdsz_path_enqueue(m);
	rdsz_message_put(m);
	rdsz_stat_inc(conn->rn, send_pong);
	rdsz_path_kick(&conn->path, false);
}

void rdsz_pong_received(struct rdsz_conn *conn, const struct rdsz_hdr *hdr)
{
	rdsz_handshake_learn(conn, hdr);
}
