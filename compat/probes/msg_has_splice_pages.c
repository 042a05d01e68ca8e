// SPDX-License-Identifier: GPL-2.0
/*
 * msg_has_splice_pages - there is a flag that gives the pages of a message to the protocol. Late
 * kernels of 6.1 have it, and TCP there does not look at it: see proto_ops_has_sendpage. Yes: 6.1,
 * 6.12, 7.3. No: 5.10.
 */
#include <linux/socket.h>

int rdsz_probe(void);

int rdsz_probe(void)
{
	return MSG_SPLICE_PAGES;
}
