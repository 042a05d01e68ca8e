// SPDX-License-Identifier: GPL-2.0
/* Conns and their sockets, for each protocol. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/rds_zc.h>
#include <linux/sctp.h>

#include "bench.h"

const char *const proto_names[PROTOS] = {
	[PROTO_RDS_ZC] = "rds_zc",
	[PROTO_INTREE] = "intree",
	[PROTO_TCP] = "tcp",
	[PROTO_UNIX] = "unix",
	[PROTO_SCTP] = "sctp",
	[PROTO_TIPC] = "tipc",
};

bool socket_connected(const struct spec *spec)
{
	return spec->proto == PROTO_TCP || spec->proto == PROTO_UNIX;
}

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (p == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	return p;
}

static uint32_t power_of_two(uint32_t n)
{
	uint32_t p = 1;

	while (p < n)
		p *= 2;
	return p;
}

static uint32_t larger(const struct spec *spec)
{
	return spec->size > spec->reply ? spec->size : spec->reply;
}

struct conn *conn_new(struct worker *w, int index)
{
	const struct spec *spec = w->spec;
	size_t each = (larger(spec) + 4095ul) & ~4095ul;
	unsigned char *data = map(each * spec->pool);
	struct conn *c = calloc(1, sizeof(*c));
	uint32_t i;

	c->w = w;
	c->index = index;
	c->fd = -1;
	c->sending = c->filled = -1;
	c->pool = calloc(spec->pool, sizeof(*c->pool));
	c->pool_bytes = each * spec->pool;
	for (i = 0; i < spec->pool; i++)
		c->pool[i].data = data + i * each;
	c->rx = map(each);
	c->rx_len = w->server ? spec->size : spec->reply;
	c->ring = power_of_two(2 * spec->depth + 2);
	c->sent_at = calloc(c->ring, sizeof(*c->sent_at));
	c->sent_by = calloc(c->ring, sizeof(*c->sent_by));
	c->zc_ring = power_of_two(64 * spec->pool + 4096);
	c->zc_buffer = calloc(c->zc_ring, sizeof(*c->zc_buffer));
	return c;
}

void conn_free(struct conn *c)
{
	const struct spec *spec = c->w->spec;
	size_t each = (larger(spec) + 4095ul) & ~4095ul;

	if (c->fd >= 0)
		close(c->fd);
	munmap(c->pool[0].data, c->pool_bytes);
	munmap(c->rx, each);
	free(c->pool);
	free(c->sent_at);
	free(c->sent_by);
	free(c->zc_buffer);
	free(c);
}

static int complain(const char *what)
{
	perror(what);
	return -1;
}

socklen_t socket_address(const struct spec *spec, const char *text, uint16_t port,
			 struct sockaddr_storage *ss)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_un *un = (struct sockaddr_un *)ss;

	memset(ss, 0, sizeof(*ss));
	if (spec->proto == PROTO_TIPC)
		return tipc_address(port, ss);
	if (spec->proto == PROTO_UNIX) {
		un->sun_family = AF_UNIX;
		snprintf(un->sun_path, sizeof(un->sun_path), "/tmp/rdsz-bench.%u", spec->port);
		return sizeof(*un);
	}
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	if (inet_pton(AF_INET, text, &in->sin_addr) != 1) {
		fprintf(stderr, "%s: not an IPv4 address\n", text);
		exit(2);
	}
	return sizeof(*in);
}

int socket_new(const struct spec *spec)
{
	switch (spec->proto) {
	case PROTO_RDS_ZC:
	case PROTO_INTREE:
		return socket(spec->family, SOCK_SEQPACKET, 0);
	case PROTO_TCP:
		return socket(AF_INET, SOCK_STREAM, 0);
	case PROTO_UNIX:
		return socket(AF_UNIX, SOCK_SEQPACKET, 0);
	case PROTO_SCTP:
		return socket(AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP);
	default:
		return socket(AF_TIPC, SOCK_RDM, 0);
	}
}

/* TCP tunes its buffers itself, unless told otherwise; the others must hold `depth` messages. */
static int size_buffers(const struct spec *spec, int fd)
{
	uint64_t want = spec->sockbuf;
	int bytes;

	if (!want && spec->proto == PROTO_TCP)
		return 0;
	if (!want)
		want = 2ull * (spec->depth + 1) * larger(spec);
	if (!spec->sockbuf && want < 524288)
		want = 524288;
	bytes = want > 1u << 29 ? 1 << 29 : (int)want;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		return complain("SO_SNDBUFFORCE");
	return 0;
}

/*
 * Who sleeps in recvmsg for the reply takes the cookies that come with it, and no cookie need end
 * that sleep; who polls wants to be told of each.
 */
static int completion_mode(const struct spec *spec)
{
	if (spec->reaping != REAP_CMSG)
		return RDSZC_COMPLETION_ERRQUEUE;
	return spec->waiting == WAIT_BLOCK ? RDSZC_COMPLETION_AF_RDS : RDSZC_COMPLETION_CMSG;
}

static int set_zerocopy(const struct spec *spec, int fd)
{
	int one = 1, force = 0, mode;

	if (spec->zerocopy == ZC_OFF)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)))
		return complain("SO_ZEROCOPY");
	if (spec->proto != PROTO_RDS_ZC)
		return 0;
	mode = completion_mode(spec);
	if (setsockopt(fd, SOL_RDS, RDSZC_COMPLETION_MODE, &mode, sizeof(mode)))
		return complain("RDSZC_COMPLETION_MODE");
	if (spec->zerocopy == ZC_ON &&
	    setsockopt(fd, SOL_RDS, RDSZC_ZC_THRESHOLD, &force, sizeof(force)))
		return complain("RDSZC_ZC_THRESHOLD");
	return 0;
}

/* What they came to: limits, doubling, and TCP's own tuning have their say. */
void socket_buffers(int fd, struct figures *f)
{
	int snd = 0, rcv = 0;
	socklen_t len = sizeof(snd);

	getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &snd, &len);
	len = sizeof(rcv);
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcv, &len);
	f->sndbuf = snd;
	f->rcvbuf = rcv;
}

int socket_prepare(const struct spec *spec, int fd)
{
	struct timeval timeout = { .tv_usec = 200000 }, send_timeout = { .tv_sec = 1 };
	int one = 1;

	if (spec->proto == PROTO_TCP &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		return complain("TCP_NODELAY");
	if (spec->proto == PROTO_SCTP &&
	    setsockopt(fd, IPPROTO_SCTP, SCTP_NODELAY, &one, sizeof(one)))
		return complain("SCTP_NODELAY");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &send_timeout, sizeof(send_timeout)))
		return complain("SO_RCVTIMEO, SO_SNDTIMEO");
	return size_buffers(spec, fd) ?: set_zerocopy(spec, fd);
}

/* A socket bound to an address; port 0: any. TIPC names only those that are looked for. */
int socket_bound(const struct spec *spec, const char *local, uint16_t port)
{
	struct sockaddr_storage ss;
	socklen_t len = socket_address(spec, local, port, &ss);
	int fd = socket_new(spec), one = 1;

	if (fd < 0)
		return complain(proto_names[spec->proto]);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (spec->proto == PROTO_UNIX)
		unlink(((struct sockaddr_un *)&ss)->sun_path);
	if ((port || spec->proto != PROTO_TIPC) && bind(fd, (struct sockaddr *)&ss, len)) {
		close(fd);
		return complain("bind");
	}
	return fd;
}

/* The peers of a server with several have consecutive addresses; sockets go round them. */
static const char *nth_address(const struct spec *spec, const char *first, uint32_t i, char *text)
{
	struct in_addr in;

	if (socket_connected(spec) || inet_pton(AF_INET, first, &in) != 1)
		return first;
	in.s_addr = htonl(ntohl(in.s_addr) + i % spec->peers);
	return inet_ntop(AF_INET, &in, text, INET_ADDRSTRLEN);
}

/* Datagrams: the sockets themselves. Streams: a listener, returned, for server_accept(). */
int server_open(const struct spec *spec, const char *local, struct conn **conns)
{
	char text[INET_ADDRSTRLEN];
	uint32_t i;
	int fd;

	if (socket_connected(spec)) {
		fd = socket_bound(spec, local, spec->port + 1);
		if (fd >= 0 && listen(fd, MAX_SOCKETS))
			return complain("listen");
		return fd;
	}
	for (i = 0; i < spec->sockets; i++) {
		conns[i]->fd = socket_bound(spec, nth_address(spec, local, i, text),
					    spec->port + 1 + i);
		if (conns[i]->fd < 0 || socket_prepare(spec, conns[i]->fd))
			return -1;
		if (spec->proto == PROTO_SCTP && listen(conns[i]->fd, 1))
			return complain("listen");
	}
	return 0;
}

int server_accept(const struct spec *spec, int control, int listener, struct conn **conns)
{
	uint32_t i;
	int ret = 0;

	if (!socket_connected(spec))
		return 0;
	for (i = 0; i < spec->sockets && !ret; i++) {
		conns[i]->fd = control_accept_one(control, listener);
		ret = conns[i]->fd < 0 ? -1 : socket_prepare(spec, conns[i]->fd);
	}
	close(listener);
	return ret;
}

/* The client's, as lanes.c chose them; 0: the usual ones. */
uint16_t lane_ports[LANES];

/*
 * rds_zc chooses the lane of a message by both ports, so the client's are the same in each run of a
 * boot: another choice would be another measurement. In another boot the same ports may have other
 * lanes: how many were used is recorded, see lanes.c. In-tree RDS goes by the sender's port and a
 * random number of each socket. The others may have any port.
 */
int client_bound(const struct spec *spec, const char *local, uint32_t i)
{
	const bool rds = spec->proto == PROTO_RDS_ZC || spec->proto == PROTO_INTREE;
	uint16_t port = rds ? spec->port + 1 + MAX_SOCKETS + i : 0;

	if (spec->proto == PROTO_RDS_ZC && i < LANES && lane_ports[i])
		port = lane_ports[i];
	return socket_bound(spec, local, port);
}

int client_open(const struct spec *spec, const char *local, const char *peer, struct conn **conns)
{
	const bool stream = socket_connected(spec);
	char text[INET_ADDRSTRLEN];
	uint32_t i;

	for (i = 0; i < spec->sockets; i++) {
		struct conn *c = conns[i];
		uint16_t port = spec->port + 1 + (stream ? 0 : i);

		c->peer_len = socket_address(spec, nth_address(spec, peer, i, text), port,
					     &c->peer);
		c->fd = stream ? socket_new(spec) : client_bound(spec, local, i);
		if (c->fd < 0 || socket_prepare(spec, c->fd))
			return -1;
		if (spec->proto == PROTO_TIPC && tipc_wait(&c->peer))
			return -1;
		if (stream && connect(c->fd, (struct sockaddr *)&c->peer, c->peer_len))
			return complain("connect");
	}
	return 0;
}
