/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tcp_zc.h - lends user pages to a kernel TCP socket, and tells when TCP has let go of them.
 *
 * Two forms behind one call:
 *   tcp_zc_ubuf.c      6.1 and newer: our own ubuf_info goes with each send (msghdr.msg_ubuf), and
 *                      each skb that refers to the pages holds a reference on it.
 *   tcp_zc_errqueue.c  5.10, and anywhere with COMPAT_FORCE=tcp_errqueue: the socket's own
 *                      MSG_ZEROCOPY; what is done comes back as id ranges on its error queue.
 *
 * References on a struct rdsz_zc: one of the sender, from rdsz_zc_init() to rdsz_zc_put(), and
 * TCP's: one per skb (first form) or per send call (second form). The last one to go, in any
 * context up to softirq, calls release() once; after that TCP cannot read the pages any more.
 */
#ifndef RDSZ_COMPAT_TCP_ZC_H
#define RDSZ_COMPAT_TCP_ZC_H

#include <linux/refcount.h>
#include <linux/skbuff.h>
#include <linux/socket.h>

#include "gen/config.h"

#if RDSZ_MSGHDR_HAS_UBUF && !RDSZ_FORCE_TCP_ERRQUEUE
#define RDSZ_ZC_BY_UBUF	1
#else
#define RDSZ_ZC_BY_UBUF	0
#endif

struct sock;
struct rdsz_zc_sock;

/**
 * struct rdsz_zc - TCP's hold on some pages; embedded in what owns them
 * @ubuf: what TCP knows it by; counts the references
 * @refs: the references
 * @copied: some part was copied on its way; final when release() is called
 * @counted: in rdsz_zc_outstanding; written by the sender before TCP gets its first reference
 * @release: called once, by the last reference; may free the object; must not sleep
 */
struct rdsz_zc {
#if RDSZ_ZC_BY_UBUF
	struct ubuf_info	ubuf;
#else
	refcount_t		refs;
#endif
	bool			copied;
	bool			counted;
	void			(*release)(struct rdsz_zc *zc);
};

/* What calls back into this module: objects that TCP has seen, and hooked sockets. */
extern atomic_t rdsz_zc_outstanding;

/* tcp_zc.c */
void rdsz_zc_put(struct rdsz_zc *zc);
void rdsz_zc_wait_idle(void);

/* tcp_zc_ubuf.c or tcp_zc_errqueue.c */
bool rdsz_zc_needs_worker(void);
void rdsz_zc_init(struct rdsz_zc *zc, void (*release)(struct rdsz_zc *zc));
int rdsz_zc_sock_init(struct rdsz_zc_sock **zsp, struct sock *sk, void (*wake)(void *arg),
		      void *arg);
void rdsz_zc_sock_detach(struct rdsz_zc_sock *zs);
ssize_t rdsz_zc_sendmsg(struct rdsz_zc_sock *zs, struct rdsz_zc *zc, struct msghdr *msg,
			size_t len);

/* Between these files only. */
bool rdsz_zc_usable(struct sock *sk);
void rdsz_zc_count(struct rdsz_zc *zc);
void rdsz_zc_uncount(void);

static inline refcount_t *rdsz_zc_refs(struct rdsz_zc *zc)
{
#if RDSZ_ZC_BY_UBUF
	return &zc->ubuf.refcnt;
#else
	return &zc->refs;
#endif
}

#endif /* RDSZ_COMPAT_TCP_ZC_H */
