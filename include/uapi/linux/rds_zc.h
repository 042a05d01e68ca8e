/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * rds_zc.h - what rds_zc adds to the socket interface of <linux/rds.h>.
 *
 * Sockets, addresses, control messages and completions are those of <linux/rds.h> and
 * <linux/errqueue.h>; here is only what is new. All options are of level SOL_RDS, which is for
 * AF_RDS programs and for the own family number the same.
 */
#ifndef _UAPI_LINUX_RDS_ZC_H
#define _UAPI_LINUX_RDS_ZC_H

#include <linux/rds.h>

/*
 * First argument of socket(), unless the module was loaded with another family=; the number in use
 * is in /sys/module/rds_zc/parameters/family. Since 0.1.0.
 */
#define RDSZC_FAMILY_DEFAULT		18

/*
 * RDSZC_COMPLETION_MODE - get and set, int, one of the values below, default BOTH. Since 0.1.0.
 * How the cookies of zerocopy sends come back. Setting takes effect for cookies that wait, too.
 * With family=21 or af_rds_compat=1 the default is AF_RDS.
 * EINVAL: shorter than an int, or no such mode.
 */
#define RDSZC_COMPLETION_MODE		20480

/* Error queue (POLLERR); a recvmsg that returns data takes cookies along where it has room. */
#define RDSZC_COMPLETION_BOTH		0
/* Error queue only: recvmsg(MSG_ERRQUEUE) is the one way to a cookie. */
#define RDSZC_COMPLETION_ERRQUEUE	1
/* RDS_CMSG_ZCOPY_COMPLETION only, cookies raise POLLIN: what the in-tree stack shows. */
#define RDSZC_COMPLETION_CMSG		2
/*
 * The same, and all else as in-tree: a change of congestion raises POLLIN, and cookies alone do not
 * end a recvmsg that blocks. Reads back as CMSG.
 */
#define RDSZC_COMPLETION_AF_RDS		21

/*
 * RDSZC_PEER_ERROR - get and set, int, 0 or 1, default 0. Since 0.1.0. With 1, each failed attempt
 * to reach a peer is told once about each message that waits for that peer: POLLERR, an errno from
 * SO_ERROR or from a recvmsg that finds no message, and a record in the error queue.
 * recvmsg(MSG_ERRQUEUE) returns 0 with the peer in msg_name and a sock_extended_err (SOL_IP,
 * IP_RECVERR) of origin SO_EE_ORIGIN_LOCAL with that errno. The messages stay queued, and the
 * attempts go on: RDS_CANCEL_SENT_TO ends it. A process that reaps cookies tells the two apart by
 * ee_origin. EINVAL: shorter than an int, or another value.
 */
#define RDSZC_PEER_ERROR		20481

/*
 * RDSZC_ZC_THRESHOLD - get and set, int, bytes, default -1. Since 0.1.0.
 * A MSG_ZEROCOPY send of fewer bytes is copied in sendmsg. -1: what sysctl net.rds_zc.zc_threshold
 * says; 0: always zerocopy, also where copying is known to be cheaper.
 * EINVAL: shorter than an int, below -1, or more than a message may have.
 */
#define RDSZC_ZC_THRESHOLD		20482

/*
 * RDSZC_FEATURES - get only, __u64, a set of RDSZC_FEATURE_* bits. Since 0.1.0.
 * What this module can do; bits that this header does not know may be set.
 * EINVAL: the buffer is shorter than eight bytes. On the in-tree stack: ENOPROTOOPT.
 */
#define RDSZC_FEATURES			20483

/* recvmsg(MSG_ERRQUEUE) returns cookies, any number of them, and honours MSG_PEEK. Since 0.1.0. */
#define RDSZC_FEATURE_ERRQUEUE		0x1ULL
/* Option RDSZC_COMPLETION_MODE. Since 0.1.0. */
#define RDSZC_FEATURE_COMPLETION_MODE	0x2ULL
/* Option RDSZC_ZC_THRESHOLD. Since 0.1.0. */
#define RDSZC_FEATURE_ZC_THRESHOLD	0x4ULL
/* Option RDSZC_PEER_ERROR. Since 0.1.0. */
#define RDSZC_FEATURE_PEER_ERROR	0x8ULL

/* What release 0.1.0 offers. */
#define RDSZC_FEATURES_ALL \
	(RDSZC_FEATURE_ERRQUEUE | RDSZC_FEATURE_COMPLETION_MODE | RDSZC_FEATURE_ZC_THRESHOLD | \
	 RDSZC_FEATURE_PEER_ERROR)

#endif /* _UAPI_LINUX_RDS_ZC_H */
