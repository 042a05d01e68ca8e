// SPDX-License-Identifier: GPL-2.0
/*
 * tcp_zc_frags.c - how lent pages get into TCP's skbs: as fragments that hold no reference.
 *
 * The core takes a page reference for each page of a zerocopy send, and drops them when the skb is
 * freed. Ours are held by the payload until the last skb has let go of the ubuf_info that it
 * carries, so these references protect nothing: the skb is marked "managed", as io_uring marks
 * those of registered buffers, and whoever would separate fragments from the ubuf_info takes
 * references first (skb_zcopy_downgrade_managed()).
 *
 * The core also goes by single pages, and joins them again if they are of one folio; here a bvec is
 * cut at the ends of its folios only. A fragment never reaches over two, as everywhere in the
 * stack.
 */
#include <linux/mm.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "tcp_zc.h"

#if RDSZ_ZC_BY_UBUF

#if !RDSZ_SG_FROM_ITER_TAKES_SKB && !RDSZ_SG_FROM_ITER_TAKES_SK
#error "no way known to fill the skbs of a zerocopy send of this kernel (known: 6.1 .. 7.3)"
#endif

/* The next bytes of @from that are of one folio, up to @max; there are some. */
static u32 rdsz_zc_next_frag(const struct iov_iter *from, size_t max, struct page **head,
			     u32 *offset)
{
	const struct bio_vec *bv = from->bvec;
	size_t skip = from->iov_offset, start;
	struct page *page;

	for (; bv->bv_len == skip; bv++)
		skip = 0;
	start = bv->bv_offset + skip;
	page = bv->bv_page + (start >> PAGE_SHIFT);
	*head = compound_head(page);
	*offset = ((page - *head) << PAGE_SHIFT) + offset_in_page(start);
	return min3(max, bv->bv_len - skip, page_size(*head) - *offset);
}

/* Returns what @skb grew by in truesize; what did not fit is left in @from. */
static unsigned int rdsz_zc_fill_skb(struct sk_buff *skb, struct iov_iter *from, size_t length)
{
	struct skb_shared_info *shinfo = skb_shinfo(skb);
	unsigned int truesize = 0;
	int frag;

	/* An skb that begins with somebody else's fragments has references for all. */
	if (!shinfo->nr_frags)
		shinfo->flags |= SKBFL_MANAGED_FRAG_REFS;
	for (frag = shinfo->nr_frags; length && frag < MAX_SKB_FRAGS; frag++) {
		struct page *head;
		u32 offset, bytes = rdsz_zc_next_frag(from, length, &head, &offset);

		if (!skb_zcopy_managed(skb))
			get_page(head);
		skb_fill_page_desc_noacc(skb, frag, head, offset, bytes);
		skb->len += bytes;
		skb->data_len += bytes;
		truesize += PAGE_ALIGN(offset_in_page(offset) + bytes);
		iov_iter_advance(from, bytes);
		length -= bytes;
	}
	skb->truesize += truesize;
	return truesize;
}

#if RDSZ_SG_FROM_ITER_TAKES_SKB
static int rdsz_zc_fill(struct sk_buff *skb, struct iov_iter *from, size_t length)
{
	size_t left = iov_iter_count(from), want = min(length, left);

	rdsz_zc_fill_skb(skb, from, want);
	return left - iov_iter_count(from) == want ? 0 : -EMSGSIZE;
}
#else
static int rdsz_zc_fill(struct sock *sk, struct sk_buff *skb, struct iov_iter *from, size_t length)
{
	size_t left = iov_iter_count(from), want = min(length, left);
	unsigned int truesize = rdsz_zc_fill_skb(skb, from, want);

	/* From 6.12 on the core does this. */
	sk_wmem_queued_add(sk, truesize);
	if (!skb_zcopy_pure(skb))
		sk_mem_charge(sk, truesize);
	return left - iov_iter_count(from) == want ? 0 : -EMSGSIZE;
}
#endif

/* This message's pages go into skbs without references: its ubuf_info holds them. */
void rdsz_zc_manage_frags(struct msghdr *msg)
{
	msg->sg_from_iter = rdsz_zc_fill;
}

#endif /* RDSZ_ZC_BY_UBUF */
