// SPDX-License-Identifier: GPL-2.0
/*
 * payload.c - payloads in kernel memory, and the end of every payload.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "iter.h"
#include "payload.h"

/* Up to here the bytes live behind the struct; above, in pages that TCP can reference. */
#define RDSZ_INLINE_MAX		2048

/* Largest fragment we ask for; a failure falls back to single pages. */
#define RDSZ_FRAG_ORDER		3

static void rdsz_payload_init(struct rdsz_payload *p, u8 kind)
{
	memset(p, 0, sizeof(*p));
	refcount_set(&p->refs, 1);
	p->kind = kind;
	p->born = jiffies;
}

struct rdsz_payload *rdsz_payload_alloc(u8 kind, u32 nr_bvec, gfp_t gfp)
{
	struct rdsz_payload *p;

	p = kvmalloc(struct_size(p, bvec, nr_bvec), gfp);
	if (p)
		rdsz_payload_init(p, kind);
	return p;
}

static struct page *rdsz_frag_alloc(u32 want, u32 *got, gfp_t gfp)
{
	int order = min(get_order(want), RDSZ_FRAG_ORDER);
	struct page *page = NULL;

	if (order)
		page = alloc_pages((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_COMP | __GFP_NOWARN |
				   __GFP_NORETRY, order);
	if (!page) {
		order = 0;
		page = alloc_page(gfp);
	}
	*got = min_t(u32, want, PAGE_SIZE << order);
	return page;
}

static void rdsz_free_frags(struct rdsz_payload *p)
{
	u32 i;

	for (i = 0; i < p->nr_bvec; i++)
		put_page(p->bvec[i].bv_page);
}

static struct rdsz_payload *rdsz_payload_alloc_pages(u32 len, gfp_t gfp)
{
	struct rdsz_payload *p;
	u32 have, got;

	p = rdsz_payload_alloc(RDSZ_PAYLOAD_PAGES, DIV_ROUND_UP(len, PAGE_SIZE), gfp);
	if (!p)
		return NULL;
	for (have = 0; have < len; have += got) {
		struct bio_vec *bv = &p->bvec[p->nr_bvec];

		bv->bv_page = rdsz_frag_alloc(len - have, &got, gfp);
		if (!bv->bv_page) {
			rdsz_payload_put(p);
			return NULL;
		}
		bv->bv_offset = 0;
		bv->bv_len = got;
		p->nr_bvec++;
	}
	p->len = len;
	return p;
}

static struct rdsz_payload *rdsz_payload_alloc_inline(u32 len, gfp_t gfp)
{
	struct rdsz_payload *p;
	void *data;

	/* Slab memory only: its pages are found by virt_to_page(). */
	p = kmalloc(struct_size(p, bvec, 1) + len, gfp);
	if (!p)
		return NULL;
	rdsz_payload_init(p, RDSZ_PAYLOAD_INLINE);
	p->len = len;
	p->nr_bvec = 1;
	data = &p->bvec[1];
	p->bvec[0].bv_page = virt_to_page(data);
	p->bvec[0].bv_offset = offset_in_page(data);
	p->bvec[0].bv_len = len;
	return p;
}

static struct rdsz_payload *rdsz_payload_alloc_kernel(u32 len, gfp_t gfp)
{
	if (len <= RDSZ_INLINE_MAX)
		return rdsz_payload_alloc_inline(len, gfp);
	return rdsz_payload_alloc_pages(len, gfp);
}

/* No page is in high memory on the 64-bit machines we build for. */
static void *rdsz_bvec_address(const struct bio_vec *bv)
{
	return page_address(bv->bv_page) + bv->bv_offset;
}

/**
 * rdsz_payload_copy() - copy a sender's bytes
 * @from: source, advanced by what was copied
 * @len: bytes, at least 1
 *
 * Return: the payload, or ERR_PTR(-EFAULT) or ERR_PTR(-ENOMEM).
 */
struct rdsz_payload *rdsz_payload_copy(struct iov_iter *from, u32 len)
{
	struct rdsz_payload *p = rdsz_payload_alloc_kernel(len, GFP_KERNEL_ACCOUNT);
	u32 i;

	if (!p)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < p->nr_bvec; i++) {
		const struct bio_vec *bv = &p->bvec[i];

		if (copy_from_iter(rdsz_bvec_address(bv), bv->bv_len, from) != bv->bv_len) {
			rdsz_payload_put(p);
			return ERR_PTR(-EFAULT);
		}
	}
	return p;
}

/* A payload of kernel bytes, for map updates. */
struct rdsz_payload *rdsz_payload_from_bytes(const void *bytes, u32 len, gfp_t gfp)
{
	struct rdsz_payload *p = rdsz_payload_alloc_kernel(len, gfp);
	u32 i;

	if (!p)
		return NULL;
	for (i = 0; i < p->nr_bvec; i++) {
		memcpy(rdsz_bvec_address(&p->bvec[i]), bytes, p->bvec[i].bv_len);
		bytes += p->bvec[i].bv_len;
	}
	return p;
}

/**
 * rdsz_payload_duplicate() - copy of a payload, in kernel memory
 * @old: any payload; user pages are read as they are now
 * @gfp: how to allocate
 */
struct rdsz_payload *rdsz_payload_duplicate(const struct rdsz_payload *old, gfp_t gfp)
{
	struct rdsz_payload *p = rdsz_payload_alloc_kernel(old->len, gfp);
	struct iov_iter from;
	u32 i;

	if (!p)
		return NULL;
	iov_iter_bvec(&from, WRITE, old->bvec, old->nr_bvec, old->len);
	for (i = 0; i < p->nr_bvec; i++) {
		const struct bio_vec *bv = &p->bvec[i];

		if (copy_from_iter(rdsz_bvec_address(bv), bv->bv_len, &from) != bv->bv_len) {
			rdsz_payload_put(p);
			return NULL;
		}
	}
	return p;
}

struct rdsz_payload *rdsz_payload_get(struct rdsz_payload *p)
{
	refcount_inc(&p->refs);
	return p;
}

/* TCP lets go of what it was lent under rcu_read_lock(): vfree() must see that it may not sleep. */
static void rdsz_payload_free_struct(struct rdsz_payload *p)
{
	if (!is_vmalloc_addr(p)) {
		kfree(p);
		return;
	}
	local_bh_disable();
	vfree(p);
	local_bh_enable();
}

static void rdsz_payload_free(struct rdsz_payload *p, struct rdsz_wakes *wakes)
{
	if (rdsz_payload_is_user(p))
		rdsz_payload_unpin(p);
	else if (p->kind == RDSZ_PAYLOAD_PAGES)
		rdsz_free_frags(p);
	if (p->done)
		rdsz_completion_done(p->done, p->copied, wakes);
	rdsz_payload_free_struct(p);
}

/**
 * rdsz_payload_put_batched() - drop a reference; the last one gives the memory and the cookie back
 * @p: payload, or NULL
 * @wakes: who is woken when the caller is done; NULL: the cookie's reader is woken now
 *
 * Context: any up to softirq.
 */
void rdsz_payload_put_batched(struct rdsz_payload *p, struct rdsz_wakes *wakes)
{
	if (p && refcount_dec_and_test(&p->refs))
		rdsz_payload_free(p, wakes);
}

void rdsz_payload_put(struct rdsz_payload *p)
{
	rdsz_payload_put_batched(p, NULL);
}

/**
 * rdsz_payload_to_iter() - copy to a reader
 * @p: payload
 * @to: destination, advanced
 * @len: bytes, at most the payload's length
 *
 * A copy even where the reader is splice(2): the kernel's copy_page_to_iter() would link the page
 * into the pipe, where the sender's later bytes would be read.
 *
 * Return: 0 or -EFAULT.
 */
int rdsz_payload_to_iter(const struct rdsz_payload *p, struct iov_iter *to, size_t len)
{
	u32 i;

	for (i = 0; i < p->nr_bvec && len; i++) {
		const struct bio_vec *bv = &p->bvec[i];
		size_t offset = bv->bv_offset, left = min_t(size_t, bv->bv_len, len);
		struct page *page = bv->bv_page + (offset >> PAGE_SHIFT);

		len -= left;
		for (offset &= ~PAGE_MASK; left; offset = 0, page++) {
			size_t part = min_t(size_t, left, PAGE_SIZE - offset);

			/* By pages: hardened usercopy wants each copy within one allocation. */
			if (copy_to_iter(page_address(page) + offset, part, to) != part)
				return -EFAULT;
			left -= part;
		}
	}
	return 0;
}
