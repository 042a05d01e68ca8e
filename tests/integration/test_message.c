// SPDX-License-Identifier: GPL-2.0
/* Messages: boundaries, contents, order, and the rules of sendmsg and recvmsg (no zerocopy). */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "ends.h"
#include "pattern.h"
#include "suite.h"

#define MIB (1024 * 1024)

static unsigned char out[MIB + 4096], in[MIB + 4096];

static const size_t sizes[] = {
	0, 1, 2, 3, 7, 8, 47, 48, 49, 1447, 1448, 1449, 4047, 4048, 4095, 4096, 4097, 8191, 8192,
	8193, 32767, 32768, 32769, 65483, 65535, 65536, 65537, 106495, 106496, 131072, 262143,
	524289, 1048575, 1048576,
};

#define SIZES (ARRAY_SIZE(sizes))

/* Row 37. */
static void message__every_size_there_and_back(void **state)
{
	struct ends ends = ends_open(state);
	uint32_t i;

	assert_int_equal(rds_set_buffers(ends.tx, MIB, MIB), 0);
	assert_int_equal(rds_set_buffers(ends.rx, MIB, MIB), 0);
	for (i = 0; i < SIZES; i++) {
		send_pattern(ends.tx, sizes[i], i, &ends.far);
		receive_pattern(ends.rx, sizes[i], i, &ends.near);
		send_pattern(ends.rx, sizes[i], i + 1000, &ends.near);
		receive_pattern(ends.tx, sizes[i], i + 1000, &ends.far);
	}
}

/* A length for message i: mostly small, some of many pages. */
static size_t some_length(uint32_t i)
{
	uint32_t noise = i * 2654435761u;

	return i % 16 == 15 ? noise % 60000 : (noise >> 8) % 3000;
}

struct stream {
	struct ends *ends;
	uint32_t count;
	int error;
};

static void *send_stream(void *argument)
{
	struct stream *stream = argument;
	unsigned char *buffer = malloc(65536);
	uint32_t i;
	size_t length;

	for (i = 0; i < stream->count && !stream->error; i++) {
		length = some_length(i);
		pattern_fill(buffer, length, i);
		if (rds_send(stream->ends->tx, buffer, length, &stream->ends->far, 0) < 0)
			stream->error = errno;
	}
	free(buffer);
	return NULL;
}

/* A blocking sender that runs ahead of its reader: nothing lost, doubled or out of order. */
static void message__order_from_one_sender(void **state)
{
	struct ends ends = ends_open(state);
	struct stream stream = { .ends = &ends, .count = 1000 };
	pthread_t thread;
	uint32_t i;

	assert_int_equal(pthread_create(&thread, NULL, send_stream, &stream), 0);
	for (i = 0; i < stream.count; i++)
		receive_pattern(ends.rx, some_length(i), i, &ends.near);
	pthread_join(thread, NULL);
	assert_int_equal(stream.error, 0);
	assert_fails(rds_recv(ends.rx, in, sizeof(in), NULL, MSG_DONTWAIT), EAGAIN);
}

#define SENDERS 24
#define EACH 20

static void message__many_senders_to_one(void **state)
{
	struct topology *topology = *state;
	union rds_addr far, from, addr[SENDERS];
	uint32_t next[SENDERS] = { 0 };
	int rx = topology_far(topology, &far);
	int fd[SENDERS];
	uint32_t i, j, seed;
	ssize_t got;

	for (i = 0; i < SENDERS; i++)
		fd[i] = topology_near(topology, &addr[i]);
	for (j = 0; j < EACH; j++)
		for (i = 0; i < SENDERS; i++)
			send_pattern(fd[i], 100 + i, i * EACH + j, &far);
	for (j = 0; j < SENDERS * EACH; j++) {
		got = rds_recv(rx, in, sizeof(in), &from, 0);
		for (i = 0; i < SENDERS && !rds_addr_equal(&from, &addr[i]); i++)
			;
		assert_true(i < SENDERS);
		seed = i * EACH + next[i]++;
		assert_int_equal(got, 100 + i);
		assert_int_equal(pattern_check(in, (size_t)got, seed), -1);
	}
}

static void message__goes_to_the_connected_peer(void **state)
{
	struct ends ends = ends_open(state);

	assert_int_equal(rds_connect(ends.tx, &ends.far), 0);
	send_pattern(ends.tx, 300, 3, NULL);
	receive_pattern(ends.rx, 300, 3, &ends.near);
}

static void message__to_itself(void **state)
{
	struct ends ends = ends_open(state);

	send_pattern(ends.tx, 300, 4, &ends.near);
	receive_pattern(ends.tx, 300, 4, &ends.near);
}

/* Section 16: the calls that set MSG_EOR, MSG_NOSIGNAL and MSG_BATCH work; in-tree: EOPNOTSUPP. */
static void send__calls_that_add_flags(void **state)
{
	struct ends ends = ends_open(state);
	struct iovec iov[2] = { { "ab", 2 }, { "cd", 2 } };
	struct mmsghdr many[3] = { 0 };
	int i;

	assert_int_equal(rds_connect(ends.tx, &ends.far), 0);
	assert_int_equal(write(ends.tx, "w", 1), 1);
	assert_int_equal(writev(ends.tx, iov, 2), 4);
	assert_int_equal(send(ends.tx, "s", 1, MSG_NOSIGNAL | MSG_EOR), 1);
	for (i = 0; i < 3; i++) {
		many[i].msg_hdr.msg_iov = iov;
		many[i].msg_hdr.msg_iovlen = (size_t)(i > 1 ? 2 : i);
	}
	assert_int_equal(sendmmsg(ends.tx, many, 3, 0), 3);

	assert_int_equal(read(ends.rx, in, sizeof(in)), 1);
	assert_int_equal(rds_recv(ends.rx, in, sizeof(in), NULL, 0), 4);
	assert_memory_equal(in, "abcd", 4);
	assert_int_equal(rds_recv(ends.rx, in, sizeof(in), NULL, 0), 1);
	for (i = 0; i < 3; i++)
		assert_int_equal(rds_recv(ends.rx, in, sizeof(in), NULL, 0), 2 * i);
}

/* Row 25 with section 16; the flag is looked at before the name. */
static void send__refused_flags(void **state)
{
	static const int flags[] = { MSG_MORE, MSG_OOB, MSG_CONFIRM, MSG_DONTROUTE };
	struct ends ends = ends_open(state);
	union rds_addr none = { 0 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		assert_fails(rds_send(ends.tx, "x", 1, &ends.far, flags[i]), EOPNOTSUPP);
		assert_fails(sendto(ends.tx, "x", 1, flags[i], &none.sa, 16), EOPNOTSUPP);
	}
	assert_fails(rds_recv(ends.rx, in, 1, NULL, MSG_DONTWAIT), EAGAIN);
}

/* Rows 26 and 27. */
static void send__largest_message(void **state)
{
	struct ends ends = ends_open(state);
	int unbound = netns_in(&ends.topology->ns[0], rds_socket());

	assert_fails(rds_send(unbound, out, MIB + 1, &ends.far, 0), ENOTCONN);
	close(unbound);
	assert_fails(rds_send(ends.tx, out, RDS_DEFAULT_SPACE + 1, &ends.far, 0), EMSGSIZE);
	send_pattern(ends.tx, RDS_DEFAULT_SPACE, 5, &ends.far);
	receive_pattern(ends.rx, RDS_DEFAULT_SPACE, 5, &ends.near);
	assert_int_equal(rds_set_buffers(ends.tx, 2 * MIB, 0), 0);
	assert_fails(rds_send(ends.tx, out, MIB + 1, &ends.far, 0), EMSGSIZE);
	send_pattern(ends.tx, MIB, 6, &ends.far);
	receive_pattern(ends.rx, MIB, 6, &ends.near);
}

/* Row 28. */
static void send__nothing_from_nowhere(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr from;

	assert_int_equal(sendto(ends.tx, NULL, 0, 0, &ends.far.sa, rds_addr_len(&ends.far)), 0);
	assert_int_equal(rds_recv(ends.rx, NULL, 0, &from, 0), 0);
	assert_true(rds_addr_equal(&from, &ends.near));
	assert_fails(rds_recv(ends.rx, NULL, 0, NULL, MSG_DONTWAIT), EAGAIN);
}

/* Row 29. */
static void send__many_pieces(void **state)
{
	static struct iovec iov[1025];
	struct ends ends = ends_open(state);
	struct msghdr message = {
		.msg_name = &ends.far,
		.msg_namelen = rds_addr_len(&ends.far),
		.msg_iov = iov,
	};
	size_t i, offset = 0;

	pattern_fill(out, 65536, 7);
	for (i = 0; i < 1024; i++) {
		iov[i].iov_base = out + offset;
		iov[i].iov_len = i % 97;
		offset += iov[i].iov_len;
	}
	message.msg_iovlen = 1024;
	assert_int_equal(sendmsg(ends.tx, &message, 0), offset);
	receive_pattern(ends.rx, offset, 7, &ends.near);
	message.msg_iovlen = 1025;
	assert_fails(sendmsg(ends.tx, &message, 0), EMSGSIZE);
}

/* Two pages, the second of which cannot be touched. */
static unsigned char *half_a_buffer(void)
{
	unsigned char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(pages, MAP_FAILED);
	memset(pages, 1, 8192);
	assert_int_equal(munmap(pages + 4096, 4096), 0);
	return pages;
}

static void send__unreadable_buffer(void **state)
{
	struct ends ends = ends_open(state);
	unsigned char *pages = half_a_buffer();

	assert_fails(rds_send(ends.tx, pages, 8192, &ends.far, 0), EFAULT);
	assert_fails(rds_send(ends.tx, NULL, 100, &ends.far, 0), EFAULT);
	send_pattern(ends.tx, 10, 8, &ends.far);
	receive_pattern(ends.rx, 10, 8, &ends.near);
	munmap(pages, 4096);
}

static void fill_queue(int fd, const union rds_addr *to)
{
	assert_int_equal(rds_send(fd, out, 60000, to, MSG_DONTWAIT), 60000);
	assert_int_equal(rds_send(fd, out, 60000, to, MSG_DONTWAIT), 60000);
}

/* Rows 30 and 76. */
static void queue__full_without_waiting(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr to = nobody_home(ends.topology);
	struct counters before;

	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	fill_queue(ends.tx, &to);
	assert_fails(rds_send(ends.tx, out, 60000, &to, MSG_DONTWAIT), EAGAIN);
	assert_fails(rds_send(ends.tx, out, 0, &to, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(counter_moved(&ends.topology->ns[0], &before, "send_queue_full"), 2);
}

/* Row 31. */
static void queue__full_until_timeout(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr to = nobody_home(ends.topology);
	struct timeval limit = { .tv_usec = 200000 };
	uint64_t start;

	fill_queue(ends.tx, &to);
	assert_int_equal(setsockopt(ends.tx, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	start = clock_ms();
	assert_fails(rds_send(ends.tx, out, 60000, &to, 0), ETIMEDOUT);
	assert_in_range(clock_ms() - start, AT_LEAST_MS(200), 5000 * time_scale());
}

static atomic_uint signals;

static void on_signal(int signal)
{
	(void)signal;
	signals++;
}

/* A thread that sends signals to another one, and after some of them may send it a message, too. */
struct pest {
	pthread_t victim, thread;
	atomic_bool done;
	const struct ends *ends;	/* of the message; NULL: none */
	unsigned int before_it;		/* so many signals */
};

static void *send_signals(void *argument)
{
	struct timespec pause = { .tv_nsec = 100000000 };
	struct pest *pest = argument;
	bool sent = !pest->ends;

	while (!pest->done) {
		nanosleep(&pause, NULL);
		pthread_kill(pest->victim, SIGUSR1);
		if (!sent && signals >= pest->before_it)
			sent = rds_send(pest->ends->tx, "late", 4, &pest->ends->far, 0) == 4;
	}
	return NULL;
}

static void pest_start(struct pest *pest, int sa_flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = sa_flags };

	signals = 0;
	pest->victim = pthread_self();
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	assert_int_equal(pthread_create(&pest->thread, NULL, send_signals, pest), 0);
}

static void pest_stop(struct pest *pest)
{
	pest->done = true;
	pthread_join(pest->thread, NULL);
}

/* Row 32. */
static void queue__full_until_signal(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr to = nobody_home(ends.topology);
	struct pest pest = { 0 };
	int error, rc;

	fill_queue(ends.tx, &to);
	assert_int_equal(rds_set_timeouts(ends.tx, 0), 0);
	pest_start(&pest, 0);
	rc = (int)rds_send(ends.tx, out, 60000, &to, 0);
	error = errno;
	pest_stop(&pest);
	assert_int_equal(rc, -1);
	assert_int_equal(error, EINTR);
	assert_fails(rds_send(ends.tx, out, 60000, &to, MSG_DONTWAIT), EAGAIN);
}

/* Row 33. */
static void unreachable__first_send_returns_at_once(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr to = nobody_home(ends.topology);
	uint64_t start = clock_ms();
	socklen_t length = sizeof(int);
	int error = -1;

	assert_int_equal(rds_send(ends.tx, out, 1000, &to, 0), 1000);
	assert_true(clock_ms() - start < 1000 * time_scale());
	assert_int_equal(rds_wait(ends.tx, POLLIN, deadline_in(300)) & POLLERR, 0);
	assert_int_equal(getsockopt(ends.tx, SOL_SOCKET, SO_ERROR, &error, &length), 0);
	assert_int_equal(error, 0);
}

/* Rows 34 and 35. */
static void cancel__frees_the_queue(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr to = nobody_home(ends.topology);
	union rds_addr other = rds_addr_port(&to, 10);
	socklen_t length = rds_addr_len(&to);
	int unbound = netns_in(&ends.topology->ns[0], rds_socket());

	fill_queue(ends.tx, &to);
	assert_fails(setsockopt(unbound, SOL_RDS, RDS_CANCEL_SENT_TO, &to, length), ENOTCONN);
	close(unbound);
	assert_fails(setsockopt(ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &to, 15), EINVAL);
	assert_int_equal(setsockopt(ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &other, length), 0);
	assert_fails(rds_send(ends.tx, out, 60000, &to, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(rds_wait(ends.tx, POLLOUT, deadline_in(0)) & POLLOUT, 0);
	assert_int_equal(setsockopt(ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &to, length), 0);
	assert_int_equal(rds_wait(ends.tx, POLLOUT, deadline_in(1000)) & POLLOUT, POLLOUT);
	fill_queue(ends.tx, &to);
}

/* Row 36. */
static void port__nobody_listens(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = topology_far_ns(ends.topology, 0);
	union rds_addr to = rds_addr_port(&ends.far, rds_port(&ends.far) == 7 ? 8 : 7);
	struct counters before;
	int i;

	assert_int_equal(counters_read(ns, &before), 0);
	for (i = 0; i < 5; i++)
		send_pattern(ends.tx, 60000, 1, &to);
	assert_true(counter_wait(ns, &before, "recv_drop_no_sock", 5,
				 deadline_in(DEADLINE_USUAL_MS)));
	send_pattern(ends.tx, 10, 9, &ends.far);
	receive_pattern(ends.rx, 10, 9, &ends.near);
}

/* Row 40. */
static void port__zero_answers(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr to = rds_addr_port(&ends.far, 0);
	union rds_addr from;

	assert_int_equal(rds_send(ends.tx, NULL, 0, &to, 0), 0);
	assert_int_equal(rds_recv(ends.tx, in, sizeof(in), &from, 0), 0);
	assert_true(rds_addr_equal(&from, &to));
}

/* A send with one control message made by hand. */
static ssize_t send_with_cmsg(const struct ends *ends, int level, int type, size_t cmsg_len,
			      size_t controllen)
{
	union {
		char space[128];
		struct cmsghdr header;
	} control = { .header = { .cmsg_len = cmsg_len, .cmsg_level = level, .cmsg_type = type } };
	struct iovec iov = { "x", 1 };
	struct msghdr message = {
		.msg_name = (void *)&ends->far,
		.msg_namelen = rds_addr_len(&ends->far),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = controllen,
	};

	return sendmsg(ends->tx, &message, 0);
}

/* Row 41. */
static void cmsg__malformed(void **state)
{
	struct ends ends = ends_open(state);

	assert_fails(send_with_cmsg(&ends, SOL_RDS, 1, 15, 24), EINVAL);
	assert_fails(send_with_cmsg(&ends, SOL_SOCKET, 99, 15, 24), EINVAL);
	assert_fails(send_with_cmsg(&ends, SOL_SOCKET, 99, 25, 24), EINVAL);
	assert_int_equal(send_with_cmsg(&ends, SOL_SOCKET, 99, 24, 24), 1);
	assert_int_equal(rds_recv(ends.rx, in, 10, NULL, 0), 1);
}

/* Rows 42 to 44: unknown types, and RDMA, which no transport here can do. */
static void cmsg__refused_types(void **state)
{
	static const int unknown[] = { 0, 4, 5, 10, 11, 13, 14 };
	struct ends ends = ends_open(state);
	struct counters before;
	size_t i;

	assert_int_equal(counters_read(&ends.topology->ns[0], &before), 0);
	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		assert_fails(send_with_cmsg(&ends, SOL_RDS, unknown[i], CMSG_LEN(64),
					    CMSG_SPACE(64)), EINVAL);
	assert_fails(send_with_cmsg(&ends, SOL_RDS, RDS_CMSG_RDMA_ARGS, CMSG_LEN(55),
				    CMSG_SPACE(55)), EINVAL);
	assert_fails(send_with_cmsg(&ends, SOL_RDS, RDS_CMSG_RDMA_MAP, CMSG_LEN(31),
				    CMSG_SPACE(31)), EINVAL);
	assert_fails(send_with_cmsg(&ends, SOL_RDS, RDS_CMSG_RDMA_MAP, CMSG_LEN(32),
				    CMSG_SPACE(32)), EOPNOTSUPP);
	assert_fails(send_with_cmsg(&ends, SOL_RDS, RDS_CMSG_ATOMIC_FADD, CMSG_LEN(71),
				    CMSG_SPACE(71)), EINVAL);
	assert_fails(send_with_cmsg(&ends, SOL_RDS, RDS_CMSG_ATOMIC_FADD, CMSG_LEN(72),
				    CMSG_SPACE(72)), EOPNOTSUPP);
	assert_fails(rds_recv(ends.rx, in, 1, NULL, MSG_DONTWAIT), EAGAIN);
}

/* Row 65. */
static void receive__out_of_band(void **state)
{
	struct ends ends = ends_open(state);

	send_pattern(ends.tx, 100, 10, &ends.far);
	assert_true(rds_wait(ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	assert_int_equal(rds_recv(ends.rx, in, 100, NULL, MSG_OOB), 0);
	receive_pattern(ends.rx, 100, 10, &ends.near);
}

/* Row 66. */
static void receive__nothing_there(void **state)
{
	struct ends ends = ends_open(state);
	struct timeval limit = { .tv_usec = 100000 };
	int unbound = netns_in(&ends.topology->ns[0], rds_socket());
	uint64_t start;

	assert_fails(rds_recv(ends.rx, in, 1, NULL, MSG_DONTWAIT), EAGAIN);
	assert_fails(rds_recv(unbound, in, 1, NULL, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(rds_set_nonblocking(unbound), 0);
	assert_fails(rds_recv(unbound, in, 1, NULL, 0), EAGAIN);
	close(unbound);
	assert_int_equal(setsockopt(ends.rx, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	start = clock_ms();
	assert_fails(rds_recv(ends.rx, in, 1, NULL, 0), ETIMEDOUT);
	assert_in_range(clock_ms() - start, AT_LEAST_MS(100), 5000 * time_scale());
}

/* Rows 67 and 69: what does not fit is gone, the next message is not. */
static void receive__short_buffer(void **state)
{
	struct ends ends = ends_open(state);
	struct iovec iov = { in, 10 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	int i;

	for (i = 0; i < 4; i++)
		send_pattern(ends.tx, 100, 11, &ends.far);
	assert_int_equal(recvmsg(ends.rx, &message, 0), 10);
	assert_true(message.msg_flags & MSG_TRUNC);
	assert_int_equal(pattern_check(in, 10, 11), -1);
	assert_int_equal(recvmsg(ends.rx, &message, MSG_TRUNC), 100);
	assert_true(message.msg_flags & MSG_TRUNC);
	message.msg_iovlen = 0;
	assert_int_equal(recvmsg(ends.rx, &message, 0), 0);
	assert_true(message.msg_flags & MSG_TRUNC);
	receive_pattern(ends.rx, 100, 11, &ends.near);
	assert_fails(rds_recv(ends.rx, in, 1, NULL, MSG_DONTWAIT), EAGAIN);
}

/* Row 68. */
static void receive__peek(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr from;

	send_pattern(ends.tx, 100, 12, &ends.far);
	assert_int_equal(rds_recv(ends.rx, in, 100, &from, MSG_PEEK), 100);
	assert_int_equal(pattern_check(in, 100, 12), -1);
	assert_true(rds_addr_equal(&from, &ends.near));
	assert_int_equal(rds_recv(ends.rx, in, 7, NULL, MSG_PEEK), 7);
	assert_int_equal(rds_recv(ends.rx, NULL, 0, NULL, MSG_PEEK | MSG_TRUNC), 100);
	receive_pattern(ends.rx, 100, 12, &ends.near);
}

/* Row 70. */
static void receive__name_in_a_short_buffer(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr from;
	socklen_t length = 8;
	unsigned char *bytes = (unsigned char *)&from;

	send_pattern(ends.tx, 1, 1, &ends.far);
	memset(&from, 0xff, sizeof(from));
	assert_int_equal(recvfrom(ends.rx, in, 1, 0, &from.sa, &length), 1);
	assert_int_equal(length, rds_addr_len(&ends.near));
	assert_memory_equal(&from, &ends.near, 8);
	assert_int_equal(bytes[8], 0xff);
	send_pattern(ends.tx, 1, 1, &ends.far);
	memset(&from, 0xff, sizeof(from));
	length = sizeof(from);
	assert_int_equal(recvfrom(ends.rx, in, 1, 0, &from.sa, &length), 1);
	assert_int_equal(length, rds_addr_len(&ends.near));
	assert_memory_equal(&from, &ends.near, length);
	assert_int_equal(bytes[length], 0xff);
}

/* Row 72. */
static void receive__unwritable_buffer(void **state)
{
	struct ends ends = ends_open(state);
	unsigned char *pages = half_a_buffer();

	send_pattern(ends.tx, 8000, 13, &ends.far);
	assert_fails(rds_recv(ends.rx, pages, 8192, NULL, 0), EFAULT);
	receive_pattern(ends.rx, 8000, 13, &ends.near);
	munmap(pages, 4096);
}

/* Receives one message with a control buffer of some size; returns its first cmsg's type or -1. */
static int receive_with_control(int fd, size_t room, struct timeval *stamp, int *flags)
{
	union {
		char space[256];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { in, sizeof(in) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = room ? &control : NULL,
		.msg_controllen = room,
	};
	struct cmsghdr *cmsg;

	assert_int_equal(recvmsg(fd, &message, 0), 100);
	*flags = message.msg_flags;
	cmsg = CMSG_FIRSTHDR(&message);
	if (!cmsg || message.msg_controllen < sizeof(*cmsg))
		return -1;
	assert_int_equal(cmsg->cmsg_level, SOL_SOCKET);
	if (cmsg->cmsg_len >= CMSG_LEN(sizeof(*stamp)))
		memcpy(stamp, CMSG_DATA(cmsg), sizeof(*stamp));
	return cmsg->cmsg_type;
}

static void assert_near_now(const struct timeval *stamp)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	assert_in_range(now.tv_sec - stamp->tv_sec, 0, 60);
	assert_in_range(stamp->tv_usec, 0, 999999);
}

/* Rows 73 and 75. */
static void timestamp__with_each_message(void **state)
{
	static const struct { int level, option; } ways[] = {
		{ SOL_SOCKET, 29 }, { SOL_RDS, 29 }, { SOL_SOCKET, 63 }, { SOL_RDS, 63 },
	};
	struct ends ends = ends_open(state);
	struct timeval stamp;
	int flags;
	size_t i;

	send_pattern(ends.tx, 100, 14, &ends.far);
	assert_true(rds_wait(ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		assert_int_equal(rds_set(ends.rx, ways[i].level, ways[i].option, 1), 0);
		if (!i)		/* it came before anybody asked */
			assert_int_equal(receive_with_control(ends.rx, 128, &stamp, &flags), -1);
		send_pattern(ends.tx, 100, 14, &ends.far);
		assert_int_equal(receive_with_control(ends.rx, 128, &stamp, &flags),
				 ways[i].option);
		assert_near_now(&stamp);
	}
	send_pattern(ends.tx, 100, 14, &ends.far);
	receive_with_control(ends.rx, sizeof(struct cmsghdr) - 1, &stamp, &flags);
	assert_true(flags & MSG_CTRUNC);
	assert_int_equal(pattern_check(in, 100, 14), -1);
	assert_fails(setsockopt(ends.rx, SOL_RDS, 29, &flags, 3), EFAULT);
}

/* Row 74. */
static void latency__record(void **state)
{
	struct rds_rx_trace_so ask = { .rx_traces = 3, .rx_trace_pos = { 0, 1, 2 } };
	union {
		char space[128];
		struct cmsghdr align;
	} control;
	struct iovec iov = { in, sizeof(in) };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct ends ends = ends_open(state);
	struct cmsghdr *cmsg;

	assert_int_equal(setsockopt(ends.rx, SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &ask,
				    sizeof(ask)), 0);
	send_pattern(ends.tx, 100, 15, &ends.far);
	assert_int_equal(recvmsg(ends.rx, &message, 0), 100);
	cmsg = CMSG_FIRSTHDR(&message);
	assert_non_null(cmsg);
	assert_int_equal(cmsg->cmsg_level, SOL_RDS);
	assert_int_equal(cmsg->cmsg_type, RDS_CMSG_RXPATH_LATENCY);
	assert_int_equal(cmsg->cmsg_len, CMSG_LEN(32));
	ask.rx_traces = 4;
	assert_fails(setsockopt(ends.rx, SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &ask, sizeof(ask)),
		     EFAULT);
	ask.rx_traces = 1;
	ask.rx_trace_pos[0] = 3;
	assert_fails(setsockopt(ends.rx, SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &ask, sizeof(ask)),
		     EFAULT);
	assert_fails(setsockopt(ends.rx, SOL_RDS, SO_RDS_MSG_RXPATH_LATENCY, &ask, 3), EFAULT);
}

struct late_sender {
	struct ends *ends;
	ssize_t rc;
};

static void *send_later(void *argument)
{
	struct late_sender *late = argument;
	struct timespec pause = { .tv_nsec = 200000000 };

	nanosleep(&pause, NULL);
	late->rc = rds_send(late->ends->tx, "late", 4, &late->ends->far, 0);
	return NULL;
}

static void receive__sleeps_until_data(void **state)
{
	struct ends ends = ends_open(state);
	struct late_sender late = { .ends = &ends };
	uint64_t start = clock_ms();
	pthread_t thread;

	assert_int_equal(rds_set_timeouts(ends.rx, 0), 0);	/* nothing else wakes it */
	assert_int_equal(pthread_create(&thread, NULL, send_later, &late), 0);
	assert_int_equal(rds_recv(ends.rx, in, 10, NULL, 0), 4);
	assert_true(clock_ms() - start >= 100);
	pthread_join(thread, NULL);
	assert_int_equal(late.rc, 4);
}

#define SOME_SIGNALS 3		/* then the message that a restarted call waits for */
#define TOO_MANY_SIGNALS 100	/* then the message that ends a call which no signal ends */

/* Sleeps until a signal or a message; 0 for one of the message, or the errno. */
static int receive_among_signals(const struct ends *ends, int sa_flags, unsigned int timeout_ms,
				 unsigned int before_it)
{
	struct pest pest = { .ends = ends, .before_it = before_it };
	ssize_t got;
	int error;

	assert_int_equal(rds_set_timeouts(ends->rx, timeout_ms), 0);
	pest_start(&pest, sa_flags);
	got = rds_recv(ends->rx, in, 10, NULL, 0);
	error = errno;
	pest_stop(&pest);
	if (got < 0)
		return error;
	assert_int_equal(got, 4);
	assert_true(signals >= before_it);
	return 0;
}

/*
 * With SA_RESTART the call goes on, as signal(7) has it, but not where it has a timeout, which
 * would begin anew each time.
 */
static void receive__sleeps_until_signal(void **state)
{
	struct ends ends = ends_open(state);

	assert_int_equal(receive_among_signals(&ends, 0, 0, TOO_MANY_SIGNALS), EINTR);
	assert_int_equal(receive_among_signals(&ends, 0, 5 * DEADLINE_USUAL_MS, TOO_MANY_SIGNALS),
			 EINTR);
	assert_int_equal(receive_among_signals(&ends, SA_RESTART, 5 * DEADLINE_USUAL_MS,
					       TOO_MANY_SIGNALS), EINTR);
	assert_int_equal(receive_among_signals(&ends, SA_RESTART, 0, SOME_SIGNALS), 0);
	/* None was taken on the way. */
	send_pattern(ends.tx, 100, 20, &ends.far);
	receive_pattern(ends.rx, 100, 20, &ends.near);
}

/* Bytes that are not of any message never show: a short message after a long one. */
static void receive__leaves_the_rest_of_the_buffer(void **state)
{
	struct ends ends = ends_open(state);
	size_t i;

	send_pattern(ends.tx, 9000, 16, &ends.far);
	send_pattern(ends.tx, 10, 17, &ends.far);
	receive_pattern(ends.rx, 9000, 16, &ends.near);
	memset(in, 0x5a, 9000);
	receive_pattern(ends.rx, 10, 17, &ends.near);
	for (i = 10; i < 9000; i++)
		assert_int_equal(in[i], 0x5a);
}

static void close__with_unread_messages(void **state)
{
	struct ends ends = ends_open(state);
	int i;

	for (i = 0; i < 10; i++)
		send_pattern(ends.tx, 10000, 18, &ends.far);
	assert_true(rds_wait(ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	topology_close(ends.topology, ends.rx);
	topology_close(ends.topology, ends.tx);
	ends.tx = topology_near(ends.topology, &ends.near);
	ends.rx = topology_far(ends.topology, &ends.far);
	send_pattern(ends.tx, 10, 19, &ends.far);
	receive_pattern(ends.rx, 10, 19, &ends.near);
}

static void add_sending(struct suite *suite)
{
	SUITE_ADD(suite, message__every_size_there_and_back, variants_basic);
	SUITE_ADD(suite, message__order_from_one_sender, variants_basic);
	SUITE_ADD(suite, message__many_senders_to_one, variants_basic);
	SUITE_ADD(suite, message__goes_to_the_connected_peer, variants_basic);
	SUITE_ADD(suite, message__to_itself, variants_basic);
	SUITE_ADD(suite, send__calls_that_add_flags, variants_any_each);
	SUITE_ADD(suite, send__refused_flags, variants_any_each);
	SUITE_ADD(suite, send__largest_message, variants_any_each);
	SUITE_ADD(suite, send__nothing_from_nowhere, variants_basic);
	SUITE_ADD(suite, send__many_pieces, variants_any_each);
	SUITE_ADD(suite, send__unreadable_buffer, variants_any_each);
	SUITE_ADD(suite, queue__full_without_waiting, variants_wire_each);
	SUITE_ADD(suite, queue__full_until_timeout, variants_one_each);
	SUITE_ADD(suite, queue__full_until_signal, variants_one_each);
	SUITE_ADD(suite, unreachable__first_send_returns_at_once, variants_wire_each);
	SUITE_ADD(suite, cancel__frees_the_queue, variants_wire_each);
	SUITE_ADD(suite, port__nobody_listens, variants_basic);
	SUITE_ADD(suite, port__zero_answers, variants_basic);
	SUITE_ADD(suite, cmsg__malformed, variants_any_each);
	SUITE_ADD(suite, cmsg__refused_types, variants_any_each);
}

static void add_receiving(struct suite *suite)
{
	SUITE_ADD(suite, receive__out_of_band, variants_basic);
	SUITE_ADD(suite, receive__nothing_there, variants_any_each);
	SUITE_ADD(suite, receive__short_buffer, variants_any_each);
	SUITE_ADD(suite, receive__peek, variants_basic);
	SUITE_ADD(suite, receive__name_in_a_short_buffer, variants_basic);
	SUITE_ADD(suite, receive__unwritable_buffer, variants_any_each);
	SUITE_ADD(suite, timestamp__with_each_message, variants_any_each);
	SUITE_ADD(suite, latency__record, variants_any_each);
	SUITE_ADD(suite, receive__sleeps_until_data, variants_basic);
	SUITE_ADD(suite, receive__sleeps_until_signal, variants_any_each);
	SUITE_ADD(suite, receive__leaves_the_rest_of_the_buffer, variants_basic);
	SUITE_ADD(suite, close__with_unread_messages, variants_basic);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "message" };

	add_sending(&suite);
	add_receiving(&suite);
	return suite_run(&suite, argc, argv);
}
