// SPDX-License-Identifier: GPL-2.0
/* The error queue and the cmsg form of completions. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <linux/errqueue.h>

#include "rds.h"
#include "reap.h"

#define SLOTS_MAX 64

static void take_report(struct reap *reap, struct msghdr *message)
{
	struct sock_extended_err report;
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(message);

	if (!cmsg || cmsg->cmsg_level != SOL_IP || cmsg->cmsg_type != IP_RECVERR ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(report)))
		return;
	memcpy(&report, CMSG_DATA(cmsg), sizeof(report));
	reap->has_report = true;
	reap->origin = report.ee_origin;
	reap->code = report.ee_code;
	reap->ee_data = report.ee_data;
	reap->copied = report.ee_code & SO_EE_CODE_ZEROCOPY_COPIED;
}

struct reap reap_errqueue_control(int fd, void *buffer, size_t room, size_t control, int flags)
{
	union {
		char space[256];
		struct cmsghdr align;
	} space = { 0 };
	struct iovec iov = { .iov_base = buffer, .iov_len = room };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control ? space.space : NULL,
		.msg_controllen = control,
	};
	struct reap reap = { 0 };

	reap.bytes = recvmsg(fd, &message, flags | MSG_ERRQUEUE);
	if (reap.bytes < 0)
		return reap;
	reap.cookies = (size_t)reap.bytes / sizeof(uint32_t);
	reap.flags = message.msg_flags;
	reap.truncated = message.msg_flags & MSG_TRUNC;
	reap.control_cut = message.msg_flags & MSG_CTRUNC;
	take_report(&reap, &message);
	return reap;
}

struct reap reap_errqueue(int fd, void *buffer, size_t room, int flags)
{
	return reap_errqueue_control(fd, buffer, room, 128, flags);
}

/* The bytes of rds-api.md 9.1: count, eight slots, those not used zero. */
static bool take_cookies(const struct cmsghdr *cmsg, uint32_t *list, size_t *count)
{
	struct rds_zcopy_cookies cookies;
	uint32_t i;

	if (cmsg->cmsg_len != CMSG_LEN(sizeof(cookies)))
		return false;
	memcpy(&cookies, CMSG_DATA(cmsg), sizeof(cookies));
	if (!cookies.num || cookies.num > RDS_MAX_ZCOOKIES)
		return false;
	for (i = cookies.num; i < RDS_MAX_ZCOOKIES; i++)
		if (cookies.cookies[i])
			return false;
	memcpy(list + *count, cookies.cookies, cookies.num * sizeof(uint32_t));
	*count += cookies.num;
	return true;
}

struct reap_cmsg reap_by_cmsg(int fd, void *data, size_t room, uint32_t *list, unsigned int slots,
			      int flags)
{
	union {
		char space[SLOTS_MAX * CMSG_SPACE(sizeof(struct rds_zcopy_cookies))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = room };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = room ? 1 : 0,
		.msg_control = control.space,
		.msg_controllen = slots * CMSG_SPACE(sizeof(struct rds_zcopy_cookies)),
	};
	struct reap_cmsg reap = { .well_formed = true };
	struct cmsghdr *cmsg;

	if (slots > SLOTS_MAX)
		abort();
	reap.bytes = recvmsg(fd, &message, flags);
	if (reap.bytes < 0)
		return reap;
	reap.flags = message.msg_flags;
	for (cmsg = CMSG_FIRSTHDR(&message); cmsg; cmsg = CMSG_NXTHDR(&message, cmsg)) {
		if (cmsg->cmsg_level != SOL_RDS || cmsg->cmsg_type != RDS_CMSG_ZCOPY_COMPLETION)
			continue;
		reap.cmsgs++;
		reap.well_formed &= take_cookies(cmsg, list, &reap.cookies);
	}
	return reap;
}

size_t reap_until(int fd, uint32_t *list, size_t want, size_t *copied, struct deadline deadline)
{
	struct reap reap;
	size_t count = 0;

	while (count < want) {
		reap = reap_errqueue(fd, list + count, (want - count) * sizeof(*list), 0);
		if (reap.bytes < 0 && errno != EAGAIN)
			break;
		if (reap.bytes > 0) {
			count += reap.cookies;
			if (copied && reap.copied)
				*copied += reap.cookies;
		} else if (deadline_over(&deadline)) {
			break;
		} else {
			rds_wait(fd, 0, (struct deadline){ .end_ms = clock_ms() + 5 });
		}
	}
	return count;
}
