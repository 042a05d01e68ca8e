// SPDX-License-Identifier: GPL-2.0
/* The RDS peer made of plain TCP sockets. */
#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <netinet/tcp.h>

#include "frame.h"

/* ---- coding ---- */

static void put(uint8_t *to, uint64_t value, unsigned int bytes)
{
	while (bytes--) {
		to[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

static uint64_t get(const uint8_t *from, unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | *from++;
	return value;
}

void frame_encode(const struct frame *frame, uint8_t bytes[FRAME_HEADER])
{
	put(bytes + 0, frame->seq, 8);
	put(bytes + 8, frame->ack, 8);
	put(bytes + 16, frame->len, 4);
	put(bytes + 20, frame->sport, 2);
	put(bytes + 22, frame->dport, 2);
	put(bytes + 24, frame->flags, 1);
	put(bytes + 25, frame->credit, 1);
	put(bytes + 26, frame->padding, 4);
	put(bytes + 30, frame->csum, 2);
	memcpy(bytes + 32, frame->ext, FRAME_EXT);
}

void frame_decode(const uint8_t bytes[FRAME_HEADER], struct frame *frame)
{
	frame->seq = get(bytes + 0, 8);
	frame->ack = get(bytes + 8, 8);
	frame->len = (uint32_t)get(bytes + 16, 4);
	frame->sport = (uint16_t)get(bytes + 20, 2);
	frame->dport = (uint16_t)get(bytes + 22, 2);
	frame->flags = bytes[24];
	frame->credit = bytes[25];
	frame->padding = (uint32_t)get(bytes + 26, 4);
	frame->csum = (uint16_t)get(bytes + 30, 2);
	memcpy(frame->ext, bytes + 32, FRAME_EXT);
}

/* As 7.x knows them, and as all versions skip them. */
static size_t data_of(uint8_t type)
{
	static const size_t length[] = { 0, 4, 4, 8, 8, 2, 4, 0, 1 };

	return type < sizeof(length) / sizeof(length[0]) ? length[type] : 0;
}

bool frame_hello(const uint8_t ext[FRAME_EXT], struct frame_hello *hello)
{
	size_t at = 0;

	memset(hello, 0, sizeof(*hello));
	while (at < FRAME_EXT && ext[at] && ext[at] < 16) {
		if (at + 1 + data_of(ext[at]) > FRAME_EXT)
			return false;
		if (ext[at] == 5)
			hello->npaths = (uint16_t)get(ext + at + 1, 2);
		if (ext[at] == 6)
			hello->gen_num = (uint32_t)get(ext + at + 1, 4);
		if (ext[at] == 8)
			hello->sport_idx = true;
		at += 1 + data_of(ext[at]);
	}
	hello->used = at;
	if (at < FRAME_EXT)
		hello->private_type = ext[at];
	return true;
}

void frame_put_hello(uint8_t ext[FRAME_EXT], uint16_t npaths, uint32_t gen_num, bool sport_idx)
{
	size_t at = 0;

	memset(ext, 0, FRAME_EXT);
	if (npaths) {
		ext[at] = 5;
		put(ext + at + 1, npaths, 2);
		at += 3;
	}
	if (gen_num) {
		ext[at] = 6;
		put(ext + at + 1, gen_num, 4);
		at += 5;
	}
	if (sport_idx)
		ext[at] = 8;
}

/* ---- TCP ---- */

static int stream_socket(const struct netns *ns, const union rds_addr *local)
{
	int fd = netns_in(ns, socket(local->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
	int one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (!bind(fd, &local->sa, rds_addr_len(local)))
		return fd;
	close(fd);
	return -1;
}

int wire_listen(const struct netns *ns, const union rds_addr *local)
{
	union rds_addr addr = rds_addr_port(local, RDS_TCP_PORT);
	int fd = stream_socket(ns, &addr);

	if (fd >= 0 && listen(fd, 64)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int wait_for(int fd, short events, struct deadline deadline)
{
	struct pollfd ready = { .fd = fd, .events = events };

	while (poll(&ready, 1, deadline_left_ms(&deadline)) != 1) {
		if (deadline_over(&deadline)) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
	return 0;
}

int wire_accept(int listener, struct deadline deadline)
{
	int one = 1;
	int fd;

	if (wait_for(listener, POLLIN, deadline))
		return -1;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int wire_connect(const struct netns *ns, const union rds_addr *local, const union rds_addr *peer,
		 struct deadline deadline)
{
	union rds_addr to = rds_addr_port(peer, RDS_TCP_PORT);
	int fd = stream_socket(ns, local);
	socklen_t length = sizeof(int);
	int error = 0;

	if (fd < 0)
		return -1;
	rds_set_nonblocking(fd);
	if (connect(fd, &to.sa, rds_addr_len(&to)) && errno != EINPROGRESS)
		error = errno;
	else if (wait_for(fd, POLLOUT, deadline))
		error = errno;
	else
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	if (!error)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

void wire_reset(int fd)
{
	struct linger linger = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}

int wire_send_bytes(int fd, const void *bytes, size_t length)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	const uint8_t *next = bytes;
	ssize_t sent;

	while (length) {
		sent = send(fd, next, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && (errno != EAGAIN || wait_for(fd, POLLOUT, deadline)))
			return -1;
		if (sent > 0) {
			next += sent;
			length -= (size_t)sent;
		}
	}
	return 0;
}

int wire_send_header(int fd, const struct frame *frame)
{
	uint8_t header[FRAME_HEADER];

	frame_encode(frame, header);
	return wire_send_bytes(fd, header, sizeof(header));
}

int wire_send(int fd, const struct frame *frame, const void *payload)
{
	static const uint8_t zeroes[1 << 20];

	if (wire_send_header(fd, frame))
		return -1;
	return wire_send_bytes(fd, payload ? payload : zeroes, frame->len);
}

int wire_send_map(int fd)
{
	struct frame map = { .flags = FRAME_MAP, .len = FRAME_MAP_BYTES };

	return wire_send(fd, &map, NULL);
}

int wire_receive_bytes(int fd, uint8_t *to, size_t length, struct deadline deadline)
{
	uint8_t sink[4096];
	ssize_t got;

	while (length) {
		size_t part = to || length < sizeof(sink) ? length : sizeof(sink);

		got = recv(fd, to ? to : sink, part, MSG_DONTWAIT);
		if (!got)
			errno = ECONNRESET;
		if (!got || (got < 0 && (errno != EAGAIN || wait_for(fd, POLLIN, deadline))))
			return -1;
		if (got > 0) {
			to = to ? to + got : NULL;
			length -= (size_t)got;
		}
	}
	return 0;
}

int wire_receive_header(int fd, struct frame *frame, struct deadline deadline)
{
	uint8_t header[FRAME_HEADER];

	if (wire_receive_bytes(fd, header, sizeof(header), deadline))
		return -1;
	frame_decode(header, frame);
	if (frame->len > 1 << 20) {
		errno = EPROTO;
		return -1;
	}
	return 0;
}

int wire_receive(int fd, struct frame *frame, uint8_t *payload, struct deadline deadline)
{
	if (wire_receive_header(fd, frame, deadline))
		return -1;
	return wire_receive_bytes(fd, payload, frame->len, deadline);
}

enum wire_end wire_wait_end(int fd, struct deadline deadline)
{
	uint8_t sink[4096];
	ssize_t got;

	for (;;) {
		got = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);
		if (!got)
			return WIRE_FIN;
		if (got < 0 && errno != EAGAIN)
			return WIRE_RESET;
		if (got < 0 && wait_for(fd, POLLIN, deadline))
			return WIRE_OPEN;
	}
}

bool wire_wait_acked(int fd, struct deadline deadline)
{
	int left = 1;

	while (!ioctl(fd, SIOCOUTQ, &left) && left && !deadline_over(&deadline))
		deadline_step();
	return !left;
}
