// SPDX-License-Identifier: GPL-2.0
/*
 * handshake.c - who is at the other end of a connection, and what both ends agree on.
 *
 * A handshake is a ping from the probe port, and the pong to it; both carry extension headers that
 * tell about their sender. We send one whenever a connection comes up. Our map updates, the first
 * frame of a connection, carry the same extensions; in-tree peers do not look at them there, and one
 * of ours knows with the first frame who speaks.
 *
 * A verdict holds for one TCP connection. Behind the next one there may be another kernel.
 */
#include "rdsz.h"

/* A peer that has not answered our ping by then, and has not shown itself otherwise, is in-tree. */
#define RDSZ_HELLO_MS		10000
#define RDSZ_HELLO_LOOK_MS	250	/* until the verdict is there */

static bool rdsz_handshake_speaks(const struct rdsz_path *path)
{
	return path->conn->ops->type == RDSZ_TRANS_TCP;
}

static struct rdsz_handshake rdsz_handshake_ours(const struct rdsz_path *path)
{
	return (struct rdsz_handshake){
		.gen_num = path->conn->rn->gen_num,
		.version = RDSZ_OURS_VERSION,
		.caps = RDSZ_CAPS_OURS,
	};
}

/**
 * rdsz_handshake_announce() - make a ping or pong of the probe port a handshake
 * @path: where it will go
 * @m: message, not queued yet
 */
void rdsz_handshake_announce(struct rdsz_path *path, struct rdsz_message *m)
{
	struct rdsz_handshake ours = rdsz_handshake_ours(path);

	ours.npaths = 1;
	rdsz_ext_put_handshake(&m->hdr, &ours);
	set_bit(RDSZ_MSG_HANDSHAKE, &m->flags);
}

/* Say who we are in a map update. */
void rdsz_handshake_map(struct rdsz_path *path, struct rdsz_hdr *hdr)
{
	struct rdsz_handshake ours = rdsz_handshake_ours(path);

	rdsz_ext_put_handshake(hdr, &ours);
}

/*
 * Gives a verdict, or takes it back: under the lock of the TCP socket, or by the state worker while
 * there is no connection. (The state worker alone may make UNKNOWN INTREE when time is up.)
 */
static void rdsz_handshake_set_peer(struct rdsz_path *path, enum rdsz_peer_kind peer, u32 caps)
{
	WRITE_ONCE(path->peer_caps, caps);
	smp_store_release(&path->peer, peer);	/* pairs with rdsz_path_peer() */
}

/**
 * rdsz_handshake_received() - the peer said who it is
 * @path: on which connection
 * @hdr: a ping or pong of the probe port, or a map update
 *
 * Context: softirq or process, under the lock of the TCP socket.
 */
void rdsz_handshake_received(struct rdsz_path *path, const struct rdsz_hdr *hdr)
{
	struct rdsz_handshake hs;

	rdsz_ext_get_handshake(hdr, &hs);
	if (hs.version)
		rdsz_handshake_set_peer(path, RDSZ_PEER_OURS, hs.caps);
	else
		rdsz_handshake_set_peer(path, RDSZ_PEER_INTREE, 0);
	WRITE_ONCE(path->settle, true);
	if (hs.gen_num)
		WRITE_ONCE(path->conn->peer_gen, hs.gen_num);
}

static bool rdsz_handshake_ping(struct rdsz_path *path)
{
	struct rdsz_message *m = rdsz_message_alloc(path, NULL, 0, htons(RDSZ_PORT_PROBE),
						    htons(RDSZ_PORT_PING), GFP_KERNEL);

	if (!m)
		return false;
	rdsz_handshake_announce(path, m);
	rdsz_path_enqueue(m);
	rdsz_message_put(m);
	return true;
}

/* The path is coming up; called by its state worker before anybody sees it UP. */
void rdsz_handshake_begin(struct rdsz_path *path)
{
	if (!rdsz_handshake_speaks(path))
		return;
	path->hello_until = jiffies + msecs_to_jiffies(RDSZ_HELLO_MS);
	set_bit(RDSZ_PATH_HELLO_DUE, &path->flags);
}

/**
 * rdsz_handshake_go_on() - the next step of our side, if it is time for one
 * @path: path that is UP
 *
 * The ping stands behind what is queued already: it has a new sequence number, and what is sent again
 * has older ones, which the peer would take for duplicates behind it.
 *
 * Context: the path's state worker.
 */
void rdsz_handshake_go_on(struct rdsz_path *path)
{
	if (!rdsz_handshake_speaks(path))
		return;
	if (test_bit(RDSZ_PATH_HELLO_DUE, &path->flags) && rdsz_handshake_ping(path)) {
		clear_bit(RDSZ_PATH_HELLO_DUE, &path->flags);
		rdsz_path_kick(path, false);
	}
	if (time_after(jiffies, path->hello_until) &&
	    cmpxchg(&path->peer, RDSZ_PEER_UNKNOWN, RDSZ_PEER_INTREE) == RDSZ_PEER_UNKNOWN) {
		rdsz_stat_inc(path->conn->rn, handshake_unanswered);
		rdsz_ack_settle(path);
	}
	if (rdsz_path_peer(path) == RDSZ_PEER_UNKNOWN ||
	    test_bit(RDSZ_PATH_HELLO_DUE, &path->flags))
		rdsz_path_poke(path, RDSZ_HELLO_LOOK_MS);
}

/* The connection is gone; called by the path's state worker. */
void rdsz_handshake_forget(struct rdsz_path *path)
{
	clear_bit(RDSZ_PATH_HELLO_DUE, &path->flags);
	rdsz_handshake_set_peer(path, RDSZ_PEER_UNKNOWN, 0);
}
