// SPDX-License-Identifier: GPL-2.0
/* The socket calls the tests make all the time. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "cred.h"
#include "module.h"
#include "rds.h"

union rds_addr rds_addr(const char *text, uint16_t port)
{
	union rds_addr addr = { 0 };

	if (inet_pton(AF_INET, text, &addr.in.sin_addr) == 1) {
		addr.in.sin_family = AF_INET;
		addr.in.sin_port = htons(port);
	} else if (inet_pton(AF_INET6, text, &addr.in6.sin6_addr) == 1) {
		addr.in6.sin6_family = AF_INET6;
		addr.in6.sin6_port = htons(port);
	}
	return addr;
}

union rds_addr rds_addr_port(const union rds_addr *addr, uint16_t port)
{
	union rds_addr copy = *addr;

	/* sin_port and sin6_port lie at the same place. */
	copy.in.sin_port = htons(port);
	return copy;
}

uint16_t rds_port(const union rds_addr *addr)
{
	return ntohs(addr->in.sin_port);
}

socklen_t rds_addr_len(const union rds_addr *addr)
{
	return addr->sa.sa_family == AF_INET6 ? sizeof(addr->in6) : sizeof(addr->in);
}

bool rds_addr_equal(const union rds_addr *a, const union rds_addr *b)
{
	if (a->sa.sa_family != b->sa.sa_family || a->in.sin_port != b->in.sin_port)
		return false;
	if (a->sa.sa_family == AF_INET)
		return a->in.sin_addr.s_addr == b->in.sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a->in6.sin6_addr, &b->in6.sin6_addr);
}

int rds_socket(void)
{
	return socket(module_family(), SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
}

int rds_bind(int fd, const union rds_addr *addr)
{
	return bind(fd, &addr->sa, rds_addr_len(addr));
}

int rds_open(const struct netns *ns, union rds_addr *addr)
{
	socklen_t length = sizeof(*addr);
	int fd = netns_in(ns, rds_socket());
	int error;

	if (fd < 0)
		return -1;
	if (rds_bind(fd, addr) || getsockname(fd, &addr->sa, &length) ||
	    rds_set_timeouts(fd, DEADLINE_USUAL_MS)) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

int rds_connect(int fd, const union rds_addr *addr)
{
	return connect(fd, &addr->sa, rds_addr_len(addr));
}

int rds_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

int rds_set_nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

int rds_set_timeouts(int fd, unsigned int ms)
{
	unsigned int scaled = ms * time_scale();
	struct timeval value = { .tv_sec = scaled / 1000, .tv_usec = scaled % 1000 * 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &value, sizeof(value)))
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof(value));
}

int rds_set_buffers(int fd, int send, int receive)
{
	bool raised = cred_raise();
	int rc = 0;

	if (send && rds_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, send))
		rc = -1;
	if (receive && rds_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive))
		rc = -1;
	cred_lower(raised);
	return rc;
}

static void set_destination(struct msghdr *message, const union rds_addr *to)
{
	if (!to)
		return;
	message->msg_name = (void *)&to->storage;
	message->msg_namelen = rds_addr_len(to);
}

ssize_t rds_send(int fd, const void *buffer, size_t length, const union rds_addr *to, int flags)
{
	struct iovec iov = { .iov_base = (void *)buffer, .iov_len = length };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	set_destination(&message, to);
	return sendmsg(fd, &message, flags);
}

ssize_t rds_send_cookie(int fd, const void *buffer, size_t length, const union rds_addr *to,
			uint32_t cookie, size_t data, int flags)
{
	union {
		char space[CMSG_SPACE(8)];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)buffer, .iov_len = length };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = CMSG_SPACE(data),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);

	cmsg->cmsg_level = SOL_RDS;
	cmsg->cmsg_type = RDS_CMSG_ZCOPY_COOKIE;
	cmsg->cmsg_len = CMSG_LEN(data);
	memcpy(CMSG_DATA(cmsg), &cookie, sizeof(cookie));
	set_destination(&message, to);
	return sendmsg(fd, &message, flags);
}

ssize_t rds_send_zc(int fd, const void *buffer, size_t length, const union rds_addr *to,
		    uint32_t cookie, int flags)
{
	return rds_send_cookie(fd, buffer, length, to, cookie, sizeof(cookie),
			       flags | MSG_ZEROCOPY);
}

ssize_t rds_recv(int fd, void *buffer, size_t length, union rds_addr *from, int flags)
{
	socklen_t from_length = sizeof(*from);

	if (from)
		memset(from, 0, sizeof(*from));
	return recvfrom(fd, buffer, length, flags, from ? &from->sa : NULL,
			from ? &from_length : NULL);
}

/* POLLERR comes unasked while cookies wait: it does not end a wait for something else. */
short rds_wait(int fd, short events, struct deadline deadline)
{
	struct pollfd pollfd = { .fd = fd, .events = events };
	int rc;

	for (;;) {
		rc = poll(&pollfd, 1, deadline_left_ms(&deadline));
		if (rc < 0 && errno != EINTR)
			return 0;
		if (rc > 0 && (!events || pollfd.revents & events))
			return pollfd.revents;
		if (deadline_over(&deadline))
			return rc > 0 ? pollfd.revents : 0;
		if (rc > 0)
			deadline_step();
	}
}

short rds_wait_woken(int fd, short events)
{
	struct pollfd pollfd = { .fd = fd, .events = events };
	int rc;

	do
		rc = poll(&pollfd, 1, -1);
	while (rc < 0 && errno == EINTR);	/* a change of credentials interrupts all threads */
	return rc == 1 ? pollfd.revents : 0;
}
