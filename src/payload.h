/* SPDX-License-Identifier: GPL-2.0 */
/*
 * payload.h - the bytes of a message, whoever owns the memory.
 *
 * A payload is immutable once built and reference counted. Its holders are the message, the
 * incoming message of a local reader, and each transmit pass until TCP has let go of the pages. The
 * last put, in any context up to softirq, gives the memory back to its owner and completes the
 * cookie: that is the one place where a buffer becomes the user's again.
 */
#ifndef RDSZ_PAYLOAD_H
#define RDSZ_PAYLOAD_H

#include "pin_account.h"
#include "rdsz.h"

/**
 * struct rdsz_payload
 * @refs: one per holder
 * @kind: who owns the pages
 * @copied: the verdict; set by whoever learns that the bytes were copied on their way
 * @len: bytes
 * @nr_bvec: entries of @bvec
 * @nr_wire: transmit passes that lent the pages to TCP and have not heard of them since
 * @born: jiffies when it was built, for pin_hold_ms
 * @done: completion to give back, or NULL
 * @rn: namespace, a reference, for pinned and foreign ones
 * @charge: what the pins count against RLIMIT_MEMLOCK
 * @foreign: io_uring's ubuf, held
 * @bvec: the pages, in order; behind it lies the data of an inline payload
 */
struct rdsz_payload {
	refcount_t		refs;
	u8			kind;
	bool			copied;
	u32			len;
	u32			nr_bvec;
	atomic_t		nr_wire;
	unsigned long		born;
	struct rdsz_completion	*done;
	struct rdsz_net		*rn;
	struct rdsz_pin_charge	charge;
	struct ubuf_info	*foreign;
	struct bio_vec		bvec[];
};

/* Pages that somebody else may write to: TCP must hold them with a ubuf, and a retry may differ. */
static inline bool rdsz_payload_is_user(const struct rdsz_payload *p)
{
	return p->kind == RDSZ_PAYLOAD_PINNED || p->kind == RDSZ_PAYLOAD_FOREIGN;
}

struct rdsz_payload *rdsz_payload_alloc(u8 kind, u32 nr_bvec, gfp_t gfp);

#endif /* RDSZ_PAYLOAD_H */
