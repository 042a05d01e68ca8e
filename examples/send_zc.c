// SPDX-License-Identifier: GPL-2.0
/* send_zc MY-IP PEER-IP PORT COUNT: sends COUNT messages by zerocopy from two buffers in turn. */
#include <arpa/inet.h>
#include <err.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/rds_zc.h>
#include <linux/sockios.h>

static char buffers[2][16384];	/* not to be touched between sendmsg() and its cookie */
static int busy[2];

/* MSG_ZEROCOPY needs a cookie, any number of yours: here it is the number of the buffer. */
static void send_buffer(int fd, uint32_t cookie)
{
	char control[CMSG_SPACE(sizeof(cookie))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { buffers[cookie], sizeof(buffers[0]) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_RDS;
	cmsg->cmsg_type = RDS_CMSG_ZCOPY_COOKIE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(cookie));
	memcpy(CMSG_DATA(cmsg), &cookie, sizeof(cookie));
	if (sendmsg(fd, &msg, MSG_ZEROCOPY) < 0)
		err(1, "sendmsg");
	busy[cookie] = 1;
}

/* Waits until cookies have come (POLLERR) and takes them: their buffers are ours again. */
static void reap(int fd)
{
	char control[128] __attribute__((aligned(8)));	/* says whether it was copied */
	struct pollfd pollfd = { .fd = fd };
	uint32_t cookies[2];
	struct iovec iov = { cookies, sizeof(cookies) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t i, bytes;

	if (poll(&pollfd, 1, 10000) != 1)
		errx(1, "no cookie within 10 seconds");
	bytes = recvmsg(fd, &msg, MSG_ERRQUEUE);
	if (bytes < 0)
		err(1, "recvmsg");
	for (i = 0; i < bytes / 4; i++)
		busy[cookies[i]] = 0;
}

int main(int argc, char **argv)
{
	struct sockaddr_in me = { .sin_family = AF_INET }, peer = me;
	int fd = socket(RDSZC_FAMILY_DEFAULT, SOCK_SEQPACKET, 0), on = 1, i, count, left;

	if (argc != 5 || !inet_aton(argv[1], &me.sin_addr) || !inet_aton(argv[2], &peer.sin_addr))
		errx(1, "usage: send_zc MY-IP PEER-IP PORT COUNT");
	peer.sin_port = htons(atoi(argv[3]));
	if (fd < 0 || bind(fd, (struct sockaddr *)&me, sizeof(me)) ||
	    connect(fd, (struct sockaddr *)&peer, sizeof(peer)) ||
	    setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)))
		err(1, "no socket (is rds_zc loaded?)");
	for (i = 0, count = atoi(argv[4]); i < count; i++) {
		while (busy[i % 2])
			reap(fd);
		memset(buffers[i % 2], 'a' + i % 26, sizeof(buffers[0]));
		send_buffer(fd, i % 2);
	}
	while (busy[0] || busy[1])
		reap(fd);
	/* A cookie does not say that the message arrived; close() withdraws what may not have. */
	while (!ioctl(fd, SIOCOUTQ, &left) && left)
		usleep(1000);
	printf("sent %d messages, every buffer is ours again\n", count);
	return 0;
}
