// SPDX-License-Identifier: GPL-2.0
/*
 * info.c - RDS_INFO_*: lists of what a namespace holds, as tools read them by getsockopt.
 *
 * The caller gives a buffer. If the list fits, it is filled, optlen becomes what was written, and
 * the size of one record is returned; an empty list fits into nothing. Else it is ENOSPC, and
 * optlen tells what is needed. Records are collected in kernel memory, since the lists are walked
 * under spinlocks: first they are counted, then there is room for that many, and if more came
 * meanwhile, once more.
 *
 * Layouts are those of <linux/rds.h>, packed, zeroed before they are filled. Only the caller's own
 * namespace is walked. IPv4 lists leave out what is IPv6; the others show IPv4 in mapped form.
 */
#include <linux/inet.h>
#include <linux/mm.h>
#include <linux/rds.h>
#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "rdsz.h"
#include "socket.h"
#include "tcp.h"

/* What getsockopt still takes as a length; more is refused as in-tree refuses it. */
#define RDSZ_INFO_MAX_LEN	(INT_MAX - (int)PAGE_SIZE + 1)

/* Lists that grow faster than they can be copied: give up after so many tries. */
#define RDSZ_INFO_TRIES		8

/**
 * struct rdsz_info - a list being collected
 * @rn: whose
 * @each: size of a record
 * @v4: an IPv4 list
 * @what: which of several lists that one walk can make
 * @records: room for @max of them, zeroed
 * @max: 0 while only counting
 * @nr: records found so far, more than @max if there was no room
 * @error: the walk failed
 */
struct rdsz_info {
	struct rdsz_net	*rn;
	u32		each;
	bool		v4;
	int		what;
	void		*records;
	u32		max;
	u32		nr;
	int		error;
};

/* The next record to fill, or NULL if it is only counted. Any context. */
static void *rdsz_info_add(struct rdsz_info *info)
{
	u32 i = info->nr++;

	return i < info->max ? info->records + (size_t)i * info->each : NULL;
}

static __be32 rdsz_info_v4(const struct in6_addr *ip)
{
	return rdsz_addr_is_v4(ip) ? ip->s6_addr32[3] : 0;
}

/* ---- counters ---- */

static void rdsz_info_counters(struct rdsz_info *info)
{
	struct rds_info_counter *record;
	int i;

	for (i = 0; i < RDSZ_STAT_MAX; i++) {
		record = rdsz_info_add(info);
		if (!record)
			continue;
		strscpy((char *)record->name, rdsz_stat_name(i), sizeof(record->name));
		record->value = rdsz_stat_read(info->rn, i);
	}
}

/* ---- sockets, and what waits in them ---- */

static void rdsz_info_socket4(struct rdsz_info *info, struct rdsz_sock *rs)
{
	struct rds_info_socket *record;

	if (!rs->bound || !rdsz_addr_is_v4(&rs->local.ip))
		return;
	record = rdsz_info_add(info);
	if (!record)
		return;
	record->sndbuf = rdsz_sndbuf(rs);
	record->rcvbuf = rdsz_rcvbuf(rs);
	record->bound_addr = rdsz_info_v4(&rs->local.ip);
	record->bound_port = rs->local.port;
	record->connected_addr = rdsz_info_v4(&rs->peer.ip);
	record->connected_port = rs->peer.port;
	record->inum = sock_i_ino(&rs->sk);
}

static void rdsz_info_socket6(struct rdsz_info *info, struct rdsz_sock *rs)
{
	struct rds6_info_socket *record = rdsz_info_add(info);

	if (!record)
		return;
	record->sndbuf = rdsz_sndbuf(rs);
	record->rcvbuf = rdsz_rcvbuf(rs);
	if (rs->bound) {
		record->bound_addr = rs->local.ip;
		record->bound_port = rs->local.port;
	}
	record->connected_addr = rs->peer.ip;
	record->connected_port = rs->peer.port;
	record->inum = sock_i_ino(&rs->sk);
}

static void rdsz_info_socket(struct rdsz_info *info, struct rdsz_sock *rs)
{
	mutex_lock(&rs->bind_lock);
	if (info->v4)
		rdsz_info_socket4(info, rs);
	else
		rdsz_info_socket6(info, rs);
	mutex_unlock(&rs->bind_lock);
}

/* One message of either form: @us and @them as seen from this host. */
static void rdsz_info_message(struct rdsz_info *info, u64 seq, u32 len,
			      const struct rdsz_endpoint *us, const struct rdsz_endpoint *them)
{
	void *record = rdsz_info_add(info);
	struct rds6_info_message *m6 = record;
	struct rds_info_message *m4 = record;

	if (!record)
		return;
	if (info->v4) {
		m4->seq = seq;
		m4->len = len;
		m4->laddr = rdsz_info_v4(&us->ip);
		m4->faddr = rdsz_info_v4(&them->ip);
		m4->lport = us->port;
		m4->fport = them->port;
	} else {
		m6->seq = seq;
		m6->len = len;
		m6->laddr = us->ip;
		m6->faddr = them->ip;
		m6->lport = us->port;
		m6->fport = them->port;
	}
}

static void rdsz_info_unread(struct rdsz_info *info, struct rdsz_sock *rs)
{
	struct rdsz_incoming *inc;

	if (!smp_load_acquire(&rs->bound))	/* pairs with rdsz_bind_locked() */
		return;
	if (info->v4 && !rdsz_addr_is_v4(&rs->local.ip))
		return;
	spin_lock_bh(&rs->queue_lock);
	list_for_each_entry(inc, &rs->recv_queue, node)
		rdsz_info_message(info, inc->seq, inc->len, &rs->local, &inc->from);
	spin_unlock_bh(&rs->queue_lock);
}

static void rdsz_info_socks(struct rdsz_info *info,
			    void (*show)(struct rdsz_info *info, struct rdsz_sock *rs))
{
	struct rdsz_sock **socks;
	u32 i, nr;

	socks = rdsz_socks_snapshot(info->rn, &nr);
	if (!socks) {
		info->error = -ENOMEM;
		return;
	}
	for (i = 0; i < nr; i++) {
		if (!READ_ONCE(socks[i]->dead))
			show(info, socks[i]);
		sock_put(&socks[i]->sk);
	}
	kvfree(socks);
}

static void rdsz_info_sockets(struct rdsz_info *info)
{
	rdsz_info_socks(info, rdsz_info_socket);
}

static void rdsz_info_recv_messages(struct rdsz_info *info)
{
	rdsz_info_socks(info, rdsz_info_unread);
}

/* ---- connections, and what waits in them ---- */

static bool rdsz_info_skips(const struct rdsz_info *info, const struct rdsz_conn *conn)
{
	return info->v4 && !rdsz_addr_is_v4(&conn->key.local);
}

static u8 rdsz_info_conn_flags(const struct rdsz_path *path)
{
	u8 flags = 0;

	if (test_bit(RDSZ_PATH_OWNED, &path->flags))
		flags |= RDS_INFO_CONNECTION_FLAG_SENDING;
	if (rdsz_path_is_up(path))
		flags |= RDS_INFO_CONNECTION_FLAG_CONNECTED;
	else if (READ_ONCE(path->state) == RDSZ_PATH_CONNECTING)
		flags |= RDS_INFO_CONNECTION_FLAG_CONNECTING;
	return flags;
}

/* Only the first lane has a place in the record. */
static void rdsz_info_connection(struct rdsz_info *info, struct rdsz_conn *conn)
{
	struct rdsz_path *path = rdsz_conn_lane(conn, 0);
	void *record = rdsz_info_add(info);
	struct rds6_info_connection *c6 = record;
	struct rds_info_connection *c4 = record;

	if (!record)
		return;
	if (info->v4) {
		c4->next_tx_seq = READ_ONCE(path->next_tx_seq);
		c4->next_rx_seq = READ_ONCE(path->next_rx_seq);
		c4->laddr = rdsz_info_v4(&conn->key.local);
		c4->faddr = rdsz_info_v4(&conn->key.peer);
		strscpy((char *)c4->transport, conn->ops->name, sizeof(c4->transport));
		c4->flags = rdsz_info_conn_flags(path);
	} else {
		c6->next_tx_seq = READ_ONCE(path->next_tx_seq);
		c6->next_rx_seq = READ_ONCE(path->next_rx_seq);
		c6->laddr = conn->key.local;
		c6->faddr = conn->key.peer;
		strscpy((char *)c6->transport, conn->ops->name, sizeof(c6->transport));
		c6->flags = rdsz_info_conn_flags(path);
	}
}

static void rdsz_info_connections(struct rdsz_info *info)
{
	struct rdsz_conn *conn = NULL;

	while ((conn = rdsz_conn_next(info->rn, conn)))
		if (!rdsz_info_skips(info, conn))
			rdsz_info_connection(info, conn);
}

static void rdsz_info_queue(struct rdsz_info *info, struct rdsz_path *path,
			    struct list_head *queue)
{
	const struct rdsz_conn_key *key = &path->conn->key;
	struct rdsz_endpoint us = { .ip = key->local }, them = { .ip = key->peer };
	struct rdsz_message *m;

	list_for_each_entry(m, queue, path_node) {
		us.port = m->hdr.sport;
		them.port = m->hdr.dport;
		rdsz_info_message(info, be64_to_cpu(m->hdr.seq), m->len, &us, &them);
	}
}

static void rdsz_info_queues(struct rdsz_info *info, struct rdsz_path *path)
{
	spin_lock_bh(&path->lock);
	if (info->what == RDS_INFO_SEND_MESSAGES) {
		rdsz_info_queue(info, path, &path->send_queue);
		rdsz_info_queue(info, path, &path->queue.waiting);
		rdsz_info_queue(info, path, &path->held);
	} else {
		rdsz_info_queue(info, path, &path->retained);
		rdsz_info_queue(info, path, &path->retrans);
	}
	spin_unlock_bh(&path->lock);
}

static void rdsz_info_lanes(struct rdsz_info *info,
			    void (*show)(struct rdsz_info *info, struct rdsz_path *path))
{
	struct rdsz_conn *conn = NULL;
	struct rdsz_path *path;
	int i;

	while ((conn = rdsz_conn_next(info->rn, conn))) {
		if (rdsz_info_skips(info, conn))
			continue;
		for (i = 0; (path = rdsz_conn_lane(conn, i)); i++)
			show(info, path);
	}
}

static void rdsz_info_messages(struct rdsz_info *info)
{
	rdsz_info_lanes(info, rdsz_info_queues);
}

/* ---- TCP sockets ---- */

static void rdsz_info_tcp4(struct rds_info_tcp_socket *record, const struct rdsz_tcp *tcp)
{
	const struct sock *sk = tcp->sock->sk;
	const struct inet_sock *inet = inet_sk(sk);

	if (sk->sk_family == AF_INET) {
		record->local_addr = inet->inet_saddr;
		record->peer_addr = sk->sk_daddr;
	} else {
		record->local_addr = rdsz_info_v4(&sk->sk_v6_rcv_saddr);
		record->peer_addr = rdsz_info_v4(&sk->sk_v6_daddr);
	}
	record->local_port = inet->inet_sport;
	record->peer_port = inet->inet_dport;
	record->hdr_rem = RDSZ_HDR_LEN - READ_ONCE(tcp->hdr_got);
	record->data_rem = rdsz_tcp_data_left(tcp);
	record->last_sent_nxt = tcp->last_sent_nxt;
	record->last_expected_una = tcp->last_expected_una;
	record->last_seen_una = READ_ONCE(tcp->last_seen_una);
}

static void rdsz_info_tcp6(struct rds6_info_tcp_socket *record, const struct rdsz_tcp *tcp)
{
	const struct sock *sk = tcp->sock->sk;
	const struct inet_sock *inet = inet_sk(sk);
	struct in6_addr local, peer;

	if (sk->sk_family == AF_INET) {
		ipv6_addr_set_v4mapped(inet->inet_saddr, &local);
		ipv6_addr_set_v4mapped(sk->sk_daddr, &peer);
	} else {
		local = sk->sk_v6_rcv_saddr;
		peer = sk->sk_v6_daddr;
	}
	record->local_addr = local;
	record->peer_addr = peer;
	record->local_port = inet->inet_sport;
	record->peer_port = inet->inet_dport;
	record->hdr_rem = RDSZ_HDR_LEN - READ_ONCE(tcp->hdr_got);
	record->data_rem = rdsz_tcp_data_left(tcp);
	record->last_sent_nxt = tcp->last_sent_nxt;
	record->last_expected_una = tcp->last_expected_una;
	record->last_seen_una = READ_ONCE(tcp->last_seen_una);
}

/*
 * The path lock keeps the connection: it is closed after it was taken off the path under that lock.
 * One that is not on its way yet has no peer to show, and a dead one is none; ss(8) has neither.
 */
static void rdsz_info_tcp(struct rdsz_info *info, struct rdsz_path *path)
{
	void *record = NULL;

	if (path->conn->ops != &rdsz_tcp_transport)
		return;
	spin_lock_bh(&path->lock);
	if (path->tcp && inet_sk_state_load(path->tcp->sock->sk) != TCP_CLOSE)
		record = rdsz_info_add(info);
	if (record && info->v4)
		rdsz_info_tcp4(record, path->tcp);
	else if (record)
		rdsz_info_tcp6(record, path->tcp);
	spin_unlock_bh(&path->lock);
}

static void rdsz_info_tcp_sockets(struct rdsz_info *info)
{
	rdsz_info_lanes(info, rdsz_info_tcp);
}

/* ---- the protocol of the call ---- */

static const struct rdsz_info_list {
	int	name;
	int	what;		/* the IPv4 name of the same list */
	u32	each;
	void	(*walk)(struct rdsz_info *info);
} rdsz_info_lists[] = {
	{ RDS_INFO_COUNTERS, RDS_INFO_COUNTERS, sizeof(struct rds_info_counter),
	  rdsz_info_counters },
	{ RDS_INFO_CONNECTIONS, RDS_INFO_CONNECTIONS, sizeof(struct rds_info_connection),
	  rdsz_info_connections },
	{ RDS_INFO_SEND_MESSAGES, RDS_INFO_SEND_MESSAGES, sizeof(struct rds_info_message),
	  rdsz_info_messages },
	{ RDS_INFO_RETRANS_MESSAGES, RDS_INFO_RETRANS_MESSAGES, sizeof(struct rds_info_message),
	  rdsz_info_messages },
	{ RDS_INFO_RECV_MESSAGES, RDS_INFO_RECV_MESSAGES, sizeof(struct rds_info_message),
	  rdsz_info_recv_messages },
	{ RDS_INFO_SOCKETS, RDS_INFO_SOCKETS, sizeof(struct rds_info_socket),
	  rdsz_info_sockets },
	{ RDS_INFO_TCP_SOCKETS, RDS_INFO_TCP_SOCKETS, sizeof(struct rds_info_tcp_socket),
	  rdsz_info_tcp_sockets },
	{ RDS6_INFO_CONNECTIONS, RDS_INFO_CONNECTIONS, sizeof(struct rds6_info_connection),
	  rdsz_info_connections },
	{ RDS6_INFO_SEND_MESSAGES, RDS_INFO_SEND_MESSAGES, sizeof(struct rds6_info_message),
	  rdsz_info_messages },
	{ RDS6_INFO_RETRANS_MESSAGES, RDS_INFO_RETRANS_MESSAGES, sizeof(struct rds6_info_message),
	  rdsz_info_messages },
	{ RDS6_INFO_RECV_MESSAGES, RDS_INFO_RECV_MESSAGES, sizeof(struct rds6_info_message),
	  rdsz_info_recv_messages },
	{ RDS6_INFO_SOCKETS, RDS_INFO_SOCKETS, sizeof(struct rds6_info_socket),
	  rdsz_info_sockets },
	{ RDS6_INFO_TCP_SOCKETS, RDS_INFO_TCP_SOCKETS, sizeof(struct rds6_info_tcp_socket),
	  rdsz_info_tcp_sockets },
};

/* The layouts are what tools were built with. */
static inline void rdsz_info_check_layouts(void)
{
	BUILD_BUG_ON(sizeof(struct rds_info_counter) != 40);
	BUILD_BUG_ON(sizeof(struct rds_info_connection) != 42);
	BUILD_BUG_ON(sizeof(struct rds6_info_connection) != 65);
	BUILD_BUG_ON(sizeof(struct rds_info_message) != 26);
	BUILD_BUG_ON(sizeof(struct rds6_info_message) != 50);
	BUILD_BUG_ON(sizeof(struct rds_info_socket) != 28);
	BUILD_BUG_ON(sizeof(struct rds6_info_socket) != 52);
	BUILD_BUG_ON(sizeof(struct rds_info_tcp_socket) != 41);
	BUILD_BUG_ON(sizeof(struct rds6_info_tcp_socket) != 64);
}

static const struct rdsz_info_list *rdsz_info_find(int name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(rdsz_info_lists); i++)
		if (rdsz_info_lists[i].name == name)
			return &rdsz_info_lists[i];
	return NULL;
}

/* A bad buffer is EFAULT, also where it is too short, as in-tree looks at it first. */
static int rdsz_info_no_space(struct rdsz_optval *ov, u64 need)
{
	static const u8 zeroes[8];
	int len = rdsz_optval_len(ov);

	if (len && rdsz_optval_put(ov, zeroes, min_t(int, len, sizeof(zeroes))))
		return -EFAULT;
	rdsz_optval_set_len(ov, min_t(u64, need, INT_MAX));
	return -ENOSPC;
}

/* Returns 0 with all records collected, or an error. */
static int rdsz_info_collect(struct rdsz_info *info, const struct rdsz_info_list *list, u32 fit)
{
	int tries;
	u32 room;

	for (tries = 0; tries < RDSZ_INFO_TRIES; tries++) {
		info->nr = 0;
		list->walk(info);
		if (info->error)
			return info->error;
		if (info->nr <= info->max)
			return 0;
		if (info->nr > fit)
			return -ENOSPC;
		kvfree(info->records);
		info->max = 0;
		room = min_t(u64, fit, (u64)info->nr + info->nr / 8 + 16);
		info->records = kvcalloc(room, info->each, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!info->records)
			return -ENOMEM;
		info->max = room;
	}
	return -EAGAIN;
}

/**
 * rdsz_info_get() - getsockopt of RDS_INFO_* or RDS6_INFO_*
 * @rs: caller's socket
 * @name: which list
 * @ov: the user's buffer
 *
 * Context: process, may sleep.
 * Return: size of one record, or -ENOPROTOOPT, -EINVAL (length), -ENOSPC, -EFAULT, -ENOMEM.
 */
int rdsz_info_get(struct rdsz_sock *rs, int name, struct rdsz_optval *ov)
{
	const struct rdsz_info_list *list = rdsz_info_find(name);
	struct rdsz_info info = { .rn = rs->rn };
	size_t bytes;
	int err;

	rdsz_info_check_layouts();
	if (!list)
		return -ENOPROTOOPT;
	if (rdsz_optval_len(ov) < 0 || rdsz_optval_len(ov) > RDSZ_INFO_MAX_LEN)
		return -EINVAL;
	info.each = list->each;
	info.what = list->what;
	info.v4 = name == list->what;
	err = rdsz_info_collect(&info, list, rdsz_optval_len(ov) / list->each);
	bytes = (size_t)info.nr * info.each;
	if (err == -ENOSPC)
		err = rdsz_info_no_space(ov, bytes);
	else if (!err && bytes)
		err = rdsz_optval_put(ov, info.records, bytes);
	kvfree(info.records);
	if (err)
		return err;
	rdsz_optval_set_len(ov, bytes);
	return list->each;
}
