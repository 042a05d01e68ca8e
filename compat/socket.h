/* SPDX-License-Identifier: GPL-2.0 */
/*
 * socket.h - sockets: what the core calls us with, and what we call it with.
 */
#ifndef RDSZ_COMPAT_SOCKET_H
#define RDSZ_COMPAT_SOCKET_H

#include <linux/net.h>
#include <linux/skbuff.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "gen/config.h"

/*
 * The address of proto_ops.bind and .connect. 7.2 made it a type of its own; before: struct
 * sockaddr.
 */
#if RDSZ_PROTO_OPS_BIND_TAKES_UNSIZED
typedef struct sockaddr_unsized rdsz_sockaddr_t;
#elif RDSZ_PROTO_OPS_BIND_TAKES_SOCKADDR
typedef struct sockaddr rdsz_sockaddr_t;
#else
#error "proto_ops.bind takes neither sockaddr nor sockaddr_unsized (known: 5.10 .. 7.3)"
#endif

static inline int rdsz_kernel_bind(struct socket *sock, struct sockaddr_storage *addr, int len)
{
	return kernel_bind(sock, (rdsz_sockaddr_t *)addr, len);
}

static inline int rdsz_kernel_connect(struct socket *sock, struct sockaddr_storage *addr, int len,
				      int flags)
{
	return kernel_connect(sock, (rdsz_sockaddr_t *)addr, len, flags);
}

/* Lets io_uring's zerocopy sends reach our sendmsg. 5.10 has no such sends. */
static inline void rdsz_sock_mark_zc(struct socket *sock)
{
#if RDSZ_SOCKET_HAS_SUPPORT_ZC
	set_bit(SOCK_SUPPORT_ZC, &sock->flags);
#endif
}

/* Who made the socket. 7.2 hides the field behind sk_uid(). */
static inline kuid_t rdsz_sk_uid(struct sock *sk)
{
#if RDSZ_SK_HAS_UID_HELPER
	return sk_uid(sk);
#elif RDSZ_SK_HAS_UID_FIELD
	return READ_ONCE(sk->sk_uid);
#else
#error "no way known to ask this kernel for the owner of a socket (known: 5.10 .. 7.3)"
#endif
}

/* May the CPU read the fragments? 6.12 can receive into device memory; before, it always may. */
static inline bool rdsz_skb_readable(const struct sk_buff *skb)
{
#if RDSZ_SKB_HAS_FRAGS_READABLE
	return skb_frags_readable(skb);
#else
	return true;
#endif
}

/*
 * getsockopt in one shape: src/ defines rdsz_getsockopt(), and
 *
 *	static const struct proto_ops ops = { ..., RDSZ_GETSOCKOPT_OPS(rdsz_getsockopt) };
 *
 * wires it to what the core calls. What it returns is what the user's call returns, positive values
 * too. A negative length is refused with EINVAL before it is asked.
 */
struct rdsz_optval {
#if RDSZ_PROTO_OPS_HAS_GETSOCKOPT_ITER
	sockopt_t	*opt;
	int		len;		/* of the user's buffer */
#elif RDSZ_PROTO_OPS_HAS_GETSOCKOPT
	char __user	*pos;
	int		len;		/* of the user's buffer */
	int		out_len;	/* what to tell the user; -1: nothing */
#else
#error "proto_ops of this kernel has neither getsockopt nor getsockopt_iter (known: 5.10 .. 7.3)"
#endif
};

/* Length of the user's buffer. */
static inline int rdsz_optval_len(const struct rdsz_optval *ov)
{
	return ov->len;
}

/* Append to the user's buffer, which must have the room. Returns 0 or -EFAULT. */
static inline int rdsz_optval_put(struct rdsz_optval *ov, const void *data, size_t len)
{
#if RDSZ_PROTO_OPS_HAS_GETSOCKOPT_ITER
	return copy_to_iter(data, len, &ov->opt->iter_out) == len ? 0 : -EFAULT;
#else
	if (copy_to_user(ov->pos, data, len))
		return -EFAULT;
	ov->pos += len;
	return 0;
#endif
}

/* The length to tell the user, also when fn fails (ENOSPC). Without it theirs stays. */
static inline void rdsz_optval_set_len(struct rdsz_optval *ov, int len)
{
#if RDSZ_PROTO_OPS_HAS_GETSOCKOPT_ITER
	ov->opt->optlen = len;
#else
	ov->out_len = len;
#endif
}

int rdsz_getsockopt(struct socket *sock, int level, int optname, struct rdsz_optval *ov);

#define RDSZ_GETSOCKOPT_OPS(fn) .RDSZ_GETSOCKOPT_MEMBER = fn##_compat

#if RDSZ_PROTO_OPS_HAS_GETSOCKOPT_ITER

/* Since 6.12.117. The core reads the length before and writes it back after. */
#define RDSZ_GETSOCKOPT_MEMBER getsockopt_iter
static inline int rdsz_getsockopt_compat(struct socket *sock, int level, int optname,
					 sockopt_t *opt)
{
	struct rdsz_optval ov = { .opt = opt, .len = opt->optlen };

	return rdsz_getsockopt(sock, level, optname, &ov);
}

#else

/* Needed by 5.10, 6.1. A length that cannot be written back is EFAULT, whatever the option said. */
#define RDSZ_GETSOCKOPT_MEMBER getsockopt
static inline int rdsz_getsockopt_compat(struct socket *sock, int level, int optname,
					 char __user *optval, int __user *optlen)
{
	struct rdsz_optval ov = { .pos = optval, .out_len = -1 };
	int ret;

	if (get_user(ov.len, optlen))
		return -EFAULT;
	if (ov.len < 0)
		return -EINVAL;
	ret = rdsz_getsockopt(sock, level, optname, &ov);
	if (ov.out_len >= 0 && put_user(ov.out_len, optlen))
		return -EFAULT;
	return ret;
}

#endif

#endif /* RDSZ_COMPAT_SOCKET_H */
