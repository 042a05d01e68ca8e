// SPDX-License-Identifier: GPL-2.0
/* recv MY-IP PORT COUNT: receives COUNT messages of send_zc and checks what is in them. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <linux/rds_zc.h>

#define LARGEST (1024 * 1024)	/* no RDS message is larger */

static void check(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static void check_message(const char *message, ssize_t length, char letter)
{
	for (ssize_t i = 0; i < length; i++) {
		if (message[i] != letter) {
			fprintf(stderr, "byte %zd is not '%c'\n", i, letter);
			exit(1);
		}
	}
}

int main(int argc, char **argv)
{
	int fd = socket(RDSZC_FAMILY_DEFAULT, SOCK_SEQPACKET, 0), i;
	struct sockaddr_in me = { .sin_family = AF_INET }, from;
	struct timeval limit = { .tv_sec = 60 };
	char *message = malloc(LARGEST), text[INET_ADDRSTRLEN];
	socklen_t from_length;
	ssize_t length;

	check(fd >= 0, "socket (is rds_zc loaded?)");
	check(argc == 4 && inet_pton(AF_INET, argv[1], &me.sin_addr) == 1 && message,
	      "usage: recv MY-IP PORT COUNT");
	me.sin_port = htons(atoi(argv[2]));
	check(!bind(fd, (struct sockaddr *)&me, sizeof(me)), "bind");
	check(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), "SO_RCVTIMEO");
	for (i = 0; i < atoi(argv[3]); i++) {
		from_length = sizeof(from);
		length = recvfrom(fd, message, LARGEST, 0, (struct sockaddr *)&from, &from_length);
		check(length >= 0, "recvfrom");
		check_message(message, length, 'a' + i % 26);
		printf("message %d: %zd bytes from %s, all right\n", i, length,
		       inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text)));
	}
	free(message);
	return 0;
}
