// SPDX-License-Identifier: GPL-2.0
/* What zerocopy adds to sendmsg and recvmsg: cookies out, and buffers back. */
#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/errqueue.h>

#include <linux/rds_zc.h>

#include "bench.h"

_Static_assert(ZC_COOKIE_ROOM >= CMSG_SPACE(sizeof(uint32_t)), "room for a cookie");
_Static_assert(ZC_CMSGS_ROOM >= 8 * CMSG_SPACE(sizeof(struct rds_zcopy_cookies)), "room for eight");
_Static_assert(ZC_COOKIES >= 8 * RDS_MAX_ZCOOKIES, "as many as eight control messages have");

/* The cookie of an RDS send, in memory of the caller that is zero. */
void zc_cookie(struct msghdr *msg, void *control, uint32_t cookie)
{
	struct cmsghdr *cmsg = control;

	cmsg->cmsg_level = SOL_RDS;
	cmsg->cmsg_type = RDS_CMSG_ZCOPY_COOKIE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(cookie));
	memcpy(CMSG_DATA(cmsg), &cookie, sizeof(cookie));
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(cookie));
}

static const struct sock_extended_err *extended_err(struct msghdr *msg)
{
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg))
		if (cmsg->cmsg_level == SOL_IP && cmsg->cmsg_type == IP_RECVERR)
			return (const struct sock_extended_err *)CMSG_DATA(cmsg);
	return NULL;
}

/* One read of the error queue: 1, 0 nothing there, -1 error. */
int zc_reap(int fd, bool tcp, struct returned *r)
{
	char control[128] __attribute__((aligned(8)));
	struct iovec iov = { r->cookies, sizeof(r->cookies) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);
	const struct sock_extended_err *ee;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	ee = extended_err(&msg);
	if (!ee || ee->ee_origin != SO_EE_ORIGIN_ZEROCOPY)
		return 0;
	r->numbered = tcp;
	r->lo = ee->ee_info;
	r->hi = ee->ee_data;
	r->verdict = ee->ee_code ? SAYS_COPIED : SAYS_LENT;
	r->n = tcp ? 0 : (int)(n / (ssize_t)sizeof(r->cookies[0]));
	return 1;
}

/* Those that came along with a message. This form has no room for a word about copies. */
bool zc_from_cmsgs(struct msghdr *msg, struct returned *r)
{
	struct rds_zcopy_cookies cookies;
	struct cmsghdr *cmsg;

	r->numbered = false;
	r->verdict = SAYS_NOTHING;
	r->n = 0;
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_RDS || cmsg->cmsg_type != RDS_CMSG_ZCOPY_COMPLETION)
			continue;
		memcpy(&cookies, CMSG_DATA(cmsg), sizeof(cookies));
		memcpy(r->cookies + r->n, cookies.cookies,
		       cookies.num * sizeof(cookies.cookies[0]));
		r->n += (int)cookies.num;
	}
	return r->n > 0;
}
