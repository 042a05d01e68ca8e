/* SPDX-License-Identifier: GPL-2.0 */
/* recvmsg as the kernel sees it; the rest of the kernel is in kernel.h. */
#ifndef TESTS_SHIM_LINUX_SOCKET_H
#define TESTS_SHIM_LINUX_SOCKET_H

#include <linux/types.h>
#include_next <linux/socket.h>

#define SOL_IP		0
#define MSG_PEEK	0x2
#define MSG_CTRUNC	0x8
#define MSG_TRUNC	0x20
#define MSG_ERRQUEUE	0x2000

struct cmsghdr {
	size_t	cmsg_len;
	int	cmsg_level;
	int	cmsg_type;
};

#define CMSG_LEN(len)	(sizeof(struct cmsghdr) + (len))

/* The user's memory: writing past @left faults. */
struct iov_iter {
	char	*to;
	size_t	left;
};

struct msghdr {
	struct iov_iter	msg_iter;
	void		*msg_control;
	size_t		msg_controllen;
	unsigned int	msg_flags;
};

#endif
