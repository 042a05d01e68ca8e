// SPDX-License-Identifier: GPL-2.0
/*
 * iter.c - the skb that stands for "went out as it is" when a borrowed ubuf is completed.
 */
#include "iter.h"

#if RDSZ_MSGHDR_HAS_UBUF
struct sk_buff rdsz_foreign_skb;	/* never sent: see rdsz_foreign_ubuf_put() */
#endif
