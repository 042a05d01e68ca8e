/* SPDX-License-Identifier: GPL-2.0 */
/* RDS sockets and addresses: thin wrappers that keep errno and take no decisions. */
#ifndef TESTS_RDS_H
#define TESTS_RDS_H

#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <linux/rds.h>

#include "deadline.h"
#include "netns.h"

#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif

/* TCP port on which rds_zc and in-tree RDS listen, unless told otherwise. */
#define RDS_TCP_PORT 16385

/* Payload bytes a socket may queue by default: half of net.core.wmem_default. */
#define RDS_DEFAULT_SPACE 106496

union rds_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

/* From text, IPv4 or IPv6. An unparsable text gives family AF_UNSPEC. */
union rds_addr rds_addr(const char *text, uint16_t port);
union rds_addr rds_addr_port(const union rds_addr *addr, uint16_t port);
uint16_t rds_port(const union rds_addr *addr);
socklen_t rds_addr_len(const union rds_addr *addr);
bool rds_addr_equal(const union rds_addr *a, const union rds_addr *b);

int rds_socket(void);
int rds_bind(int fd, const union rds_addr *addr);

/* A bound socket in a namespace; *addr gets the port that was chosen for port 0. */
int rds_open(const struct netns *ns, union rds_addr *addr);
int rds_connect(int fd, const union rds_addr *addr);

int rds_set(int fd, int level, int option, int value);
int rds_set_nonblocking(int fd);
/* Both directions, in milliseconds, stretched like every bound. */
int rds_set_timeouts(int fd, unsigned int ms);
/* SO_SNDBUFFORCE and SO_RCVBUFFORCE, so that wmem_max does not matter. 0 leaves one as it is. */
int rds_set_buffers(int fd, int send, int receive);

/* Sends to an address, or to the connected peer when it is NULL. */
ssize_t rds_send(int fd, const void *buffer, size_t length, const union rds_addr *to, int flags);

/* With MSG_ZEROCOPY and a cookie. */
ssize_t rds_send_zc(int fd, const void *buffer, size_t length, const union rds_addr *to,
		    uint32_t cookie, int flags);

/*
 * With a cookie whose control message has so many bytes of data: four are right, there is room for
 * eight. MSG_ZEROCOPY is up to the caller.
 */
ssize_t rds_send_cookie(int fd, const void *buffer, size_t length, const union rds_addr *to,
			uint32_t cookie, size_t data, int flags);

/* One message; *from may be NULL. */
ssize_t rds_recv(int fd, void *buffer, size_t length, union rds_addr *from, int flags);

/*
 * Waits until one of the events is there (any, when none is asked for) or the deadline is over;
 * returns all that poll() said last.
 */
short rds_wait(int fd, short events, struct deadline deadline);

/*
 * The same until it is woken: poll() looks once more when its time is over, so that a limit would
 * hide a wake-up that was lost. The limit is the test's.
 */
short rds_wait_woken(int fd, short events);

#endif
