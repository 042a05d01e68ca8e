// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_listen.c - the listening socket of a namespace, and what comes in by it.
 *
 * Opened by the first bind() to an address that TCP owns, or by net.rds_zc.tcp_listen. It is
 * created in a worker, so that it belongs to the root memory cgroup and not to whoever came first;
 * bind() waits for that. listen_lock covers the listener's opening and closing.
 */
#define pr_fmt(fmt) "rds_zc: " fmt

#include <net/inet_sock.h>
#include <net/ipv6.h>
#include <net/tcp.h>

#include "socket.h"
#include "tcp.h"

#define RDSZ_BACKLOG	64

#define RDSZ_ACCEPT_RETRY_MS	100	/* until what could not be accepted is asked for again */
#define RDSZ_ACCEPT_BATCH	64	/* then others may have the lock */

/* ---- accepting ---- */

static void rdsz_endpoint_of_sock(const struct sock *sk, bool peer, struct in6_addr *ip)
{
	if (sk->sk_family == AF_INET)
		ipv6_addr_set_v4mapped(peer ? sk->sk_daddr : sk->sk_rcv_saddr, ip);
	else
		*ip = peer ? sk->sk_v6_daddr : sk->sk_v6_rcv_saddr;
}

static void rdsz_accept_key(const struct sock *sk, struct rdsz_conn_key *key)
{
	memset(key, 0, sizeof(*key));
	rdsz_endpoint_of_sock(sk, false, &key->local);
	rdsz_endpoint_of_sock(sk, true, &key->peer);
	/*
	 * TCP binds to the interface only where the peer is link-local; else it remembers it here.
	 */
	if (rdsz_addr_is_link_local(&key->local) || rdsz_addr_is_link_local(&key->peer))
		key->scope = READ_ONCE(sk->sk_bound_dev_if) ?: inet6_sk(sk)->mcast_oif;
	key->transport = RDSZ_TRANS_TCP;
}

/* Takes the socket over. Most refusals were made before there was one, see tcp_gate.c. */
static void rdsz_accept_one(struct rdsz_net *rn, struct socket *sock)
{
	struct rdsz_conn_key key;

	sock_no_linger(sock->sk);	/* whatever closes it early resets it */
	write_lock_bh(&sock->sk->sk_callback_lock);
	sock->sk->sk_data_ready = rn->listen_data_ready;	/* not the inherited one */
	write_unlock_bh(&sock->sk->sk_callback_lock);
	rdsz_gate_remove(sock->sk);
	rdsz_accept_key(sock->sk, &key);
	rdsz_pending_accept(rn, &key, sock);
}

/* 0: there may be more; -ENOMEM, -ENFILE: some was left behind for want of memory. */
static int rdsz_accept_some(struct rdsz_net *rn)
{
	struct socket *sock;
	int i, err = 0;

	for (i = 0; i < RDSZ_ACCEPT_BATCH && !err; i++) {
		if (!rn->listener || READ_ONCE(rn->dying))
			return -ENETDOWN;
		err = kernel_accept(rn->listener, &sock, O_NONBLOCK);
		if (!err)
			rdsz_accept_one(rn, sock);
		cond_resched();
	}
	return err;
}

static void rdsz_accept_work(struct work_struct *work)
{
	struct rdsz_net *rn = container_of(to_delayed_work(work), struct rdsz_net, accept_work);
	int err;

	mutex_lock(&rn->listen_lock);
	err = rdsz_accept_some(rn);
	if (!err) {	/* those who wait for the lock first */
		queue_delayed_work(rdsz_wq, &rn->accept_work, 0);
	} else if (err == -ENOMEM || err == -ENFILE) {	/* nobody announces it once more */
		rdsz_stat_inc(rn, conn_delayed_accept);
		queue_delayed_work(rdsz_wq, &rn->accept_work,
				   msecs_to_jiffies(RDSZ_ACCEPT_RETRY_MS));
	}
	mutex_unlock(&rn->listen_lock);
}

/* Connections inherit this callback until they are accepted; theirs is not the listener's data. */
static void rdsz_listen_data_ready(struct sock *sk)
{
	struct rdsz_net *rn;

	read_lock_bh(&sk->sk_callback_lock);
	rn = sk->sk_state == TCP_LISTEN ? rcu_dereference_sk_user_data(sk) : NULL;
	if (rn && !READ_ONCE(rn->dying))
		mod_delayed_work(rdsz_wq, &rn->accept_work, 0);
	read_unlock_bh(&sk->sk_callback_lock);
}

/* ---- opening and closing ---- */

static int rdsz_listen_socket(struct rdsz_net *rn, int family, struct socket **sockp)
{
	struct sockaddr_storage ss = { .ss_family = family };
	int len = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	__be16 port = htons(READ_ONCE(rn->sysctl.tcp_port));
	struct socket *sock;
	int err;

	err = sock_create_kern(rn->net, family, SOCK_STREAM, IPPROTO_TCP, &sock);
	if (err)
		return err;
	if (family == AF_INET)
		((struct sockaddr_in *)&ss)->sin_port = port;
	else
		((struct sockaddr_in6 *)&ss)->sin6_port = port;
	sock->sk->sk_ipv6only = false;	/* both families, whatever bindv6only says */
	sock_set_reuseaddr(sock->sk);
	tcp_sock_set_nodelay(sock->sk);
	err = rdsz_kernel_bind(sock, &ss, len);
	if (err)
		sock_release(sock);
	else
		*sockp = sock;
	return err;
}

static void rdsz_listen_close(struct rdsz_net *rn)
{
	struct socket *sock = rn->listener;
	struct sock *sk;

	if (!sock)
		return;
	sk = sock->sk;
	write_lock_bh(&sk->sk_callback_lock);
	sk->sk_data_ready = rn->listen_data_ready;
	sk->sk_user_data = NULL;
	write_unlock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(rn->listener, NULL);
	sock_release(sock);
}

static int rdsz_listen_open(struct rdsz_net *rn)
{
	struct socket *sock;
	struct sock *sk;
	int err;

	err = ipv6_mod_enabled() ? rdsz_listen_socket(rn, AF_INET6, &sock) : -EAFNOSUPPORT;
	if (err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL)
		err = rdsz_listen_socket(rn, AF_INET, &sock);
	if (err)
		return err;
	sk = sock->sk;
	write_lock_bh(&sk->sk_callback_lock);
	rn->listen_data_ready = sk->sk_data_ready;
	/* Not copied into the sockets of accepted connections. */
	sk->sk_user_data = (void *)((unsigned long)rn | SK_USER_DATA_NOCOPY);
	sk->sk_data_ready = rdsz_listen_data_ready;
	write_unlock_bh(&sk->sk_callback_lock);
	WRITE_ONCE(rn->listener, sock);
	rdsz_gate_install(sk);
	err = kernel_listen(sock, RDSZ_BACKLOG);
	if (err)
		rdsz_listen_close(rn);
	return err;
}

static void rdsz_listen_work(struct work_struct *work)
{
	struct rdsz_net *rn = container_of(work, struct rdsz_net, listen_work);

	mutex_lock(&rn->listen_lock);
	rn->listen_error = 0;
	if (!rn->listener && !READ_ONCE(rn->dying) && READ_ONCE(rn->sysctl.tcp_listen))
		rn->listen_error = rdsz_listen_open(rn);
	mutex_unlock(&rn->listen_lock);
}

static int rdsz_listen_run(struct rdsz_net *rn)
{
	int err;

	queue_work(rdsz_wq, &rn->listen_work);
	flush_work(&rn->listen_work);
	err = READ_ONCE(rn->listen_error);
	if (err)
		pr_notice_ratelimited("cannot listen on TCP port %d: error %d%s\n",
				      READ_ONCE(rn->sysctl.tcp_port), err,
				      err == -EADDRINUSE ? ", the port is taken" : "");
	return err ? -ENETDOWN : 0;
}

/**
 * rdsz_tcp_listen_start() - have a listener, unless tcp_listen forbids it
 * @rn: namespace
 *
 * Context: process, waits for the worker that opens it.
 * Return: 0 or -ENETDOWN.
 */
int rdsz_tcp_listen_start(struct rdsz_net *rn)
{
	if (READ_ONCE(rn->listener) || !READ_ONCE(rn->sysctl.tcp_listen))
		return 0;
	return rdsz_listen_run(rn);
}

/* The port or the mode was written: close, and open again where the mode says so. */
int rdsz_tcp_listen_apply(struct rdsz_net *rn)
{
	bool was_open, want;

	mutex_lock(&rn->listen_lock);
	was_open = rn->listener;
	rdsz_listen_close(rn);
	mutex_unlock(&rn->listen_lock);
	want = READ_ONCE(rn->sysctl.tcp_listen) == 1 || was_open;
	return want && READ_ONCE(rn->sysctl.tcp_listen) ? rdsz_listen_run(rn) : 0;
}

void rdsz_tcp_listen_init(struct rdsz_net *rn)
{
	mutex_init(&rn->listen_lock);
	INIT_WORK(&rn->listen_work, rdsz_listen_work);
	INIT_DELAYED_WORK(&rn->accept_work, rdsz_accept_work);
}

/* The namespace ends and is marked as dying: no listener is opened after this. */
void rdsz_tcp_listen_end(struct rdsz_net *rn)
{
	mutex_lock(&rn->listen_lock);
	rdsz_listen_close(rn);
	mutex_unlock(&rn->listen_lock);
}

/* And none of our work is queued any more. */
void rdsz_tcp_listen_stop(struct rdsz_net *rn)
{
	cancel_work_sync(&rn->listen_work);
	cancel_delayed_work_sync(&rn->accept_work);
}
