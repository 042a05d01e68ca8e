// SPDX-License-Identifier: GPL-2.0
/* The control connection of a run: TCP, a few bytes, and what the workers are told. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

volatile bool stop_sending, stop_now;
volatile uint32_t counting_era;

bool control_put(int fd, const void *data, size_t len)
{
	return send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* A wait that has a limit is cut short by whatever io_uring leaves to be done. */
bool control_get(int fd, void *data, size_t len)
{
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		n = recv(fd, (char *)data + got, len - got, MSG_WAITALL);
		if (n > 0)
			got += n;
		else if (!n || errno != EINTR)
			return false;
	}
	return true;
}

bool control_put_byte(int fd, char byte)
{
	return control_put(fd, &byte, 1);
}

bool control_get_byte(int fd, char want)
{
	char byte;

	return control_get(fd, &byte, 1) && byte == want;
}

/* Nobody waits for ever for a side that has died: @ms of a run, and two minutes. */
bool control_patience(int fd, uint64_t ms)
{
	struct timeval timeout = { .tv_sec = 120 + (time_t)(ms / 1000) };

	return !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
}

static int control_socket(const char *text, uint16_t port, struct sockaddr_in *sin)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	*sin = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
	if (fd < 0 || inet_pton(AF_INET, text, &sin->sin_addr) != 1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int control_listen(const char *text, uint16_t port)
{
	struct sockaddr_in sin;
	int fd = control_socket(text, port, &sin);

	if (fd >= 0 && !bind(fd, (struct sockaddr *)&sin, sizeof(sin)) && !listen(fd, 4))
		return fd;
	perror("control port");
	return -1;
}

void sleep_ms(uint32_t ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	nanosleep(&ts, NULL);
}

int control_accept(int listener)
{
	int fd = accept(listener, NULL, NULL), one = 1;

	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/*
 * A connection of the run, or -1: the client has said something, and who has all its connections
 * says so last.
 */
int control_accept_one(int fd, int listener)
{
	struct pollfd both[] = { { .fd = listener, .events = POLLIN },
				 { .fd = fd, .events = POLLIN } };

	while (poll(both, 2, 120000) < 0)
		if (errno != EINTR)
			return -1;
	if (!(both[0].revents & POLLIN) && poll(both, 1, 0) <= 0)
		return -1;
	return accept(listener, NULL, NULL);
}

/* One client program after the other, or only the first; each until it hangs up. */
int control_serve(const char *address, uint16_t port, bool once,
		  void (*runs)(int fd, const char *local))
{
	int listener = control_listen(address, port), fd;

	if (listener < 0)
		return -1;
	do {
		fd = control_accept(listener);
		if (fd < 0)
			return -1;
		control_patience(fd, 0);
		link_tell(fd, address);
		runs(fd, address);
		close(fd);
	} while (!once);
	close(listener);
	return 0;
}

/* The server may still be starting, and that on an emulated machine: a minute. */
int control_connect(const char *text, uint16_t port)
{
	struct sockaddr_in sin;
	int fd, i;

	for (i = 0; i < 600; i++) {
		fd = control_socket(text, port, &sin);
		if (fd >= 0 && !connect(fd, (struct sockaddr *)&sin, sizeof(sin)) &&
		    control_patience(fd, 0))
			return fd;
		if (fd >= 0)
			close(fd);
		sleep_ms(100);
	}
	perror("control connection");
	return -1;
}
