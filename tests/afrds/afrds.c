// SPDX-License-Identifier: GPL-2.0
/*
 * A program written for AF_RDS, of any Linux: it knows the number 21 and <linux/rds.h>, and has
 * never heard of rds_zc. It sends itself or another messages, copied and by zerocopy, pings, polls,
 * and reads options. Everything that is not as AF_RDS has it is an error on stderr and exit code 1;
 * no such socket is exit code 2.
 *
 *   afrds [-l] [-n] ADDRESS            sends to itself
 *   afrds [-l] [-n] ADDRESS PEER       sends to the peer, on port PORT there
 *   afrds [-l] [-n] -r ADDRESS         is that peer: says on stdout that it is bound, receives,
 *                                      answers, and ends with its standard input
 *
 *   -l   the family as builds of rds-tools look it up: /proc/sys/net/rds/pf_rds; else it is 21
 *   -n   no zerocopy
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
#define PORT 4000

static char out[SIZE] __attribute__((aligned(4096))), in[SIZE];
static int sol = 276;
static const char *role = "afrds";

#define CHECK(condition)						\
do {									\
	if (!(condition)) {						\
		fprintf(stderr, "%s: line %d: %s: %s\n", role,		\
			__LINE__, #condition, strerror(errno));		\
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

static int open_socket(int family, const char *address, uint16_t port, struct sockaddr_in *addr)
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
	addr->sin_port = htons(port);
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

/* From whom is learned from the first message where it is not known. */
static void receive(int fd, size_t size, struct sockaddr_in *from)
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
	if (!from->sin_port)
		*from = name;
	CHECK(name.sin_addr.s_addr == from->sin_addr.s_addr && name.sin_port == from->sin_port);
}

/* Its cookie comes as a control message of a recvmsg() without data, and raises POLLIN. */
static void reap(int fd)
{
	char control[CMSG_SPACE(sizeof(struct rds_zcopy_cookies))];
	struct msghdr msg = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct rds_zcopy_cookies cookies;
	struct cmsghdr *cmsg;
	ssize_t got;

	/* POLLIN tells of changes of congestion, too, and then there is nothing to read. */
	do {
		wait_for(fd, POLLIN);
		errno = 0;
		got = recvmsg(fd, &msg, MSG_DONTWAIT);
	} while (got < 0 && errno == EAGAIN);
	CHECK(got == 0);
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

/* One message of those that run() sends. */
static void expect(int fd, int step, struct sockaddr_in *from)
{
	static const size_t sizes[] = { 100, SIZE, SIZE };

	if (fd >= 0)
		receive(fd, sizes[step], from);
}

/* rx is -1 where the peer is another program. */
static void run(int tx, int rx, struct sockaddr_in *near, struct sockaddr_in *far, int zerocopy)
{
	options(tx);
	wait_for(tx, POLLOUT);
	CHECK(sendto(tx, out, 100, 0, (const struct sockaddr *)far, sizeof(*far)) == 100);
	expect(rx, 0, near);
	ping(tx, far);
	CHECK(!connect(tx, (const struct sockaddr *)far, sizeof(*far)));
	CHECK(send(tx, out, SIZE, 0) == SIZE);
	expect(rx, 1, near);
	if (zerocopy) {
		send_zerocopy(tx, far);
		expect(rx, 2, near);
		reap(tx);
	}
	/* close() withdraws what the peer has not got: AF_RDS knows that by an answer only. */
	if (rx < 0) {
		CHECK(send(tx, out, 1, 0) == 1);
		receive(tx, 1, far);
	}
}

static void run_peer(int rx, int zerocopy)
{
	struct sockaddr_in from = { 0 };
	int step;

	options(rx);
	puts("bound");
	fflush(stdout);
	for (step = 0; step < 2 + zerocopy; step++)
		expect(rx, step, &from);
	receive(rx, 1, &from);
	CHECK(sendto(rx, out, 1, 0, (struct sockaddr *)&from, sizeof(from)) == 1);
	while (getchar() != EOF)
		continue;
}

int main(int argc, char **argv)
{
	int family = AF_RDS, lookup = 0, zerocopy = 1, peer = 0, tx, rx = -1, i;
	struct sockaddr_in near, far = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	while ((i = getopt(argc, argv, "lnr")) != -1) {
		lookup |= i == 'l';
		zerocopy &= i != 'n';
		peer |= i == 'r';
	}
	argc -= optind;
	argv += optind;
	if (argc < 1 || argc > 2 - peer) {
		fprintf(stderr, "usage: afrds [-l] [-n] [-r] ADDRESS [PEER]\n");
		return 3;
	}
	if (lookup) {
		family = number("/proc/sys/net/rds/pf_rds");
		sol = number("/proc/sys/net/rds/sol_rds");
	}
	for (i = 0; i < SIZE; i++)
		out[i] = (char)(i * 7);
	if (peer) {
		role = "afrds -r";
		rx = open_socket(family, argv[0], PORT, &far);
		run_peer(rx, zerocopy);
		return 0;
	}
	tx = open_socket(family, argv[0], 0, &near);
	if (argc == 2)
		far.sin_addr.s_addr = inet_addr(argv[1]);
	else
		rx = open_socket(family, argv[0], 0, &far);
	run(tx, rx, &near, &far, zerocopy);
	CHECK(!close(tx) && (rx < 0 || !close(rx)));
	return 0;
}
