// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_gate.c - decides about connection requests before anything is allocated for them.
 *
 * TCP asks the listener's conn_request() for each SYN. Ours answers those that are to be refused by
 * a reset: the peer sees "connection refused" and backs off as in-tree RDS does after a failed
 * connect (a reset after the handshake would make it try again at once, for ever; no answer would
 * make it wait for TCP's time-out). What passes goes on to TCP's own function. Kernels differ in
 * what they make of an error from here, so there is none.
 *
 * The functions of a listening socket are a constant table of TCP; a listener of ours points to a
 * copy of it, which differs in this one entry. Accepted sockets may inherit the copy, for which the
 * entry has no meaning; they get TCP's own table back when they are accepted.
 */
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <net/inet_connection_sock.h>
#include <net/tcp.h>

#include "tcp.h"
#include "tcp_reset.h"

enum {
	RDSZ_GATE_V4,
	RDSZ_GATE_V6,
	RDSZ_GATES,
};

/* Written under the lock before the first listener of the family uses it, then constant. */
static DEFINE_MUTEX(rdsz_gate_lock);
static struct inet_connection_sock_af_ops rdsz_gate_ops[RDSZ_GATES];
static const struct inet_connection_sock_af_ops *rdsz_gate_original[RDSZ_GATES];

static void rdsz_gate_key(const struct sk_buff *skb, struct rdsz_conn_key *key)
{
	memset(key, 0, sizeof(*key));
	key->transport = RDSZ_TRANS_TCP;
	if (skb->protocol == htons(ETH_P_IP)) {
		ipv6_addr_set_v4mapped(ip_hdr(skb)->daddr, &key->local);
		ipv6_addr_set_v4mapped(ip_hdr(skb)->saddr, &key->peer);
		return;
	}
	key->local = ipv6_hdr(skb)->daddr;
	key->peer = ipv6_hdr(skb)->saddr;
	if (rdsz_addr_is_link_local(&key->local))
		key->scope = tcp_v6_iif(skb);
}

/*
 * Is anybody here for this peer? A conn that has something to deliver counts as well: its peer must
 * be able to come and fetch it.
 */
static bool rdsz_gate_wanted(struct rdsz_net *rn, const struct rdsz_conn_key *key,
			     struct rdsz_conn *conn)
{
	return READ_ONCE(rn->sysctl.tcp_listen) == 1 || rdsz_map_is_bound(rn, &key->local) ||
		(conn && rdsz_conn_is_busy(conn));
}

static bool rdsz_gate_open(struct rdsz_net *rn, const struct rdsz_conn_key *key)
{
	struct rdsz_conn *conn;
	bool open = false;

	if (!rdsz_prefixes_allow(rn, &key->peer)) {
		rdsz_stat_inc(rn, conn_refused_from);
		return false;
	}
	if (rdsz_transport_for(rn, &key->peer, key->scope) != RDSZ_TRANS_NONE) {
		rdsz_stat_inc(rn, conn_refused_local);
		return false;
	}
	conn = rdsz_conn_lookup(rn, key);
	if (!rdsz_gate_wanted(rn, key, conn))
		rdsz_stat_inc(rn, conn_refused_unbound);
	else if (conn && time_before(jiffies, READ_ONCE(conn->refuse_until)))
		rdsz_stat_inc(rn, conn_refused_backoff);
	else
		open = true;
	if (conn)
		rdsz_conn_put(conn);
	return open;
}

/* In softirq, under RCU; the listener is not locked, and may be closing. */
static int rdsz_gate_conn_request(struct sock *sk, struct sk_buff *skb)
{
	struct rdsz_net *rn = rcu_dereference_sk_user_data(sk);
	bool v6 = sk->sk_family == AF_INET6;
	struct rdsz_conn_key key;

	rdsz_gate_key(skb, &key);
	if (!rn || READ_ONCE(rn->dying) || !rdsz_gate_open(rn, &key)) {
		rdsz_tcp_send_reset(sk, skb);
		return 0;
	}
	return rdsz_gate_original[v6]->conn_request(sk, skb);
}

/* Before the socket listens. */
void rdsz_gate_install(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	bool v6 = sk->sk_family == AF_INET6;

	mutex_lock(&rdsz_gate_lock);
	if (!rdsz_gate_original[v6]) {
		rdsz_gate_ops[v6] = *icsk->icsk_af_ops;
		rdsz_gate_ops[v6].conn_request = rdsz_gate_conn_request;
		rdsz_gate_original[v6] = icsk->icsk_af_ops;
	}
	mutex_unlock(&rdsz_gate_lock);
	lock_sock(sk);
	icsk->icsk_af_ops = &rdsz_gate_ops[v6];
	release_sock(sk);
}

/* For listeners that close, and for what they accepted. */
void rdsz_gate_remove(struct sock *sk)
{
	struct inet_connection_sock *icsk = inet_csk(sk);
	int i;

	lock_sock(sk);
	for (i = 0; i < RDSZ_GATES; i++)
		if (icsk->icsk_af_ops == &rdsz_gate_ops[i])
			icsk->icsk_af_ops = rdsz_gate_original[i];
	release_sock(sk);
}
