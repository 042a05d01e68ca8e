// SPDX-License-Identifier: GPL-2.0
/*
 * A program written for AF_RDS, of any Linux: it knows the number 21 and <linux/rds.h>, and has
 * never heard of rds_zc. It sends itself messages, copied and by zerocopy, pings itself, polls, and
 * reads options. Everything that is not as AF_RDS has it is an error on stderr and exit code 1; no
 * such socket is exit code 2.
 *
 *   afrds ADDRESS          family 21
 *   afrds ADDRESS lookup   the family as builds of rds-tools look it up: /proc/sys/net/rds/pf_rds
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/rds.h>

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif

#define SIZE 20000
#define COOKIE 0x12345678

static char out[SIZE] __attribute__((aligned(4096))), in[SIZE];
static int sol = 276;

#define CHECK(condition)						\
do {									\
	if (!(condition)) {						\
		fprintf(stderr, "afrds: line %d: %s: %s\n", __LINE__,	\
			#condition, strerror(errno));			\
		exit(1);						\
	}								\
} while (0)

static int number(const char *path)
{
	FILE *file = fopen(path, "r");
	int value = -1;

	CHECK(file && fscanf(file, "%d", &value) == 1);
	fclose(file);
	return value;
}

static int open_socket(int family, const char *address, struct sockaddr_in *addr)
{
	socklen_t length = sizeof(*addr);
	int fd = socket(family, SOCK_SEQPACKET, 0);

	if (fd < 0) {
		fprintf(stderr, "afrds: no socket of family %d: %s\n", family, strerror(errno));
		exit(2);
	}
	memset(addr, 0, sizeof(*addr));
	addr->sin_family = AF_INET;
	addr->sin_addr.s_addr = inet_addr(address);
	CHECK(!bind(fd, (struct sockaddr *)addr, sizeof(*addr)));
	CHECK(!getsockname(fd, (struct sockaddr *)addr, &length));
	CHECK(addr->sin_port);
	return fd;
}

static void wait_for(int fd, short events)
{
	struct pollfd ready = { .fd = fd, .events = events };

	CHECK(poll(&ready, 1, 10000) == 1);
	CHECK(ready.revents & events);
	CHECK(!(ready.revents & POLLERR));	/* AF_RDS has no error queue */
}

static void receive(int fd, size_t size, const struct sockaddr_in *from)
{
	struct sockaddr_in name;
	struct iovec iov = { .iov_base = in, .iov_len = sizeof(in) };
	struct msghdr msg = {
		.msg_name = &name, .msg_namelen = sizeof(name), .msg_iov = &iov, .msg_iovlen = 1,
	};

	wait_for(fd, POLLIN);
	CHECK(recvmsg(fd, &msg, 0) == (ssize_t)size);
	CHECK(!memcmp(in, out, size));
	CHECK(msg.msg_namelen == sizeof(name));
	CHECK(name.sin_addr.s_addr == from->sin_addr.s_addr && name.sin_port == from->sin_port);
}

/* Its cookie comes as a control message of a recvmsg() without data, and raises POLLIN. */
static void reap(int fd)
{
	char control[CMSG_SPACE(sizeof(struct rds_zcopy_cookies))];
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct rds_zcopy_cookies cookies;
	struct cmsghdr *cmsg;

	wait_for(fd, POLLIN);
	CHECK(recvmsg(fd, &msg, MSG_DONTWAIT) == 0);
	cmsg = CMSG_FIRSTHDR(&msg);
	CHECK(cmsg && cmsg->cmsg_level == sol && cmsg->cmsg_type == RDS_CMSG_ZCOPY_COMPLETION);
	memcpy(&cookies, CMSG_DATA(cmsg), sizeof(cookies));
	CHECK(cookies.num == 1 && cookies.cookies[0] == COOKIE);
}

static void send_zerocopy(int fd, const struct sockaddr_in *to)
{
	char control[CMSG_SPACE(sizeof(uint32_t))] = { 0 };
	struct iovec iov = { .iov_base = out, .iov_len = SIZE };
	struct msghdr msg = {
		.msg_name = (void *)to, .msg_namelen = sizeof(*to), .msg_iov = &iov,
		.msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	uint32_t cookie = COOKIE;
	int one = 1;

	CHECK(!setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)));
	cmsg->cmsg_level = sol;
	cmsg->cmsg_type = RDS_CMSG_ZCOPY_COOKIE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(cookie));
	memcpy(CMSG_DATA(cmsg), &cookie, sizeof(cookie));
	CHECK(sendmsg(fd, &msg, MSG_ZEROCOPY) == SIZE);
}

static void ping(int fd, const struct sockaddr_in *whom)
{
	struct sockaddr_in to = *whom, from;
	socklen_t length = sizeof(from);

	to.sin_port = 0;
	CHECK(sendto(fd, NULL, 0, 0, (struct sockaddr *)&to, sizeof(to)) == 0);
	wait_for(fd, POLLIN);
	CHECK(recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&from, &length) == 0);
	CHECK(from.sin_port == 0 && from.sin_addr.s_addr == to.sin_addr.s_addr);
}

static void options(int fd)
{
	int value = -1, one = 1;
	socklen_t length = sizeof(value);

	CHECK(!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &value, &length));
	CHECK(value == AF_RDS);
	CHECK(!getsockopt(fd, sol, SO_RDS_TRANSPORT, &value, &length));
	CHECK(value == RDS_TRANS_TCP);
	CHECK(!setsockopt(fd, sol, RDS_CONG_MONITOR, &one, sizeof(one)));
	CHECK(!setsockopt(fd, sol, RDS_RECVERR, &one, sizeof(one)));
	CHECK(recv(fd, in, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

int main(int argc, char **argv)
{
	struct sockaddr_in near, far;
	int family = AF_RDS;
	int tx, rx, i;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: afrds ADDRESS [lookup]\n");
		return 3;
	}
	if (argc == 3) {
		family = number("/proc/sys/net/rds/pf_rds");
		sol = number("/proc/sys/net/rds/sol_rds");
	}
	tx = open_socket(family, argv[1], &near);
	rx = open_socket(family, argv[1], &far);
	for (i = 0; i < SIZE; i++)
		out[i] = (char)(i * 7);
	options(tx);
	wait_for(tx, POLLOUT);
	CHECK(sendto(tx, out, 100, 0, (struct sockaddr *)&far, sizeof(far)) == 100);
	receive(rx, 100, &near);
	CHECK(!connect(tx, (struct sockaddr *)&far, sizeof(far)));
	CHECK(send(tx, out, SIZE, 0) == SIZE);
	receive(rx, SIZE, &near);
	ping(tx, &far);
	/* The mode of the cookies is not known to those who look the number up. */
	if (argc == 2) {
		send_zerocopy(tx, &far);
		receive(rx, SIZE, &near);
		reap(tx);
	}
	CHECK(!close(tx) && !close(rx));
	return 0;
}
