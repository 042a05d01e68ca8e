// SPDX-License-Identifier: GPL-2.0
/*
 * tcp.c - a path's TCP connection: opening, closing, and its hooks into the socket.
 *
 * The callbacks run with sk_callback_lock held for reading, and find their connection through
 * sk_user_data. Detaching takes that lock for writing, so after it no callback is inside.
 * The sockets hold no reference on the namespace; it closes them itself when it ends.
 */
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/tcp.h>

#include "socket.h"
#include "tcp.h"

#define RDSZ_PORT_TRIES	64	/* of thousands; the next attempt begins elsewhere */

static struct kmem_cache *rdsz_tcp_cache;

int __init rdsz_tcp_init(void)
{
	rdsz_tcp_cache = KMEM_CACHE(rdsz_tcp, 0);
	return rdsz_tcp_cache ? 0 : -ENOMEM;
}

void rdsz_tcp_exit(void)
{
	kmem_cache_destroy(rdsz_tcp_cache);
}

/* Sizes as the sysctls say, not doubled; TCP stops to tune them. */
static void rdsz_tcp_size_buffers(struct sock *sk, const struct rdsz_sysctl *sysctl)
{
	int sndbuf = READ_ONCE(sysctl->tcp_sndbuf);
	int rcvbuf = READ_ONCE(sysctl->tcp_rcvbuf);

	lock_sock(sk);
	if (sndbuf) {
		WRITE_ONCE(sk->sk_sndbuf, sndbuf);
		sk->sk_userlocks |= SOCK_SNDBUF_LOCK;
	}
	if (rcvbuf) {
		WRITE_ONCE(sk->sk_rcvbuf, rcvbuf);
		sk->sk_userlocks |= SOCK_RCVBUF_LOCK;
	}
	release_sock(sk);
}

static void rdsz_tcp_tune(struct socket *sock, const struct rdsz_sysctl *sysctl)
{
	tcp_sock_set_nodelay(sock->sk);
	sock_set_keepalive(sock->sk);
	tcp_sock_set_keepidle(sock->sk, READ_ONCE(sysctl->keepalive_idle));
	tcp_sock_set_keepintvl(sock->sk, READ_ONCE(sysctl->keepalive_interval));
	tcp_sock_set_keepcnt(sock->sk, READ_ONCE(sysctl->keepalive_count));
	rdsz_tcp_size_buffers(sock->sk, sysctl);
}

static void rdsz_tcp_state_change(struct sock *sk)
{
	void (*next)(struct sock *sk);
	struct rdsz_tcp *tcp;

	read_lock_bh(&sk->sk_callback_lock);
	tcp = rdsz_tcp_of(sk);
	next = tcp ? tcp->state_change : sk->sk_state_change;
	if (tcp) {
		switch (sk->sk_state) {
		case TCP_ESTABLISHED:
			rdsz_path_established(tcp->path);
			break;
		case TCP_CLOSE_WAIT:
		case TCP_LAST_ACK:
		case TCP_CLOSING:
		case TCP_CLOSE:
			WRITE_ONCE(tcp->path->connect_error, READ_ONCE(sk->sk_err));
			if (sk->sk_err)
				WRITE_ONCE(tcp->path->log.tcp_error, sk->sk_err);
			rdsz_path_drop(tcp->path, RDSZ_DROP_PEER);
			break;
		}
	}
	read_unlock_bh(&sk->sk_callback_lock);
	if (next != rdsz_tcp_state_change)
		next(sk);
}

static void rdsz_tcp_attach(struct rdsz_tcp *tcp)
{
	struct sock *sk = tcp->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	tcp->data_ready = sk->sk_data_ready;
	tcp->state_change = sk->sk_state_change;
	tcp->write_space = sk->sk_write_space;
	sk->sk_user_data = tcp;
	sk->sk_data_ready = rdsz_tcp_data_ready;
	sk->sk_state_change = rdsz_tcp_state_change;
	sk->sk_write_space = rdsz_tcp_write_space;
	write_unlock_bh(&sk->sk_callback_lock);
	/* Set for good: TCP calls write_space whenever something was acknowledged or sent. */
	set_bit(SOCK_NOSPACE, &tcp->sock->flags);
}

static void rdsz_tcp_detach(struct rdsz_tcp *tcp)
{
	struct sock *sk = tcp->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_user_data = NULL;
	sk->sk_data_ready = tcp->data_ready;
	sk->sk_state_change = tcp->state_change;
	sk->sk_write_space = tcp->write_space;
	write_unlock_bh(&sk->sk_callback_lock);
}

static void rdsz_tcp_set(struct rdsz_path *path, struct rdsz_tcp *tcp)
{
	spin_lock_bh(&path->lock);
	WRITE_ONCE(path->tcp, tcp);
	spin_unlock_bh(&path->lock);
}

static int rdsz_tcp_open(struct rdsz_path *path, struct socket *sock)
{
	struct rdsz_tcp *tcp = kmem_cache_zalloc(rdsz_tcp_cache, GFP_KERNEL);
	int err;

	if (!tcp)
		return -ENOMEM;
	tcp->path = path;
	tcp->sock = sock;
	err = rdsz_zc_sock_init(&tcp->zs, sock->sk, rdsz_tcp_zc_wake, path);
	if (err) {
		kmem_cache_free(rdsz_tcp_cache, tcp);
		return err;
	}
	rdsz_conn_hold(path->conn);
	rdsz_handshake_connected(path, sock->sk);
	clear_bit(RDSZ_PATH_TX_FULL, &path->flags);
	clear_bit(RDSZ_PATH_TX_AHEAD, &path->flags);
	clear_bit(RDSZ_PATH_RX_PAUSED, &path->flags);
	rdsz_tcp_set(path, tcp);
	rdsz_tcp_tune(sock, &path->conn->rn->sysctl);
	WRITE_ONCE(path->log.tcp_error, 0);
	rdsz_tcp_attach(tcp);
	return 0;
}

/* The final word on what was acknowledged is in the socket, so look before it goes. */
static void rdsz_tcp_close(struct rdsz_path *path)
{
	struct rdsz_tcp *tcp = path->tcp;

	if (!tcp)
		return;
	rdsz_tcp_detach(tcp);
	rdsz_part_stop(tcp);
	rdsz_tcp_set(path, NULL);
	cancel_work_sync(&path->recv_work);
	rdsz_path_acked(path, READ_ONCE(tcp_sk(tcp->sock->sk)->snd_una));
	rdsz_zc_sock_detach(tcp->zs);
	sock_no_linger(tcp->sock->sk);
	sock_release(tcp->sock);
	if (tcp->inc) {
		rdsz_ahead_end(path, &tcp->hdr, tcp->inc);
		rdsz_incoming_put(tcp->inc);
	}
	rdsz_part_free(tcp);
	kmem_cache_free(rdsz_tcp_cache, tcp);
	rdsz_conn_put(path->conn);
}

static int rdsz_tcp_bind_port(struct rdsz_path *path, struct socket *sock, unsigned int port)
{
	const struct rdsz_conn_key *key = &path->conn->key;
	struct rdsz_endpoint ep = { .ip = key->local, .scope = key->scope, .port = htons(port) };
	struct sockaddr_storage ss;
	int len = rdsz_addr_format(&ss, &ep);

	return rdsz_kernel_bind(sock, &ss, len);
}

/*
 * The low three bits of the source port are the number of the lane: so the acceptor knows which one
 * it has. Any port of the local range that has them and is not reserved will do; the search starts
 * at a random one. Connections to several peers may share a port, or few peers would use up all.
 */
static int rdsz_tcp_bind_local(struct rdsz_path *path, struct socket *sock)
{
	struct net *net = path->conn->rn->net;
	int low, high, first, nr, start, i, err, tries = 0;

	inet_get_local_port_range(net, &low, &high);
	first = low + ((path->index - low) & (RDSZ_MAX_LANES - 1));
	nr = first <= high ? (high - first) / RDSZ_MAX_LANES + 1 : 0;
	start = nr ? get_random_u32() % nr : 0;
	sock_set_reuseaddr(sock->sk);
	for (i = 0; i < nr && tries < RDSZ_PORT_TRIES; i++) {
		int port = first + (start + i) % nr * RDSZ_MAX_LANES;

		if (inet_is_local_reserved_port(net, port))
			continue;
		tries++;
		err = rdsz_tcp_bind_port(path, sock, port);
		if (err != -EADDRINUSE && err != -EACCES)
			return err;
		cond_resched();
	}
	rdsz_stat_inc(path->conn->rn, tcp_no_port);
	return -EADDRINUSE;
}

static int rdsz_tcp_connect(struct rdsz_path *path)
{
	const struct rdsz_conn_key *key = &path->conn->key;
	struct rdsz_net *rn = path->conn->rn;
	struct rdsz_endpoint to = { .ip = key->peer, .scope = key->scope,
				    .port = htons(READ_ONCE(rn->sysctl.tcp_port)) };
	struct sockaddr_storage ss;
	struct socket *sock;
	int len = rdsz_addr_format(&ss, &to);
	int err;

	err = sock_create_kern(rn->net, ss.ss_family, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (err)
		return err;
	err = rdsz_tcp_bind_local(path, sock);
	if (!err)
		err = rdsz_tcp_open(path, sock);
	if (err) {
		sock_release(sock);
		return err;
	}
	rdsz_stat_inc(rn, tcp_connects);
	err = rdsz_kernel_connect(sock, &ss, len, O_NONBLOCK);
	return err == -EINPROGRESS ? 0 : err;
}

static void rdsz_tcp_shutdown(struct rdsz_path *path)
{
	rdsz_tcp_abort_pass(path);
	if (path->tcp)
		kernel_sock_shutdown(path->tcp->sock, SHUT_WR);
}

/*
 * The peer has finished, or cannot be understood, and all that came is read. Where reading has
 * stopped at rcv_mem_max, one of ours sends what is unread again.
 */
static bool rdsz_tcp_drained(struct rdsz_path *path)
{
	const struct rdsz_tcp *tcp = path->tcp;
	const struct sock *sk;

	if (!tcp || READ_ONCE(tcp->failed))
		return true;
	if (test_bit(RDSZ_PATH_RX_PAUSED, &path->flags) &&
	    rdsz_path_peer_can(path, RDSZ_CAP_DELIVERY_ACK))
		return true;
	sk = tcp->sock->sk;
	if (!test_bit(RDSZ_PATH_UNREACHABLE, &path->flags) &&
	    (1 << READ_ONCE(sk->sk_state)) & (TCPF_ESTABLISHED | TCPF_SYN_SENT | TCPF_SYN_RECV |
					      TCPF_FIN_WAIT1 | TCPF_FIN_WAIT2))
		return false;
	return skb_queue_empty_lockless(&sk->sk_receive_queue);
}

/* Data may have come before the callbacks were ours, and the connection may be closing already. */
static void rdsz_tcp_start(struct rdsz_path *path)
{
	struct sock *sk = path->tcp->sock->sk;

	rdsz_tcp_receive(path);
	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED)
		rdsz_path_drop(path, RDSZ_DROP_PEER);
}

/*
 * The peer owes an acknowledgement where segments are under way, or could be, for its window is
 * open (they are not when the route is gone). It does not where the window is too small for one, or
 * was taken back while they were under way: a peer without memory drops them, and says so (6.6).
 *
 * Runs in the path's worker, which also closes, so the connection stays.
 */
static enum rdsz_flight rdsz_tcp_flight(struct rdsz_path *path, u32 *una)
{
	const struct tcp_sock *tp;
	u32 nxt, wnd;

	if (!path->tcp)
		return RDSZ_FLIGHT_NONE;
	tp = tcp_sk(path->tcp->sock->sk);
	*una = READ_ONCE(tp->snd_una);
	nxt = READ_ONCE(tp->snd_nxt);
	wnd = READ_ONCE(tp->snd_wnd);
	if (READ_ONCE(tp->write_seq) == *una)
		return RDSZ_FLIGHT_NONE;
	if (wnd && (READ_ONCE(tp->packets_out) ||
		    (s32)(*una + wnd - nxt) >= (s32)READ_ONCE(tp->mss_cache)))
		return RDSZ_FLIGHT_OPEN;
	return RDSZ_FLIGHT_SHUT;
}

const struct rdsz_transport rdsz_tcp_transport = {
	.name		= "tcp",
	.type		= RDSZ_TRANS_TCP,
	.connect	= rdsz_tcp_connect,
	.adopt		= rdsz_tcp_open,
	.start		= rdsz_tcp_start,
	.shutdown	= rdsz_tcp_shutdown,
	.drained	= rdsz_tcp_drained,
	.close		= rdsz_tcp_close,
	.xmit		= rdsz_tcp_xmit,
	.receive	= rdsz_tcp_receive,
	.flight		= rdsz_tcp_flight,
	.needs_worker	= rdsz_zc_needs_worker,
};
