// SPDX-License-Identifier: GPL-2.0
/*
 * handshake.c - who is at the other end of a connection, and what both ends agree on.
 *
 * A handshake is a ping from the probe port, and the pong to it; both carry extension headers that
 * tell about their sender. We send one whenever a connection comes up. Our map updates, the first
 * frame of a connection, carry the same extensions; in-tree peers do not look at them there, and
 * one of ours knows with the first frame who speaks.
 *
 * A verdict holds for one TCP connection. Behind the next one there may be another kernel.
 *
 * Lanes: in-tree RDS before 7.x, told that we take eight connections, makes eight and cannot keep
 * them apart. So our first ping says 1, and we say 8 to a peer that has shown that it tells the
 * lane by its source port. That we do so ourselves is said to such a peer only, too: the others
 * would write a warning into their log. Somebody has to begin; in-tree 7.x always shows it, one of
 * ours does in its map. When lane 0 is lost and comes back, the first ping says nothing of the
 * number where 8 were agreed on before: a peer that has not been restarted goes on with them, any
 * other takes it for 1. The small side dials the other lanes once the peer has our offer.
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
		.sport_idx = READ_ONCE(path->conn->spread) != RDSZ_SPREAD_ONE,
		.version = RDSZ_OURS_VERSION,
		.caps = RDSZ_CAPS_OURS,
	};
}

static void rdsz_handshake_fill(struct rdsz_path *path, struct rdsz_message *m, u16 npaths)
{
	struct rdsz_handshake ours = rdsz_handshake_ours(path);

	ours.npaths = npaths;
	rdsz_ext_put_handshake(&m->hdr, &ours);
	set_bit(RDSZ_MSG_HANDSHAKE, &m->flags);
	if (npaths > 1 && !path->index) {
		set_bit(RDSZ_MSG_OFFER, &m->flags);
		set_bit(RDSZ_PATH_OFFERED, &path->flags);
	}
}

/**
 * rdsz_handshake_answer() - make a pong to the probe port a handshake
 * @path: where it will go
 * @m: message, not queued yet; the ping has been looked at
 */
void rdsz_handshake_answer(struct rdsz_path *path, struct rdsz_message *m)
{
	bool one = READ_ONCE(path->conn->spread) == RDSZ_SPREAD_ONE;

	rdsz_handshake_fill(path, m, one ? 1 : RDSZ_MAX_LANES);
}

/* What a ping of ours says of the number of lanes, 0 = nothing. */
static u16 rdsz_handshake_ping_npaths(const struct rdsz_path *path)
{
	int spread = READ_ONCE(path->conn->spread);

	if (spread == RDSZ_SPREAD_ONE)
		return 1;
	if (rdsz_path_peer(path) != RDSZ_PEER_UNKNOWN)
		return RDSZ_MAX_LANES;
	return spread == RDSZ_SPREAD_AGREED || path->index ? 0 : 1;
}

/* Say who we are in a map update, and that we would take lanes: only one of ours looks. */
void rdsz_handshake_map(struct rdsz_path *path, struct rdsz_hdr *hdr)
{
	struct rdsz_handshake ours = rdsz_handshake_ours(path);

	ours.sport_idx |= READ_ONCE(path->conn->rn->sysctl.max_paths) == RDSZ_MAX_LANES;
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

static enum rdsz_spread rdsz_handshake_spread(const struct rdsz_path *path,
					      const struct rdsz_hdr *hdr,
					      const struct rdsz_handshake *hs)
{
	enum rdsz_spread now = READ_ONCE(path->conn->spread);

	/*
	 * What was agreed on with this incarnation of the peer stays: it may have much of our
	 * lanes.
	 */
	if (now == RDSZ_SPREAD_ONE &&
	    READ_ONCE(path->conn->rn->sysctl.max_paths) < RDSZ_MAX_LANES)
		return RDSZ_SPREAD_ONE;
	if (hdr->flags == RDSZ_FLAG_MAP && !hs->version)
		return now;	/* in-tree: its maps tell nothing */
	if (!hs->sport_idx)	/* the first ping of ours is for everybody; its pong will tell */
		return hs->version && rdsz_hdr_is_ping(hdr) ? now : RDSZ_SPREAD_ONE;
	if (hs->npaths >= RDSZ_MAX_LANES)
		return RDSZ_SPREAD_AGREED;
	/*
	 * A pong is the peer's last word, for it had seen our ping. Its pings may be careful ones.
	 */
	if (hs->npaths && !rdsz_hdr_is_ping(hdr))
		return RDSZ_SPREAD_ONE;
	return now == RDSZ_SPREAD_ONE ? RDSZ_SPREAD_OFFERED : now;
}

static void rdsz_handshake_set_spread(struct rdsz_path *path, const struct rdsz_hdr *hdr,
				      const struct rdsz_handshake *hs)
{
	enum rdsz_spread spread = rdsz_handshake_spread(path, hdr, hs);
	struct rdsz_conn *conn = path->conn;

	if (xchg(&conn->spread, spread) != spread) {
		if (spread == RDSZ_SPREAD_AGREED)
			rdsz_path_poke(&conn->path, 0);
		else
			rdsz_lanes_poke(conn);
	}
	/* The peer has answered and does not know yet that we offer 8: another ping. */
	if (spread != RDSZ_SPREAD_ONE && !path->index && rdsz_hdr_is_handshake(hdr) &&
	    !rdsz_hdr_is_ping(hdr) && !test_bit(RDSZ_PATH_OFFERED, &path->flags)) {
		set_bit(RDSZ_PATH_HELLO_DUE, &path->flags);
		rdsz_path_poke(path, 0);
	}
}

/**
 * rdsz_handshake_generation() - does a frame come from another incarnation of the peer?
 * @path: where it came
 * @hdr: a handshake or a map update
 *
 * What the new incarnation sends has numbers of its own, perhaps lower ones, and none of it can be
 * a duplicate of what came from the old one. The other lanes learn it when their next connection
 * opens.
 *
 * Context: the lock of the TCP socket is held.
 */
void rdsz_handshake_generation(struct rdsz_path *path, const struct rdsz_hdr *hdr)
{
	struct rdsz_conn *conn = path->conn;
	struct rdsz_handshake hs;
	u32 old;

	rdsz_ext_get_handshake(hdr, &hs);
	/* In-tree before 7.x has none; but its maps, and those of 7.x, tell nothing at all. */
	if (hs.gen_num == path->rx_gen || (!hs.gen_num && !hs.npaths))
		return;
	old = xchg(&conn->peer_gen, hs.gen_num);
	if (old && old != hs.gen_num) {
		rdsz_stat_inc(conn->rn, peer_restarts);
		WRITE_ONCE(conn->spread, RDSZ_SPREAD_ONE);	/* all is to be agreed on anew */
		rdsz_lanes_poke(conn);
	}
	if (path->rx_gen) {
		path->next_rx_seq = 0;
		WRITE_ONCE(path->rx_by_port, false);
	}
	path->rx_gen = hs.gen_num;
}

/* What lane 0 knows of the numbers of a lane of the peer, whose connection had come there. */
static u64 rdsz_handshake_seen(const struct rdsz_conn *conn, unsigned int lane, u32 gen)
{
	const struct rdsz_lanes *lanes = smp_load_acquire(&conn->lanes);	/* rdsz_lanes_need() */
	const struct rdsz_path *zero = &conn->path;

	if (lane && READ_ONCE(zero->rx_by_port) && READ_ONCE(zero->rx_lane) == lane &&
	    READ_ONCE(zero->rx_gen) == gen)
		return READ_ONCE(zero->next_rx_seq);
	return lanes && READ_ONCE(lanes->rx_seen_gen) == gen ? READ_ONCE(lanes->rx_seen[lane]) : 0;
}

/* Lane 0 has a connection of another lane of the peer now, or one of its own again. */
static void rdsz_handshake_change_lane(struct rdsz_path *zero, unsigned int lane)
{
	struct rdsz_conn *conn = zero->conn;
	struct rdsz_lanes *lanes;

	if (!rdsz_lanes_need(conn)) {	/* without memory it may come twice, but is not lost */
		lanes = conn->lanes;
		if (lanes->rx_seen_gen != zero->rx_gen)
			memset(lanes->rx_seen, 0, sizeof(lanes->rx_seen));
		WRITE_ONCE(lanes->rx_seen[zero->rx_lane], zero->next_rx_seq);
		WRITE_ONCE(lanes->rx_seen_gen, zero->rx_gen);
	}
	WRITE_ONCE(zero->next_rx_seq, rdsz_handshake_seen(conn, lane, zero->rx_gen));
}

/**
 * rdsz_handshake_connected() - a new connection of the path
 * @path: path
 * @sk: the TCP socket; nobody reads from it yet
 *
 * While nothing is known of a peer all its connections come to lane 0. If it turns out that their
 * ports tell lanes, then each had numbers of its own: what another lane of the peer sends again is
 * not to be judged by them.
 *
 * Context: the path's state worker.
 */
void rdsz_handshake_connected(struct rdsz_path *path, const struct sock *sk)
{
	unsigned int lane = ntohs(sk->sk_dport) % RDSZ_MAX_LANES;
	u32 gen = READ_ONCE(path->conn->peer_gen);

	if (path->rx_gen && path->rx_gen != gen) {
		path->next_rx_seq = 0;
		WRITE_ONCE(path->rx_by_port, false);
	}
	path->rx_gen = gen;
	if (rdsz_conn_is_small(path->conn))
		return;
	if (path->index) {
		path->next_rx_seq = max(path->next_rx_seq,
					rdsz_handshake_seen(path->conn, path->index, gen));
		return;
	}
	if (path->rx_by_port && path->rx_lane != lane)
		rdsz_handshake_change_lane(path, lane);
	WRITE_ONCE(path->rx_lane, lane);
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

	rdsz_handshake_generation(path, hdr);
	rdsz_ext_get_handshake(hdr, &hs);
	if (path->index && !hs.sport_idx && rdsz_hdr_is_handshake(hdr)) {
		/* It had eight before: lane 0 has sent nothing to this incarnation. */
		if (!hs.version)
			set_bit(RDSZ_PATH_NEW_PEER, &path->conn->path.flags);
		set_bit(RDSZ_PATH_IS_FIRST, &path->flags);
	}
	if (hs.sport_idx || hs.version)		/* ours does it, said or not */
		WRITE_ONCE(path->rx_by_port, true);
	if (hs.version)
		rdsz_handshake_set_peer(path, RDSZ_PEER_OURS, hs.caps);
	else
		rdsz_handshake_set_peer(path, RDSZ_PEER_INTREE, 0);
	WRITE_ONCE(path->settle, true);
	rdsz_handshake_set_spread(path, hdr, &hs);
}

static bool rdsz_handshake_ping(struct rdsz_path *path)
{
	struct rdsz_message *m = rdsz_message_alloc(path, NULL, 0, htons(RDSZ_PORT_PROBE),
						    htons(RDSZ_PORT_PING), GFP_KERNEL);

	if (!m)
		return false;
	rdsz_handshake_fill(path, m, rdsz_handshake_ping_npaths(path));
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

/* The peer has our word that we take eight: its RDS, or as much as in-tree tells, its TCP. */
void rdsz_handshake_offer_acked(struct rdsz_path *path)
{
	set_bit(RDSZ_PATH_OFFER_ACKED, &path->flags);
	rdsz_path_poke(path, 0);
}

/* May the small side dial lanes? Both ends said 8, and the peer has our word. */
bool rdsz_handshake_lanes_open(struct rdsz_conn *conn)
{
	return READ_ONCE(conn->spread) == RDSZ_SPREAD_AGREED &&
		rdsz_path_peer(&conn->path) != RDSZ_PEER_UNKNOWN &&
		test_bit(RDSZ_PATH_OFFER_ACKED, &conn->path.flags);
}

/* Lane 0 is up and eight lanes are agreed on: have them, and on the small side dial them. */
static void rdsz_handshake_spread_out(struct rdsz_conn *conn)
{
	struct rdsz_path *path;
	int i;

	if (READ_ONCE(conn->spread) != RDSZ_SPREAD_AGREED)
		return;
	if (rdsz_lanes_need(conn)) {
		rdsz_path_poke(&conn->path, RDSZ_HELLO_LOOK_MS);
		return;
	}
	if (!rdsz_conn_is_small(conn) || !rdsz_handshake_lanes_open(conn))
		return;
	for (i = 1; (path = rdsz_conn_lane(conn, i)); i++) {
		if (READ_ONCE(path->state) != RDSZ_PATH_DOWN)
			continue;
		set_bit(RDSZ_PATH_WANTED, &path->flags);
		rdsz_path_poke(path, 0);
	}
}

/*
 * True if the peer's silence on this connection must mean that it has nothing to tell. On a lane
 * that is not the first its handshake may stand behind megabytes, while lane 0 has told who it is.
 */
static bool rdsz_handshake_gives_up(const struct rdsz_path *path)
{
	return time_after(jiffies, path->hello_until) &&
		!(path->index && rdsz_path_peer(&path->conn->path) == RDSZ_PEER_OURS);
}

/**
 * rdsz_handshake_go_on() - the next step of our side, if it is time for one
 * @path: path that is UP
 *
 * The ping stands behind what has a number already: it gets a new one, and what is sent again has
 * older ones, which the peer would take for duplicates behind it.
 *
 * Context: the path's state worker.
 */
void rdsz_handshake_go_on(struct rdsz_path *path)
{
	if (!rdsz_handshake_speaks(path))
		return;
	if (test_and_clear_bit(RDSZ_PATH_HELLO_DUE, &path->flags)) {
		if (rdsz_handshake_ping(path))
			rdsz_path_kick(path, false);
		else
			set_bit(RDSZ_PATH_HELLO_DUE, &path->flags);
	}
	if (rdsz_handshake_gives_up(path) &&
	    cmpxchg(&path->peer, RDSZ_PEER_UNKNOWN, RDSZ_PEER_INTREE) == RDSZ_PEER_UNKNOWN) {
		rdsz_stat_inc(path->conn->rn, handshake_unanswered);
		rdsz_ack_settle(path);
	}
	if (rdsz_path_peer(path) == RDSZ_PEER_UNKNOWN ||
	    test_bit(RDSZ_PATH_HELLO_DUE, &path->flags))
		rdsz_path_poke(path, RDSZ_HELLO_LOOK_MS);
	if (!path->index)
		rdsz_handshake_spread_out(path->conn);
}

/* The connection is gone; called by the path's state worker. */
void rdsz_handshake_forget(struct rdsz_path *path)
{
	clear_bit(RDSZ_PATH_HELLO_DUE, &path->flags);
	clear_bit(RDSZ_PATH_OFFERED, &path->flags);
	clear_bit(RDSZ_PATH_OFFER_ACKED, &path->flags);
	clear_bit(RDSZ_PATH_INTRODUCED, &path->flags);
	rdsz_handshake_set_peer(path, RDSZ_PEER_UNKNOWN, 0);
}
