/* SPDX-License-Identifier: GPL-2.0 */
/*
 * iter.h - what an iov_iter points to, and the completion that io_uring sends along with one.
 */
#ifndef RDSZ_COMPAT_ITER_H
#define RDSZ_COMPAT_ITER_H

#include <linux/bvec.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <linux/uio.h>

#include "gen/config.h"

#if !RDSZ_ITER_HAS_ITER_IOV && !RDSZ_ITER_HAS_IOV_FIELD
#error "no way known to read the segments of an iov_iter of this kernel (known: 5.10 .. 7.3)"
#endif

/* From 6.1 on send(2), and sendmsg(2) with one segment, come as a ubuf that is no iovec. */
static inline bool rdsz_iter_is_user(const struct iov_iter *it)
{
#if RDSZ_ITER_HAS_UBUF
	return user_backed_iter(it);
#else
	return iter_is_iovec(it);
#endif
}

static inline bool rdsz_iter_is_bvec(const struct iov_iter *it)
{
	return iov_iter_is_bvec(it);
}

static inline bool rdsz_iter_is_kvec(const struct iov_iter *it)
{
	return iov_iter_is_kvec(it);
}

/* The first segment with bytes in it of an iterator over iovecs. */
static inline void rdsz_iter_iovec(const struct iov_iter *it, unsigned long *uaddr, size_t *len)
{
#if RDSZ_ITER_HAS_ITER_IOV
	const struct iovec *v = iter_iov(it);
#else
	const struct iovec *v = it->iov;
#endif
	size_t skip = it->iov_offset;

	while (v->iov_len == skip) {	/* bytes are left, so there is a longer one */
		v++;
		skip = 0;
	}
	*uaddr = (unsigned long)v->iov_base + skip;
	*len = min(v->iov_len - skip, iov_iter_count(it));
}

/**
 * rdsz_iter_segment() - where the next bytes are in user memory
 * @it: for which rdsz_iter_is_user() holds, with bytes left
 * @uaddr: user address of the next byte
 * @len: how many follow it without a gap, at least one
 */
static inline void rdsz_iter_segment(const struct iov_iter *it, unsigned long *uaddr, size_t *len)
{
#if RDSZ_ITER_HAS_UBUF
	if (iter_is_ubuf(it)) {
		*uaddr = (unsigned long)it->ubuf + it->iov_offset;
		*len = iov_iter_count(it);
		return;
	}
#endif
	rdsz_iter_iovec(it, uaddr, len);
}

/**
 * rdsz_iter_bvecs() - copy out what a page iterator points to
 * @it: for which rdsz_iter_is_bvec() holds; advanced
 * @out: array, large enough: iov_iter_npages() entries always are
 * @len: bytes wanted
 * @got: bytes described, less than @len only where @it ends
 *
 * No reference is taken on the pages; offsets come out smaller than a page.
 *
 * Return: entries of @out that were filled.
 */
static inline u32 rdsz_iter_bvecs(struct iov_iter *it, struct bio_vec *out, u32 len, u32 *got)
{
	const struct bio_vec *bv = it->bvec;
	size_t skip = it->iov_offset;
	u32 n = 0, done = 0;

	len = min_t(size_t, len, iov_iter_count(it));
	for (; done < len; bv++, skip = 0) {
		u32 part = min_t(u32, bv->bv_len - skip, len - done);
		size_t offset = bv->bv_offset + skip;

		if (!part)
			continue;
		out[n].bv_page = bv->bv_page + (offset >> PAGE_SHIFT);
		out[n].bv_offset = offset & ~PAGE_MASK;
		out[n].bv_len = part;
		n++;
		done += part;
	}
	iov_iter_advance(it, done);
	*got = done;
	return n;
}

/* The completion that a kernel sender (io_uring) gave with the message. 5.10 has no such field. */
static inline struct ubuf_info *rdsz_msg_ubuf(const struct msghdr *msg)
{
#if RDSZ_MSGHDR_HAS_UBUF
	return msg->msg_ubuf;
#else
	return NULL;
#endif
}

#if RDSZ_MSGHDR_HAS_UBUF

extern struct sk_buff rdsz_foreign_skb;

/* Call the completion of a ubuf. 6.12 moved it from the ubuf to an ops table. */
static inline void rdsz_ubuf_complete(struct sk_buff *skb, struct ubuf_info *ubuf, bool success)
{
#if RDSZ_UBUF_HAS_OPS
	ubuf->ops->complete(skb, ubuf, success);
#elif RDSZ_UBUF_CALLBACK_TAKES_SKB
	ubuf->callback(skb, ubuf, success);
#else
#error "no way known to complete a ubuf_info of this kernel (known: 6.1 .. 7.3)"
#endif
}

/* Hold the buffers that go with the ubuf. */
static inline void rdsz_foreign_ubuf_get(struct ubuf_info *ubuf)
{
	refcount_inc(&ubuf->refcnt);
}

/*
 * Let go of them, with the verdict. io_uring tells its user "copied" unless some release was a
 * success that came with an skb; it looks at no more than whether there is one.
 */
static inline void rdsz_foreign_ubuf_put(struct ubuf_info *ubuf, bool copied)
{
	if (copied)
		rdsz_ubuf_complete(NULL, ubuf, false);
	else
		rdsz_ubuf_complete(&rdsz_foreign_skb, ubuf, true);
}

#else

static inline void rdsz_foreign_ubuf_get(struct ubuf_info *ubuf)
{
}

static inline void rdsz_foreign_ubuf_put(struct ubuf_info *ubuf, bool copied)
{
}

#endif /* RDSZ_MSGHDR_HAS_UBUF */

#endif /* RDSZ_COMPAT_ITER_H */
