// SPDX-License-Identifier: GPL-2.0
/*
 * ping.c - answers pings.
 *
 * A ping is a frame to port 0; the pong goes back from port 0 to where it came from, over the same
 * connection. Between the probe ports both are handshakes, see handshake.c.
 */
#include "rdsz.h"
#include "trace.h"

/*
 * Of each second's pings the last ones are kept for the probe port: lanes and acknowledgements need
 * it.
 */
#define RDSZ_PROBE_RESERVE	8

/* Pongs not yet acknowledged on one path; a peer that pings faster than it reads gets no more. */
#define RDSZ_MAX_PONGS	64

/**
 * rdsz_ping_received() - answer a ping
 * @path: where it came
 * @hdr: its header
 *
 * Context: softirq or process, under the lock of the TCP socket: the worker transmits.
 */
void rdsz_ping_received(struct rdsz_path *path, const struct rdsz_hdr *hdr)
{
	struct rdsz_net *rn = path->conn->rn;
	struct rdsz_message *m = NULL;

	if (ntohs(hdr->sport) == RDSZ_PORT_PING)
		return;		/* port 0 to port 0 asks for nothing */
	if (!rdsz_bucket_take(&path->pings, READ_ONCE(rn->sysctl.ping_rate),
			      rdsz_hdr_is_handshake(hdr) ? 0 : RDSZ_PROBE_RESERVE)) {
		rdsz_drop_frame(path, hdr, recv_drop_ping_rate);
		return;
	}
	rdsz_stat_inc(rn, recv_ping);
	if (rdsz_hdr_is_handshake(hdr))
		rdsz_handshake_received(path, hdr);
	if (atomic_read(&path->nr_pongs) < RDSZ_MAX_PONGS)
		m = rdsz_message_alloc(path, NULL, 0, hdr->dport, hdr->sport,
				       GFP_ATOMIC | __GFP_NOWARN);
	if (!m) {
		rdsz_drop_frame(path, hdr, recv_drop_ping);
		return;
	}
	set_bit(RDSZ_MSG_PONG, &m->flags);
	atomic_inc(&path->nr_pongs);
	if (rdsz_hdr_is_handshake(hdr))
		rdsz_handshake_answer(path, m);
	rdsz_path_enqueue(m);
	rdsz_message_put(m);
	rdsz_stat_inc(rn, send_pong);
	rdsz_path_kick(path, false);
}
