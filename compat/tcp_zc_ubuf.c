// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_zc_ubuf.c - zerocopy sends with a ubuf_info of our own; kernels from 6.1 on.
 *
 * TCP takes a reference for each skb that points to the pages, and passes it on when it clones.
 * Each is dropped through the completion below with the word whether the pages travelled as they
 * were. 6.1 also takes one for the duration of the send call, and drops it as a success without an
 * skb; from 6.12 on it relies on the sender's. Both come out the same here.
 */
#include <linux/net.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "iter.h"
#include "tcp_zc.h"

#if RDSZ_ZC_BY_UBUF

/**
 * struct rdsz_zc_sock - zerocopy state of a TCP socket: nothing but the socket, in this form
 * @sk: the socket, which outlives this
 */
struct rdsz_zc_sock {
	struct sock	*sk;
};

static void rdsz_zc_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool success)
{
	struct rdsz_zc *zc = container_of(ubuf, struct rdsz_zc, ubuf);

	if (!success)
		WRITE_ONCE(zc->copied, true);
	rdsz_zc_put(zc);
}

#if RDSZ_UBUF_HAS_OPS
static const struct ubuf_info_ops rdsz_zc_ubuf_ops = {
	.complete = rdsz_zc_complete,
};
#endif

/**
 * rdsz_zc_needs_worker() - must sends come from a worker?
 *
 * Return: true if rdsz_zc_sendmsg() may be called by kernel threads only.
 */
bool rdsz_zc_needs_worker(void)
{
	return false;
}

/**
 * rdsz_zc_init() - prepare an object; the caller holds the one reference
 * @zc: object
 * @release: see struct rdsz_zc
 */
void rdsz_zc_init(struct rdsz_zc *zc, void (*release)(struct rdsz_zc *zc))
{
	memset(zc, 0, sizeof(*zc));
	refcount_set(&zc->ubuf.refcnt, 1);
	zc->ubuf.flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
#if RDSZ_UBUF_HAS_OPS
	zc->ubuf.ops = &rdsz_zc_ubuf_ops;
#elif RDSZ_UBUF_CALLBACK_TAKES_SKB
	zc->ubuf.callback = rdsz_zc_complete;
#else
#error "no way known to hear of the completion of a ubuf_info of this kernel (known: 6.1 .. 7.3)"
#endif
	zc->release = release;
}

/**
 * rdsz_zc_sock_init() - prepare a TCP socket for rdsz_zc_sendmsg()
 * @zsp: filled in
 * @sk: kernel TCP socket that has not sent anything
 * @wake: called after rdsz_zc_sendmsg() has said -ENOBUFS, as soon as trying again makes sense;
 *	perhaps before that call returns. Any context up to softirq, a spinlock held.
 * @arg: its argument
 *
 * Context: process, may sleep; takes the lock of @sk.
 * Return: 0 or -ENOMEM.
 */
int rdsz_zc_sock_init(struct rdsz_zc_sock **zsp, struct sock *sk, void (*wake)(void *arg),
		      void *arg)
{
	struct rdsz_zc_sock *zs = kmalloc(sizeof(*zs), GFP_KERNEL);

	if (!zs)
		return -ENOMEM;
	zs->sk = sk;
	*zsp = zs;
	return 0;
}

/**
 * rdsz_zc_sock_detach() - our side lets go, before it releases the socket
 * @zs: not used again by the caller, who makes no further sends; wake() is not called any more
 */
void rdsz_zc_sock_detach(struct rdsz_zc_sock *zs)
{
	kfree(zs);
}

/**
 * rdsz_zc_sendmsg() - send pages without copying
 * @zs: TCP socket; one caller at a time
 * @zc: gets references for as long as TCP needs the pages; the caller holds one
 * @msg: msg_iter over the pages, msg_flags for TCP
 * @len: bytes
 *
 * Context: process, may sleep only for memory if msg_flags has MSG_DONTWAIT. See
 *	rdsz_zc_needs_worker().
 * Return: bytes that TCP took, or
 *	-EAGAIN: TCP is full; -ENOBUFS: it cannot take zerocopy now, but earlier sends are on their
 *	way: wait for wake(); -EOPNOTSUPP: send it as a copy; else TCP's error.
 */
ssize_t rdsz_zc_sendmsg(struct rdsz_zc_sock *zs, struct rdsz_zc *zc, struct msghdr *msg, size_t len)
{
	struct sock *sk = zs->sk;
	int ret;

	if (!rdsz_zc_usable(sk))
		return -EOPNOTSUPP;
	rdsz_zc_count(zc);
	iov_iter_truncate(&msg->msg_iter, len);
	msg->msg_ubuf = &zc->ubuf;
	msg->msg_flags |= MSG_ZEROCOPY | MSG_NOSIGNAL;
	ret = sock_sendmsg(sk->sk_socket, msg);
	/* The route changed under the call: TCP may have copied, and tells nobody. */
	if (ret > 0 && !rdsz_zc_usable(sk))
		WRITE_ONCE(zc->copied, true);
	return ret == -ENOBUFS ? -ENOMEM : ret;	/* nobody would wake who waits */
}

#endif /* RDSZ_ZC_BY_UBUF */
