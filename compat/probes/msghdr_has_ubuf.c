// SPDX-License-Identifier: GPL-2.0
/*
 * msghdr_has_ubuf - a kernel sender gives its own completion with a message.
 * Yes: 6.1, 6.12, 7.2, 7.3. No: 5.10.
 */
#include <linux/skbuff.h>
#include <linux/socket.h>

void rdsz_probe(struct msghdr *msg, struct ubuf_info *ubuf)
{
	msg->msg_ubuf = ubuf;
	refcount_inc(&ubuf->refcnt);
	ubuf->flags = SKBFL_ZEROCOPY_FRAG | SKBFL_DONT_ORPHAN;
}
