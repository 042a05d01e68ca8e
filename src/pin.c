// SPDX-License-Identifier: GPL-2.0
/*
 * pin.c - payloads in user pages: pinning, and the bound on how long pins are held.
 *
 * Pages are pinned for reading, for a short term, and charged to the user that sends. A pin that
 * makes no progress for pin_hold_ms (path down, peer stalled, delivery not acknowledged, local
 * reader that does not read) is ended by the reaper: it copies the bytes into kernel pages, swaps
 * the holder's pointer under the holder's lock, and drops the holder's reference. Whoever else
 * still reads keeps the old payload, so the reaper leaves alone what TCP holds. Nothing is copied
 * in close() or exit.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "iter.h"
#include "memcg.h"
#include "payload.h"
#include "trace.h"

#define RDSZ_PIN_BATCH	32

/* A copy that ends a pin can wait: nobody is to be killed for its memory. */
#define RDSZ_GFP_CONVERT	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Append a page, merging it with the one before where they are neighbours. */
static void rdsz_add_page(struct rdsz_payload *p, struct page *page, u32 offset, u32 len)
{
	struct bio_vec *last = p->nr_bvec ? &p->bvec[p->nr_bvec - 1] : NULL;

	if (last && !offset) {
		u32 end = last->bv_offset + last->bv_len;

		if (!(end & ~PAGE_MASK) &&
		    page_to_pfn(last->bv_page) + (end >> PAGE_SHIFT) == page_to_pfn(page)) {
			last->bv_len += len;
			return;
		}
	}
	p->bvec[p->nr_bvec++] = (struct bio_vec) {
		.bv_page = page, .bv_offset = offset, .bv_len = len,
	};
}

/* Pin up to RDSZ_PIN_BATCH pages of one segment. Returns bytes or -EFAULT. */
static long rdsz_pin_some(struct rdsz_payload *p, unsigned long addr, size_t len)
{
	struct page *pages[RDSZ_PIN_BATCH];
	u32 offset = offset_in_page(addr);
	int want, got, i;
	long bytes = 0;

	want = min_t(size_t, DIV_ROUND_UP(offset + len, PAGE_SIZE), RDSZ_PIN_BATCH);
	got = pin_user_pages_fast(addr & PAGE_MASK, want, 0, pages);
	if (got <= 0)
		return got == -ENOMEM ? -ENOMEM : -EFAULT;
	for (i = 0; i < got; i++) {
		u32 part = min_t(size_t, len - bytes, PAGE_SIZE - offset);

		rdsz_add_page(p, pages[i], offset, part);
		bytes += part;
		offset = 0;
	}
	return bytes;
}

static int rdsz_pin_all(struct rdsz_payload *p, struct iov_iter *from, u32 len)
{
	while (p->len < len) {
		unsigned long addr;
		size_t seg;
		long got;

		rdsz_iter_segment(from, &addr, &seg);
		got = rdsz_pin_some(p, addr, min_t(size_t, seg, len - p->len));
		if (got < 0)
			return got;
		iov_iter_advance(from, got);
		p->len += got;
	}
	return 0;
}

static void rdsz_count_pin(struct rdsz_payload *p, struct rdsz_net *rn)
{
	refcount_inc(&rn->refs);
	p->rn = rn;
	atomic_inc(&rn->pinned);
	smp_mb__after_atomic();	/* counted, then look whether the reaper will look */
	rdsz_reap_kick(rn);
}

/* What RLIMIT_MEMLOCK hears of: the core adds two pages, for the ends of one buffer. */
static size_t rdsz_pin_cost(u32 len, u32 pages)
{
	return max_t(size_t, len, pages > 2 ? (pages - 2) << PAGE_SHIFT : 0);
}

/**
 * rdsz_payload_pin() - a payload that is the sender's own pages
 * @rn: namespace
 * @from: user memory; advanced
 * @len: bytes, at least 1
 *
 * A failure half-way gives back what was pinned through the one release function.
 *
 * Return: the payload, or ERR_PTR: -EFAULT, -ENOMEM (memory), -ENOBUFS (RLIMIT_MEMLOCK; the caller
 *	tells users ENOMEM).
 */
struct rdsz_payload *rdsz_payload_pin(struct rdsz_net *rn, struct iov_iter *from, u32 len)
{
	int pages = iov_iter_npages(from, INT_MAX);
	struct rdsz_payload *p;
	int err;

	p = rdsz_payload_alloc(RDSZ_PAYLOAD_PINNED, pages, GFP_KERNEL_ACCOUNT);
	if (!p)
		return ERR_PTR(-ENOMEM);
	if (rdsz_pin_charge(&p->charge, rdsz_pin_cost(len, pages))) {
		kvfree(p);
		return ERR_PTR(-ENOBUFS);
	}
	rdsz_count_pin(p, rn);
	err = rdsz_pin_all(p, from, len);
	trace_rds_zc_pin(rn, RDSZ_TRACE_PIN, len, p->nr_bvec, err);
	if (err) {
		rdsz_payload_put(p);
		return ERR_PTR(err);
	}
	return p;
}

/* The end of a payload in user pages; called by the last put only, any context up to softirq. */
void rdsz_payload_unpin(struct rdsz_payload *p)
{
	u32 i;

	trace_rds_zc_pin(p->rn, RDSZ_TRACE_UNPIN, p->len, p->nr_bvec, 0);
	for (i = 0; p->kind == RDSZ_PAYLOAD_PINNED && i < p->nr_bvec; i++) {
		const struct bio_vec *bv = &p->bvec[i];
		u32 n = DIV_ROUND_UP(bv->bv_offset + bv->bv_len, PAGE_SIZE);
		u32 j;

		for (j = 0; j < n; j++)
			unpin_user_page(bv->bv_page + j);
	}
	rdsz_pin_uncharge(&p->charge);
	if (p->foreign)
		rdsz_foreign_ubuf_put(p->foreign, p->copied);
	atomic_dec(&p->rn->pinned);
	rdsz_net_put(p->rn);
}

/**
 * rdsz_payload_borrow() - a payload in pages that io_uring lends
 * @rn: namespace
 * @from: ITER_BVEC of registered buffers, or user memory; advanced
 * @len: bytes, at least 1
 * @ubuf: io_uring's reference count for the lent pages; held until the payload ends
 *
 * Registered buffers are pinned and charged by io_uring; user memory is pinned here, and charged by
 * io_uring too, so it is not charged again.
 *
 * Return: as rdsz_payload_pin().
 */
struct rdsz_payload *rdsz_payload_borrow(struct rdsz_net *rn, struct iov_iter *from, u32 len,
					 struct ubuf_info *ubuf)
{
	bool user = rdsz_iter_is_user(from);
	struct rdsz_payload *p;
	int err = 0;

	p = rdsz_payload_alloc(user ? RDSZ_PAYLOAD_PINNED : RDSZ_PAYLOAD_FOREIGN,
			       iov_iter_npages(from, INT_MAX), GFP_KERNEL_ACCOUNT);
	if (!p)
		return ERR_PTR(-ENOMEM);
	rdsz_count_pin(p, rn);
	if (user)
		err = rdsz_pin_all(p, from, len);
	else
		p->nr_bvec = rdsz_iter_bvecs(from, p->bvec, len, &p->len);
	trace_rds_zc_pin(rn, RDSZ_TRACE_PIN, len, p->nr_bvec, err);
	if (err) {
		rdsz_payload_put(p);
		return ERR_PTR(err);
	}
	rdsz_foreign_ubuf_get(ubuf);
	p->foreign = ubuf;
	return p;
}

static bool rdsz_pin_overdue(const struct rdsz_payload *p, unsigned long hold)
{
	return p && rdsz_payload_is_user(p) && !atomic_read(&p->nr_wire) &&
		time_after_eq(jiffies, p->born + hold);
}

/* The first overdue payload of a path's queues, with a reference on it and on its message. */
static struct rdsz_payload *rdsz_find_overdue(struct rdsz_path *path, unsigned long hold,
					      struct rdsz_message **holder)
{
	struct list_head *queues[] = { &path->retained, &path->retrans, &path->send_queue,
				       &path->queue.waiting, &path->held };
	struct rdsz_payload *found = NULL;
	struct rdsz_message *m;
	int i;

	spin_lock_bh(&path->lock);
	for (i = 0; i < ARRAY_SIZE(queues) && !found; i++) {
		list_for_each_entry(m, queues[i], path_node) {
			if (!rdsz_pin_overdue(m->payload, hold))
				continue;
			found = rdsz_payload_get(m->payload);
			refcount_inc(&m->refs);
			*holder = m;
			break;
		}
	}
	spin_unlock_bh(&path->lock);
	return found;
}

/*
 * Put the copy in the place of the original, unless the holder has let go of it meanwhile; under
 * the lock that covers the holder. rdsz_swap_end() follows, without it.
 */
static bool rdsz_swap_payload(struct rdsz_payload **slot, struct rdsz_payload *old,
			      struct rdsz_payload *copy)
{
	if (*slot != old)
		return false;
	*slot = copy;
	WRITE_ONCE(old->copied, true);
	return true;
}

static void rdsz_swap_end(struct rdsz_payload *old, struct rdsz_payload *copy, bool swapped)
{
	trace_rds_zc_pin(old->rn, RDSZ_TRACE_CONVERT, old->len, old->nr_bvec,
			 swapped ? 0 : -EALREADY);
	rdsz_payload_put(swapped ? old : copy);
	if (swapped)
		rdsz_stat_inc(old->rn, zc_copied_converted);
}

/* The path counts the bytes of its queues that lie in user pages. */
static void rdsz_count_converted(struct rdsz_message *m)
{
	struct rdsz_path *path = rdsz_message_lock_path(m);

	if (m->payload && !rdsz_payload_is_user(m->payload))
		rdsz_path_load_unpinned(path, m);
	spin_unlock_bh(&path->lock);
}

/*
 * The copy that ends a pin, charged to the memory cgroup of the socket in whose bounds it is. A
 * cgroup that is full must not keep pages pinned: then it is charged to nobody.
 */
static struct rdsz_payload *rdsz_pin_copy(const struct rdsz_payload *old, struct rdsz_sock *rs)
{
	struct mem_cgroup *before = rdsz_memcg_enter(&rs->sk);
	struct rdsz_payload *copy;

	copy = rdsz_payload_duplicate(old, RDSZ_GFP_CONVERT | __GFP_ACCOUNT);
	rdsz_memcg_leave(before);
	return copy ?: rdsz_payload_duplicate(old, RDSZ_GFP_CONVERT);
}

/* What is in no send buffer any more counts for the bounds of the path alone. */
static struct rdsz_payload *rdsz_pin_copy_sent(const struct rdsz_payload *old,
					       const struct rdsz_message *m)
{
	struct rdsz_sock *rs = rdsz_message_sender(m);
	struct rdsz_payload *copy;

	if (!rs)
		return rdsz_payload_duplicate(old, RDSZ_GFP_CONVERT);
	copy = rdsz_pin_copy(old, rs);
	sock_put(&rs->sk);
	return copy;
}

static void rdsz_swap_sent(struct rdsz_message *m, struct rdsz_payload *old,
			   struct rdsz_payload *copy)
{
	struct rdsz_path *path = rdsz_message_lock_path(m);
	bool swapped = rdsz_swap_payload(&m->payload, old, copy);

	spin_unlock_bh(&path->lock);
	rdsz_swap_end(old, copy, swapped);
}

/* Returns false when memory is short: try again later. */
static bool rdsz_convert_path(struct rdsz_path *path, unsigned long hold)
{
	struct rdsz_payload *old, *copy;
	struct rdsz_message *m;

	while ((old = rdsz_find_overdue(path, hold, &m))) {
		copy = rdsz_pin_copy_sent(old, m);
		if (copy)
			rdsz_swap_sent(m, old, copy);
		rdsz_count_converted(m);
		rdsz_payload_put(old);
		rdsz_message_put(m);
		if (!copy)
			return false;
		cond_resched();
	}
	return true;
}

static struct rdsz_payload *rdsz_find_unread(struct rdsz_sock *rs, unsigned long hold,
					     struct rdsz_incoming **holder)
{
	struct rdsz_payload *found = NULL;
	struct rdsz_incoming *inc;

	spin_lock_bh(&rs->queue_lock);
	list_for_each_entry(inc, &rs->recv_queue, node) {
		if (!rdsz_pin_overdue(inc->payload, hold))
			continue;
		found = rdsz_payload_get(inc->payload);
		refcount_inc(&inc->refs);
		*holder = inc;
		break;
	}
	spin_unlock_bh(&rs->queue_lock);
	return found;
}

static void rdsz_swap_unread(struct rdsz_sock *rs, struct rdsz_incoming *inc,
			     struct rdsz_payload *old, struct rdsz_payload *copy)
{
	bool swapped;

	spin_lock_bh(&rs->queue_lock);
	swapped = rdsz_swap_payload(&inc->payload, old, copy);
	spin_unlock_bh(&rs->queue_lock);
	rdsz_swap_end(old, copy, swapped);
}

static bool rdsz_convert_sock(struct rdsz_sock *rs, unsigned long hold)
{
	struct rdsz_payload *old, *copy;
	struct rdsz_incoming *inc;

	while ((old = rdsz_find_unread(rs, hold, &inc))) {
		copy = rdsz_pin_copy(old, rs);
		if (copy)
			rdsz_swap_unread(rs, inc, old, copy);
		rdsz_payload_put(old);
		rdsz_incoming_put(inc);
		if (!copy)
			return false;
		cond_resched();
	}
	return true;
}

static bool rdsz_convert_conns(struct rdsz_net *rn, unsigned long hold)
{
	struct rdsz_conn *conn = NULL;
	struct rdsz_path *path;
	bool ok = true;
	int i;

	while ((conn = rdsz_conn_next(rn, conn)))
		rdsz_conn_for_each_lane(conn, path, i)
			ok &= rdsz_convert_path(path, hold);
	return ok;
}

static bool rdsz_convert_socks(struct rdsz_net *rn, unsigned long hold)
{
	struct rdsz_sock *rs = NULL;
	bool ok = true;

	while ((rs = rdsz_sock_next(rn, rs)))
		ok &= rdsz_convert_sock(rs, hold);
	return ok;
}

static void rdsz_reap(struct work_struct *work)
{
	struct rdsz_net *rn = container_of(to_delayed_work(work), struct rdsz_net, reap_work);
	unsigned long hold = msecs_to_jiffies(READ_ONCE(rn->sysctl.pin_hold_ms));
	bool ok;

	ok = rdsz_convert_conns(rn, hold);
	ok &= rdsz_convert_socks(rn, hold);
	if (!ok)
		rdsz_stat_inc(rn, zc_convert_failed);
	if (atomic_read(&rn->pinned))
		rdsz_reap_kick(rn);
}

void rdsz_reap_init(struct rdsz_net *rn)
{
	INIT_DELAYED_WORK(&rn->reap_work, rdsz_reap);
}

/* Look again in a quarter of the hold time; no-op if a look is due already. */
void rdsz_reap_kick(struct rdsz_net *rn)
{
	unsigned int ms = READ_ONCE(rn->sysctl.pin_hold_ms) / 4;

	if (!delayed_work_pending(&rn->reap_work))
		rdsz_net_queue_delayed_work(rn, &rn->reap_work, msecs_to_jiffies(ms) + 1);
}
