/* SPDX-License-Identifier: GPL-2.0 */
/*
 * splice.h - gives pages of our own to TCP by reference, in one send for many.
 *
 * Each of TCP's buffers holds a reference on the pages, wherever it is passed on to, and nobody
 * hears of the end: so it is for pages that nobody writes to again. Kernels that still have
 * sendpage ignore the flag, where they know it, and copy.
 */
#ifndef RDSZ_COMPAT_SPLICE_H
#define RDSZ_COMPAT_SPLICE_H

#include <linux/net.h>
#include <linux/socket.h>

#include "gen/config.h"

#if RDSZ_MSG_HAS_SPLICE_PAGES && !RDSZ_PROTO_OPS_HAS_SENDPAGE
#define RDSZ_MSG_SPLICE	MSG_SPLICE_PAGES
#elif RDSZ_PROTO_OPS_HAS_SENDPAGE
#define RDSZ_MSG_SPLICE	0
#else
#error "no way known to give pages to TCP (known: sendpage up to 6.1, MSG_SPLICE_PAGES 6.12 .. 7.3)"
#endif

#endif /* RDSZ_COMPAT_SPLICE_H */
