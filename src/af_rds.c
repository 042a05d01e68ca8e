// SPDX-License-Identifier: GPL-2.0
/*
 * af_rds.c - the protocol family: opening, naming, polling and closing of sockets.
 *
 * sk_family is PF_RDS whatever number the family is registered under: the core lets sockets of that
 * family set SO_ZEROCOPY, on every kernel.
 */
#define pr_fmt(fmt) "rds_zc: " fmt

#include <linux/compat.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/poll.h>
#include <linux/sockios.h>

#include <asm/ioctls.h>

#include "proto_mem.h"
#include "rdsz.h"
#include "socket.h"
#include "trace.h"

static bool unprivileged = true;
module_param(unprivileged, bool, 0644);
MODULE_PARM_DESC(unprivileged, "0: socket() takes CAP_NET_RAW (default 1: everybody)");

/* New sockets behave as in-tree to the letter: this is the family of AF_RDS programs. */
static bool rdsz_af_rds __read_mostly;
RDSZ_PROTO_MEM_DEFINE();

struct proto rdsz_proto = {
	.name		= "RDS-ZC",
	.owner		= THIS_MODULE,
	.obj_size	= sizeof(struct rdsz_sock),
	RDSZ_PROTO_MEM_OPS,
};

/**
 * rdsz_sock_next() - walk the sockets of a namespace without holding a lock between steps
 * @rn: namespace
 * @prev: socket returned before, its reference is dropped; NULL to start
 *
 * The list is in the order of the numbers, so a walk goes on where it was even if @prev is closed.
 *
 * Return: the next socket, with a reference, or NULL.
 */
struct rdsz_sock *rdsz_sock_next(struct rdsz_net *rn, struct rdsz_sock *prev)
{
	struct list_head *pos;
	struct rdsz_sock *rs = NULL;

	spin_lock_bh(&rn->sock_lock);
	/* A socket is marked dead before it leaves the list, which takes sock_lock. */
	pos = prev && !READ_ONCE(prev->dead) ? prev->net_node.next : rn->socks.next;
	for (; pos != &rn->socks; pos = pos->next) {
		rs = list_entry(pos, struct rdsz_sock, net_node);
		if (!prev || rs->id > prev->id) {
			sock_hold(&rs->sk);
			break;
		}
		rs = NULL;
	}
	spin_unlock_bh(&rn->sock_lock);
	if (prev)
		sock_put(&prev->sk);
	return rs;
}

/**
 * rdsz_socks_snapshot() - all sockets of a namespace, in creation order
 * @rn: namespace
 * @nr: their number
 *
 * Return: an array with a reference on each, to be freed with kvfree(); NULL: no memory.
 */
struct rdsz_sock **rdsz_socks_snapshot(struct rdsz_net *rn, u32 *nr)
{
	struct rdsz_sock **socks = NULL, *rs;
	u32 want = 16, n;

	for (;;) {
		kvfree(socks);
		socks = kvmalloc_array(want, sizeof(*socks), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!socks)
			return NULL;
		n = 0;
		spin_lock_bh(&rn->sock_lock);
		list_for_each_entry(rs, &rn->socks, net_node) {
			if (n < want) {
				sock_hold(&rs->sk);
				socks[n] = rs;
			}
			n++;
		}
		spin_unlock_bh(&rn->sock_lock);
		*nr = min(n, want);
		if (n <= want)
			return socks;
		while ((*nr)--)
			sock_put(&socks[*nr]->sk);
		want = n + n / 8;
	}
}

/* The socket that comes after a number, with a reference, or NULL; 0 for the first. */
struct rdsz_sock *rdsz_sock_after(struct rdsz_net *rn, u64 id)
{
	struct rdsz_sock *rs, *found = NULL;

	spin_lock_bh(&rn->sock_lock);
	list_for_each_entry(rs, &rn->socks, net_node) {
		if (rs->id <= id)
			continue;
		sock_hold(&rs->sk);
		found = rs;
		break;
	}
	spin_unlock_bh(&rn->sock_lock);
	return found;
}

/*
 * Nothing can find the socket any more, and syscalls on it are over. Messages that TCP still
 * carries lose their sender here; their payload waits for TCP on its own.
 */
static int rdsz_release(struct socket *sock)
{
	struct sock *sk = sock->sk;
	struct rdsz_sock *rs;

	if (!sk)
		return 0;
	rs = rdsz_sk(sk);
	if (rs->rx_traces)
		atomic_dec(&rs->rn->rx_tracers);
	rdsz_gather_close(rs);
	rdsz_unbind(rs);
	spin_lock_bh(&rs->rn->sock_lock);
	list_del(&rs->net_node);
	rs->rn->sock_gen++;
	spin_unlock_bh(&rs->rn->sock_lock);
	trace_rds_zc_socket(rs, RDSZ_TRACE_CLOSE);
	rdsz_messages_withdraw(rs, NULL);
	rdsz_cq_close(rs);
	sock_orphan(sk);
	sock->sk = NULL;
	sock_put(sk);
	return 0;
}

static void rdsz_sock_destruct(struct sock *sk)
{
	struct rdsz_sock *rs = rdsz_sk(sk);

	WARN_ON_ONCE(!list_empty(&rs->send_list) || !list_empty(&rs->recv_queue));
	if (rs->map)
		rdsz_map_put(rs->map);
	rdsz_cq_put(rs->cq);
	skb_queue_purge(&sk->sk_error_queue);
	rdsz_rcvmem_end(rs);
}

static int rdsz_bind_op(struct socket *sock, rdsz_sockaddr_t *uaddr, int len)
{
	struct rdsz_endpoint ep;

	if (rdsz_addr_parse((struct sockaddr_storage *)uaddr, len, &ep) != RDSZ_ADDR_OK)
		return -EINVAL;
	return rdsz_bind(rdsz_sk(sock->sk), &ep);
}

static int rdsz_connect_errno(enum rdsz_addr_fault fault)
{
	switch (fault) {
	case RDSZ_ADDR_ANY4:
		return -EDESTADDRREQ;
	case RDSZ_ADDR_BAD6:
		return -EPROTOTYPE;
	case RDSZ_ADDR_FAMILY:
		return -EAFNOSUPPORT;
	default:
		return -EINVAL;
	}
}

/* connect() only remembers the default destination; no packet is sent and no port checked. */
static int rdsz_connect_op(struct socket *sock, rdsz_sockaddr_t *uaddr, int len, int flags)
{
	struct rdsz_sock *rs = rdsz_sk(sock->sk);
	enum rdsz_addr_fault fault;
	struct rdsz_endpoint ep;
	int err = 0;

	fault = rdsz_addr_parse((struct sockaddr_storage *)uaddr, len, &ep);
	if (fault)
		return rdsz_connect_errno(fault);
	mutex_lock(&rs->bind_lock);
	if (ep.scope && rs->bound && rs->local.scope && rs->local.scope != ep.scope) {
		err = -EINVAL;
	} else {
		rs->peer = ep;
		rs->connected = true;
	}
	mutex_unlock(&rs->bind_lock);
	return err;
}

static int rdsz_getname_local(struct rdsz_sock *rs, struct sockaddr_storage *ss)
{
	struct rdsz_endpoint zero = {};

	if (rs->bound)
		return rdsz_addr_format(ss, &rs->local);
	if (rs->connected && !rdsz_addr_is_v4(&rs->peer.ip))
		return rdsz_addr_format(ss, &zero);
	memset(ss, 0, sizeof(struct sockaddr_in));
	if (rs->connected)
		ss->ss_family = AF_INET;
	return sizeof(struct sockaddr_in);
}

static int rdsz_getname(struct socket *sock, struct sockaddr *uaddr, int peer)
{
	struct rdsz_sock *rs = rdsz_sk(sock->sk);
	struct sockaddr_storage ss;
	int len = -ENOTCONN;

	mutex_lock(&rs->bind_lock);
	if (!peer)
		len = rdsz_getname_local(rs, &ss);
	else if (rs->connected)
		len = rdsz_addr_format(&ss, &rs->peer);
	mutex_unlock(&rs->bind_lock);
	if (len > 0)
		memcpy(uaddr, &ss, len);
	return len;
}

/*
 * A notification can be read. A mere change of congestion cannot, and is shown as such, except to
 * AF_RDS programs, whom in-tree tells by POLLIN, too.
 */
static __poll_t rdsz_cong_events(const struct rdsz_sock *rs)
{
	if (READ_ONCE(rs->cong_monitor))
		return EPOLLIN | EPOLLRDNORM;
	return READ_ONCE(rs->af_rds) ? EPOLLIN | EPOLLRDNORM | EPOLLWRBAND : EPOLLWRBAND;
}

/*
 * Cookies raise POLLERR unless the socket asked for the cmsg form, then POLLIN: see completion.c.
 */
static __poll_t rdsz_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	struct rdsz_sock *rs = rdsz_sk(sock->sk);
	__poll_t mask = 0;

	sock_poll_wait(file, sock, wait);
	if (rs->sk.sk_err || !skb_queue_empty_lockless(&rs->sk.sk_error_queue))
		mask |= EPOLLERR;
	if (rdsz_cq_readable(rs))
		mask |= rs->completion_mode == RDSZC_COMPLETION_CMSG ?
			EPOLLIN | EPOLLRDNORM : EPOLLERR;
	spin_lock_bh(&rs->queue_lock);
	if (!list_empty(&rs->recv_queue))
		mask |= EPOLLIN | EPOLLRDNORM;
	spin_unlock_bh(&rs->queue_lock);
	if (rdsz_cong_poll(rs))
		mask |= rdsz_cong_events(rs);
	if (rdsz_sock_writable(rs))
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (!(mask & poll_requested_events(wait)))
		rdsz_gather_flush(rs, false);
	return mask;
}

/* SIOCINQ: payload bytes of the next message. */
static int rdsz_bytes_of_next(struct rdsz_sock *rs)
{
	struct rdsz_incoming *inc;
	int len = 0;

	spin_lock_bh(&rs->queue_lock);
	inc = list_first_entry_or_null(&rs->recv_queue, struct rdsz_incoming, node);
	if (inc)
		len = inc->len;
	spin_unlock_bh(&rs->queue_lock);
	return len;
}

/*
 * TCP knows one type of service, so every value becomes 0. As in-tree, it can be set once there is
 * a transport, and until the first message goes out.
 */
static int rdsz_set_tos(struct rdsz_sock *rs, const u8 __user *from)
{
	u8 tos;

	if (get_user(tos, from))
		return -EFAULT;
	(void)tos;	/* only that it can be read */
	if (READ_ONCE(rs->transport) == RDSZ_TRANS_NONE)
		return -ENOTTY;
	return READ_ONCE(rs->sent) ? -EINVAL : 0;
}

static int rdsz_ioctl_user(struct rdsz_sock *rs, unsigned int cmd, void __user *arg)
{
	switch (cmd) {
	case SIOCRDSSETTOS:
		return rdsz_set_tos(rs, arg);
	case SIOCRDSGETTOS:
		return put_user((u8)0, (u8 __user *)arg);
	case SIOCINQ:
		return put_user(rdsz_bytes_of_next(rs), (int __user *)arg);
	case SIOCOUTQ:
		return put_user((int)READ_ONCE(rs->snd_bytes), (int __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}

static int rdsz_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	return rdsz_ioctl_user(rdsz_sk(sock->sk), cmd, (void __user *)arg);
}

#ifdef CONFIG_COMPAT
static int rdsz_compat_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	return rdsz_ioctl_user(rdsz_sk(sock->sk), cmd, compat_ptr(arg));
}
#endif

static const struct proto_ops rdsz_proto_ops = {
	.family		= AF_RDS,
	.owner		= THIS_MODULE,
	.release	= rdsz_release,
	.bind		= rdsz_bind_op,
	.connect	= rdsz_connect_op,
	.socketpair	= sock_no_socketpair,
	.accept		= sock_no_accept,
	.getname	= rdsz_getname,
	.poll		= rdsz_poll,
	.ioctl		= rdsz_ioctl,
#ifdef CONFIG_COMPAT
	.compat_ioctl	= rdsz_compat_ioctl,
#endif
	.gettstamp	= NULL,
	.listen		= sock_no_listen,
	.shutdown	= sock_no_shutdown,
	.setsockopt	= rdsz_setsockopt,
	RDSZ_GETSOCKOPT_OPS(rdsz_getsockopt),
	.sendmsg	= rdsz_sendmsg,
	.recvmsg	= rdsz_recvmsg,
	.mmap		= sock_no_mmap,
};

static void rdsz_sock_init(struct rdsz_sock *rs, struct rdsz_net *rn)
{
	rs->rn = rn;
	mutex_init(&rs->bind_lock);
	spin_lock_init(&rs->queue_lock);
	INIT_LIST_HEAD(&rs->send_list);
	INIT_LIST_HEAD(&rs->recv_queue);
	rs->transport = RDSZ_TRANS_NONE;
	rs->zc_threshold = -1;
	if (rdsz_af_rds) {
		rs->completion_mode = RDSZC_COMPLETION_CMSG;
		rs->af_rds = true;
	}
	rs->cong_seen = atomic_read(&rn->cong_gen);
	spin_lock_bh(&rn->sock_lock);
	rs->id = ++rn->sock_ids;
	rn->sock_gen++;
	list_add_tail(&rs->net_node, &rn->socks);
	spin_unlock_bh(&rn->sock_lock);
	trace_rds_zc_socket(rs, RDSZ_TRACE_CREATE);
}

static int rdsz_create(struct net *net, struct socket *sock, int protocol, int kern)
{
	struct rdsz_net *rn = rdsz_net_of(net);
	struct sock *sk;

	if (!kern && !READ_ONCE(unprivileged) && !ns_capable(net->user_ns, CAP_NET_RAW))
		return -EPERM;
	if (sock->type != SOCK_SEQPACKET || protocol)
		return -ESOCKTNOSUPPORT;
	sk = sk_alloc(net, PF_RDS, GFP_KERNEL, &rdsz_proto, kern);
	if (!sk)
		return -ENOMEM;
	sock_init_data(sock, sk);
	sock->ops = &rdsz_proto_ops;
	rdsz_sock_mark_zc(sock);
	sock_set_flag(sk, SOCK_RCU_FREE);	/* the bind table is read under RCU */
	sk->sk_destruct = rdsz_sock_destruct;
	rdsz_sock_init(rdsz_sk(sk), rn);
	return 0;
}

static struct net_proto_family rdsz_family = {
	.create	= rdsz_create,
	.owner	= THIS_MODULE,
};

static int rdsz_create_nothing(struct net *net, struct socket *sock, int protocol, int kern)
{
	return -EAFNOSUPPORT;
}

/* Is the number 21 in use, so that in-tree RDS is loaded? There is no way to ask but to try. */
bool rdsz_af_rds_taken(void)
{
	static const struct net_proto_family probe = {
		.family	= PF_RDS,
		.create	= rdsz_create_nothing,
		.owner	= THIS_MODULE,
	};

	if (sock_register(&probe))
		return true;
	sock_unregister(PF_RDS);
	return false;
}

/* The number that socket() takes. */
int rdsz_af_family(void)
{
	return rdsz_family.family;
}

/**
 * rdsz_af_init() - register the family
 * @family: its number
 * @af_rds: sockets behave as AF_RDS programs know it, until they choose otherwise
 */
int rdsz_af_init(int family, bool af_rds)
{
	int err;

	/* The core checks the upper end only. */
	if (family <= AF_UNSPEC || family >= NPROTO) {
		pr_err("family=%d is no protocol family number (1..%d)\n", family, NPROTO - 1);
		return -EINVAL;
	}
	err = proto_register(&rdsz_proto, 1);
	if (err)
		return err;
	rdsz_family.family = family;
	rdsz_af_rds = af_rds;
	err = sock_register(&rdsz_family);
	if (err) {
		pr_err("cannot use protocol family %d (error %d)%s\n", family, err,
		       err == -EEXIST ? ": the number is taken, choose another with family=" : "");
		proto_unregister(&rdsz_proto);
	}
	/* modprobe takes EEXIST for a module that is loaded already, and says nothing. */
	return err == -EEXIST ? -EBUSY : err;
}

void rdsz_af_exit(void)
{
	sock_unregister(rdsz_family.family);
	proto_unregister(&rdsz_proto);
}
