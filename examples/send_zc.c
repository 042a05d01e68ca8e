// SPDX-License-Identifier: GPL-2.0
/* send_zc MY-IP PEER-IP PORT COUNT: sends COUNT messages by zerocopy from two buffers in turn. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/rds_zc.h>
#include <linux/sockios.h>

#define SIZE 16384	/* two of these fit the RLIMIT_MEMLOCK of Linux 5.10, 64 KiB */
#define BUFFERS 2

static char buffers[BUFFERS][SIZE];	/* not to be touched between sendmsg() and its cookie */
static int busy[BUFFERS];

static void check(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static struct sockaddr_in address(const char *ip, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };

	check(inet_pton(AF_INET, ip, &a.sin_addr) == 1, ip);
	return a;
}

/* MSG_ZEROCOPY needs a cookie, any number of yours: here it is the number of the buffer. */
static void send_buffer(int fd, uint32_t cookie)
{
	char control[CMSG_SPACE(sizeof(cookie))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { buffers[cookie], SIZE };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_RDS;
	cmsg->cmsg_type = RDS_CMSG_ZCOPY_COOKIE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(cookie));
	memcpy(CMSG_DATA(cmsg), &cookie, sizeof(cookie));
	check(sendmsg(fd, &msg, MSG_ZEROCOPY) == SIZE, "sendmsg");
	busy[cookie] = 1;
}

/* Waits for cookies (POLLERR) and takes them: each says that its buffer is ours again. */
static void reap(int fd)
{
	struct pollfd pollfd = { .fd = fd };
	uint32_t cookies[BUFFERS];
	char control[128] __attribute__((aligned(8)));	/* whether the kernel had to copy */
	struct iovec iov = { cookies, sizeof(cookies) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t i, bytes;

	check(poll(&pollfd, 1, 10000) == 1, "no cookie within 10 seconds");
	bytes = recvmsg(fd, &msg, MSG_ERRQUEUE);
	check(bytes > 0, "recvmsg");
	for (i = 0; i < bytes / (ssize_t)sizeof(cookies[0]); i++)
		busy[cookies[i]] = 0;
}

/* A cookie does not say that the message has left; close() withdraws what nobody acknowledged. */
static void wait_for_acknowledgements(int fd)
{
	int bytes;

	while (!ioctl(fd, SIOCOUTQ, &bytes) && bytes)
		usleep(1000);
}

int main(int argc, char **argv)
{
	int fd = socket(RDSZC_FAMILY_DEFAULT, SOCK_SEQPACKET, 0), on = 1, i, next;
	struct sockaddr_in me, peer;

	check(fd >= 0, "socket (is rds_zc loaded?)");
	check(argc == 5, "usage: send_zc MY-IP PEER-IP PORT COUNT");
	me = address(argv[1], "0");
	peer = address(argv[2], argv[3]);
	check(!bind(fd, (struct sockaddr *)&me, sizeof(me)), "bind");
	check(!connect(fd, (struct sockaddr *)&peer, sizeof(peer)), "connect");
	check(!setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)), "SO_ZEROCOPY");
	for (i = 0; i < atoi(argv[4]); i++) {
		next = i % BUFFERS;
		while (busy[next])
			reap(fd);
		memset(buffers[next], 'a' + i % 26, SIZE);
		send_buffer(fd, next);
	}
	for (next = 0; next < BUFFERS; next++)
		while (busy[next])
			reap(fd);
	wait_for_acknowledgements(fd);
	printf("sent %d messages, every buffer is ours again\n", i);
	return 0;
}
