// SPDX-License-Identifier: GPL-2.0
/*
 * bind.c - bound sockets of a namespace, found by address, port and scope.
 *
 * The table holds no reference. A socket leaves it in close(), before its last reference goes, and
 * sockets are freed after an RCU period, so a look-up either gets a live reference or misses.
 */
#define pr_fmt(fmt) "rds_zc: " fmt

#include <linux/inetdevice.h>
#include <linux/random.h>
#include <net/addrconf.h>
#include <net/ipv6.h>
#include <net/route.h>

#include "rdsz.h"
#include "trace.h"

static const struct rhashtable_params rdsz_bind_params = {
	.head_offset		= offsetof(struct rdsz_sock, bind_node),
	.key_offset		= offsetof(struct rdsz_sock, bind_key),
	.key_len		= sizeof(struct rdsz_bind_key),
	.automatic_shrinking	= true,
};

int rdsz_bind_table_init(struct rdsz_net *rn)
{
	return rhashtable_init(&rn->binds, &rdsz_bind_params);
}

void rdsz_bind_table_exit(struct rdsz_net *rn)
{
	rhashtable_destroy(&rn->binds);
}

/* Is the address configured here? Tentative IPv6 addresses are not ours yet. */
static bool rdsz_addr_is_local(struct net *net, const struct in6_addr *ip, u32 scope)
{
	struct net_device *dev = NULL;
	bool local;

	if (rdsz_addr_is_v4(ip))
		return inet_addr_type(net, ip->s6_addr32[3]) == RTN_LOCAL;
	if (!ipv6_mod_enabled())
		return false;
	rcu_read_lock();
	if (scope)
		dev = dev_get_by_index_rcu(net, scope);
	local = (!scope || dev) && ipv6_chk_addr(net, ip, dev, 0);
	rcu_read_unlock();
	return local;
}

/**
 * rdsz_transport_for() - which transport owns an address of this host
 * @rn: namespace
 * @ip: address
 * @scope: interface index of a link-local address
 *
 * Return: RDSZ_TRANS_LOOP for loopback addresses, RDSZ_TRANS_TCP for other local ones,
 *	RDSZ_TRANS_NONE for an address that is not ours.
 */
int rdsz_transport_for(struct rdsz_net *rn, const struct in6_addr *ip, u32 scope)
{
	if (rdsz_addr_is_loopback(ip))
		return RDSZ_TRANS_LOOP;
	if (rdsz_addr_is_local(rn->net, ip, scope))
		return RDSZ_TRANS_TCP;
	return RDSZ_TRANS_NONE;
}

static int rdsz_bind_insert(struct rdsz_sock *rs, const struct rdsz_endpoint *ep, __be16 port)
{
	memset(&rs->bind_key, 0, sizeof(rs->bind_key));
	rs->bind_key.ip = ep->ip;
	rs->bind_key.scope = ep->scope;
	rs->bind_key.port = port;
	return rhashtable_lookup_insert_fast(&rs->rn->binds, &rs->bind_node, rdsz_bind_params);
}

/* An ephemeral port: from a random start upwards, never the two reserved ones. */
static int rdsz_bind_any_port(struct rdsz_sock *rs, const struct rdsz_endpoint *ep, __be16 *port)
{
	const u32 first = RDSZ_PORT_PROBE + 1, nr = 65536 - first;
	u32 start = get_random_u32() % nr;
	u32 i;
	int err;

	for (i = 0; i < nr; i++) {
		*port = htons(first + (start + i) % nr);
		err = rdsz_bind_insert(rs, ep, *port);
		if (err != -EEXIST)
			return err;
		cond_resched();
	}
	return -EADDRINUSE;
}

static int rdsz_bind_port(struct rdsz_sock *rs, const struct rdsz_endpoint *want)
{
	__be16 port = want->port;
	int err;

	/*
	 * Readers may find the socket as soon as it is in the table: all but the port is set
	 * before.
	 */
	rs->local = *want;
	if (port)
		err = rdsz_bind_insert(rs, want, port);
	else
		err = rdsz_bind_any_port(rs, want, &port);
	if (!err) {
		rs->local.port = port;
		return 0;
	}
	return err == -EEXIST || err == -EADDRINUSE ? -EADDRINUSE : -ENOMEM;
}

static int rdsz_bind_check(struct rdsz_sock *rs, const struct rdsz_endpoint *want, int *transport)
{
	if (rs->bound)
		return -EINVAL;
	if (rs->connected && want->scope && rs->peer.scope && rs->peer.scope != want->scope)
		return -EINVAL;
	*transport = rdsz_transport_for(rs->rn, &want->ip, want->scope);
	if (*transport == RDSZ_TRANS_NONE)
		return rs->transport == RDSZ_TRANS_NONE ? -EADDRNOTAVAIL : -ENOPROTOOPT;
	if (ntohs(want->port) == RDSZ_PORT_PROBE)
		return -EINVAL;
	if (rs->transport != RDSZ_TRANS_NONE)
		*transport = rs->transport;
	return 0;
}

static int rdsz_bind_locked(struct rdsz_sock *rs, const struct rdsz_endpoint *want)
{
	struct rdsz_map *map;
	int transport, err;

	err = rdsz_bind_check(rs, want, &transport);
	if (err)
		return err;
	map = rdsz_map_get(rs->rn, &want->ip, GFP_KERNEL_ACCOUNT);
	if (!map)
		return -ENOMEM;
	err = rdsz_map_need_bits(map);
	if (err)
		goto err_map;
	if (transport == RDSZ_TRANS_TCP && !rdsz_addr_is_loopback(&want->ip)) {
		err = rdsz_tcp_listen_start(rs->rn);
		if (err)
			goto err_map;
	}
	rs->map = map;
	atomic_inc(&map->bound);
	err = rdsz_bind_port(rs, want);
	if (err) {
		atomic_dec(&map->bound);
		rs->map = NULL;
		goto err_map;
	}
	rs->transport = transport;
	/* Pairs with the acquire in rdsz_send_check_destination(): @local is complete. */
	smp_store_release(&rs->bound, true);
	trace_rds_zc_socket(rs, RDSZ_TRACE_BIND);
	return 0;

err_map:
	rdsz_map_put(map);
	return err;
}

/**
 * rdsz_bind() - bind a socket
 * @rs: socket
 * @want: address, and port or 0
 *
 * Context: process, may sleep: the first bind of a namespace opens the listener.
 * Return: 0, -EINVAL, -EADDRNOTAVAIL, -ENOPROTOOPT, -EADDRINUSE, -ENETDOWN (TCP port taken),
 * -ENOMEM.
 */
int rdsz_bind(struct rdsz_sock *rs, const struct rdsz_endpoint *want)
{
	int err;

	mutex_lock(&rs->bind_lock);
	err = rdsz_bind_locked(rs, want);
	mutex_unlock(&rs->bind_lock);
	return err;
}

/*
 * In close(): messages on their way see the socket dead, those that wait go, then nobody finds it.
 * In this order, for the port's bit in the congestion map is the next owner's from then on.
 */
void rdsz_unbind(struct rdsz_sock *rs)
{
	spin_lock_bh(&rs->queue_lock);
	rs->dead = true;
	spin_unlock_bh(&rs->queue_lock);
	rdsz_recv_purge(rs);
	if (rs->bound) {
		rhashtable_remove_fast(&rs->rn->binds, &rs->bind_node, rdsz_bind_params);
		atomic_dec(&rs->map->bound);
	}
}

/**
 * rdsz_find_bound() - the socket bound to an endpoint, with a reference
 * @rn: namespace
 * @ep: address, port and scope
 */
struct rdsz_sock *rdsz_find_bound(struct rdsz_net *rn, const struct rdsz_endpoint *ep)
{
	struct rdsz_bind_key key = { .ip = ep->ip, .scope = ep->scope, .port = ep->port };
	struct rdsz_sock *rs;

	rcu_read_lock();
	rs = rhashtable_lookup(&rn->binds, &key, rdsz_bind_params);
	if (rs && !refcount_inc_not_zero(&rs->sk.sk_refcnt))
		rs = NULL;
	rcu_read_unlock();
	return rs;
}
