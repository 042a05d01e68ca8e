// SPDX-License-Identifier: GPL-2.0
/* Rows 25 to 40: sending without control messages, and what arrives. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "conf.h"
#include "diag.h"
#include "pattern.h"
#include "zc.h"

#define S RDS_DEFAULT_SPACE

static char big[PATTERN_MAX + 1];

/* A socket of A with the classic send buffer, whatever the kernel's default. */
static struct ends ends_classic(void **state)
{
	struct ends ends = conf_ends(state);

	assert_int_equal(rds_set_buffers(ends.tx, S, 0), 0);
	return ends;
}

static void row_025__other_flags_are_eopnotsupp(void **state)
{
	static const int refused[] = { MSG_MORE, MSG_OOB, MSG_CONFIRM, MSG_DONTROUTE };
	static const int harmless[] = { MSG_NOSIGNAL, MSG_EOR };
	struct ends ends = conf_ends(state);
	union rds_addr bad = rds_addr("0.0.0.0", 9);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		answers(rds_send(ends.tx, "x", 1, &ends.far, refused[i]), EOPNOTSUPP);
		answers(rds_send(ends.tx, "x", 1, &bad, refused[i]), EOPNOTSUPP);
	}
	for (i = 0; i < ARRAY_SIZE(harmless); i++) {
		answers(rds_send(ends.tx, "x", 1, &ends.far, harmless[i]), EITHER(0, EOPNOTSUPP));
		answers(rds_send(ends.tx, "x", 1, &bad, harmless[i]), EITHER(EINVAL, EOPNOTSUPP));
	}
}

static void row_026__payload_over_s_is_emsgsize(void **state)
{
	struct ends ends = ends_classic(state);

	answers(rds_send(ends.tx, big, S + 1, &ends.far, 0), EMSGSIZE);
	returns(rds_send(ends.tx, big, S, &ends.far, 0), S);
	conf_wait_drained(ends.tx);
	assert_int_equal(conf_sysctl(netns_here(), "net/core/wmem_max", 4 << 20), 0);
	answers(rds_set(ends.tx, SOL_SOCKET, SO_SNDBUF, 2 << 20), 0);
	returns(rds_send(ends.tx, big, 1 << 20, &ends.far, 0), 1 << 20);
	answers(rds_send(ends.tx, big, (1 << 20) + 1, &ends.far, 0), EMSGSIZE);
}

static void row_027__order_of_the_checks(void **state)
{
	struct ends ends = ends_classic(state);
	int unbound = conf_socket(ends.topology, &ends.topology->ns[0]);
	struct control unknown = { 0 };

	control_add(&unknown, SOL_RDS, 99, "data", 4);
	answers(rds_send(unbound, big, sizeof(big), &ends.far, 0), ENOTCONN);
	answers(control_send(ends.tx, big, S + 1, &ends.far, &unknown, 0), EMSGSIZE);
	answers(control_send(ends.tx, big, 1, &ends.far, &unknown, 0), EINVAL);
}

static void row_028__empty_messages(void **state)
{
	struct ends ends = conf_ends(state);
	struct got got;
	char room[8];

	returns(sendto(ends.tx, NULL, 0, 0, &ends.far.sa, 16), 0);
	got = get(ends.rx, room, sizeof(room), 0, 0);
	returns(got.bytes, 0);
	assert_int_equal(got.name_length, 16);
	assert_true(rds_addr_equal(&got.from, &ends.near));
	assert_int_equal(got.flags & (MSG_TRUNC | MSG_CTRUNC), 0);
}

static ssize_t send_vector(const struct ends *ends, struct iovec *iov, size_t count)
{
	struct msghdr message = {
		.msg_name = (void *)&ends->far,
		.msg_namelen = rds_addr_len(&ends->far),
		.msg_iov = iov,
		.msg_iovlen = count,
	};

	return sendmsg(ends->tx, &message, 0);
}

static void row_029__vectors(void **state)
{
	struct ends ends = conf_ends(state);
	struct iovec iov[1025];
	unsigned char *half = zc_half_buffer();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(iov); i++)
		iov[i] = (struct iovec){ .iov_base = big + i, .iov_len = 1 };
	pattern_fill(big, ARRAY_SIZE(iov), 4);
	answers(send_vector(&ends, iov, 1025), EMSGSIZE);
	answers(recvmsg(ends.rx, &(struct msghdr){ .msg_iov = iov, .msg_iovlen = 1025 },
			MSG_DONTWAIT), EMSGSIZE);
	answers(writev(ends.tx, iov, 1025), EINVAL);
	returns(send_vector(&ends, iov, 1024), 1024);
	receive_pattern(ends.rx, 1024, 4, &ends.near);
	answers(rds_send(ends.tx, half, 8192, &ends.far, 0), EFAULT);
	munmap(half, 4096);
	/* Nothing of it was queued: the next message is the next to arrive. */
	send_pattern(ends.tx, 9, 5, &ends.far);
	receive_pattern(ends.rx, 9, 5, &ends.near);
}

/* Two messages of 60000 bytes fill the socket. */
static void fill_two(const struct ends *ends, const union rds_addr *to)
{
	returns(rds_send(ends->tx, big, 60000, to, MSG_DONTWAIT), 60000);
	returns(rds_send(ends->tx, big, 60000, to, MSG_DONTWAIT), 60000);
	answers(rds_send(ends->tx, big, 60000, to, MSG_DONTWAIT), EAGAIN);
	answers(rds_send(ends->tx, NULL, 0, to, MSG_DONTWAIT), EAGAIN);
}

static void row_030__the_third_message_is_eagain(void **state)
{
	struct ends ends = ends_classic(state);
	union rds_addr nobody = nobody_home(ends.topology);

	fill_two(&ends, &nobody);
}

static struct ends ends_full(void **state)
{
	struct ends ends = conf_ends_cut(state);

	assert_int_equal(rds_set_buffers(ends.tx, S, 0), 0);
	fill_two(&ends, &ends.far);
	return ends;
}

static void row_031__sndtimeo_is_etimedout(void **state)
{
	struct ends ends = ends_full(state);
	uint64_t start = clock_ms();

	assert_int_equal(rds_set_timeouts(ends.tx, 200), 0);
	answers(rds_send(ends.tx, big, 100, &ends.far, 0), ETIMEDOUT);
	assert_in_range(clock_ms() - start, AT_LEAST_MS(200), 5000 * time_scale());
}

static void row_032__a_signal_is_eintr(void **state)
{
	struct ends ends = ends_full(state);
	long queued = conf_unacknowledged(ends.tx);

	interrupt_every(200);
	answers(rds_send(ends.tx, big, 100, &ends.far, 0), EINTR);
	interrupt_every(0);
	returns(conf_unacknowledged(ends.tx), queued);
}

/*
 * Up to 6.12, in-tree sleeps until the peer has told how many connections it takes, where the port
 * hashes to another than the first: 7 of 8 ports do. A signal ends the sleep, and the message goes.
 */
static void row_033__first_send_to_an_unreachable_peer(void **state)
{
	struct topology *topology = *state;
	bool sleeps = in_tree_before(7, 0), slept = false;
	union rds_addr nobody = nobody_home(topology), near;
	socklen_t length = sizeof(int);
	uint64_t start;
	int fd = -1, error = -1, i;

	interrupt_every(3000);
	for (i = 0; i < (sleeps ? 16 : 1) && !slept; i++) {
		near = rds_addr_port(&topology->near[0], 5100 + i);
		fd = topology_socket(topology, &topology->ns[0], &near);
		start = clock_ms();
		returns(rds_send(fd, big, 100, &nobody, 0), 100);
		slept = clock_ms() - start > 2000;
	}
	interrupt_every(0);
	assert_int_equal(slept, sleeps);
	assert_int_equal(rds_wait(fd, POLLOUT, deadline_in(300)) & POLLERR, 0);
	answers(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
	assert_int_equal(error, 0);
}

static int cancel(int fd, const union rds_addr *to, socklen_t length)
{
	return setsockopt(fd, SOL_RDS, RDS_CANCEL_SENT_TO, to, length);
}

static void row_034__cancel_frees_the_queue(void **state)
{
	struct ends ends = ends_classic(state);
	union rds_addr nobody = nobody_home(ends.topology);

	fill_two(&ends, &nobody);
	assert_int_equal(rds_wait(ends.tx, POLLOUT, deadline_in(100)) & POLLOUT, 0);
	answers(cancel(ends.tx, &nobody, 16), 0);
	assert_int_equal(rds_wait(ends.tx, POLLOUT, deadline_in(1000)) & POLLOUT, POLLOUT);
	returns(conf_unacknowledged(ends.tx), 0);
	returns(rds_send(ends.tx, big, 60000, &nobody, MSG_DONTWAIT), 60000);
}

/* In-tree reads any length of 28 and more as IPv6; ours looks at the family there. */
static void row_035__cancel_errnos(void **state)
{
	struct ends ends = ends_classic(state);
	union rds_addr nobody = nobody_home(ends.topology), other = rds_addr("10.77.1.98", 9);
	int unbound = conf_socket(ends.topology, &ends.topology->ns[0]);
	union rds_addr v6 = rds_addr("::ffff:10.77.1.99", 9);

	answers(cancel(unbound, &nobody, 16), ENOTCONN);
	answers(cancel(ends.tx, &nobody, 15), EINVAL);
	answers(cancel(ends.tx, &nobody, 0), EINVAL);
	answers(cancel(ends.tx, NULL, 16), EFAULT);
	fill_two(&ends, &nobody);
	answers(cancel(ends.tx, &other, 16), 0);
	other = rds_addr_port(&nobody, 10);
	answers(cancel(ends.tx, &other, 16), 0);
	returns(conf_unacknowledged(ends.tx), 120000);
	answers(cancel(ends.tx, &nobody, sizeof(nobody)), 0);
	returns(conf_unacknowledged(ends.tx), EITHER(0, 120000));
	answers(cancel(ends.tx, &v6, 28), 0);
	returns(conf_unacknowledged(ends.tx), 0);
}

static void row_036__a_port_that_nobody_has(void **state)
{
	struct ends ends = conf_ends_talked(state);
	union rds_addr unused = rds_addr_port(&ends.far, 4713);
	uint64_t before = conf_counter(ends.rx, "recv_drop_no_sock");
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	returns(rds_send(ends.tx, big, 1000, &unused, 0), 1000);
	conf_wait_drained(ends.tx);
	while (conf_counter(ends.rx, "recv_drop_no_sock") == before && !deadline_over(&deadline))
		deadline_step();
	returns(conf_counter(ends.rx, "recv_drop_no_sock") - before, 1);
}

static void row_037__there_and_back(void **state)
{
	static const size_t sizes[] = {
		0, 1, 47, 48, 49, 4095, 4096, 4097, 65535, 65536, 100000, 1 << 20, 3, 524289,
	};
	struct ends ends = conf_ends_talked(state);
	size_t i;

	assert_int_equal(rds_set_buffers(ends.tx, 4 << 20, 4 << 20), 0);
	assert_int_equal(rds_set_buffers(ends.rx, 4 << 20, 4 << 20), 0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		send_pattern(ends.tx, sizes[i], (uint32_t)i, &ends.far);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		receive_pattern(ends.rx, sizes[i], (uint32_t)i, &ends.near);
		send_pattern(ends.rx, sizes[i], (uint32_t)(1000 + i), &ends.near);
	}
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		receive_pattern(ends.tx, sizes[i], (uint32_t)(1000 + i), &ends.far);
}

static void row_038__the_link_is_down_for_a_while(void **state)
{
	unsigned int seconds = (unsigned int)suite_argument("cut", 10);
	struct ends ends = conf_ends_talked(state);
	uint32_t i;

	assert_int_equal(rds_set_buffers(ends.tx, 1 << 20, 0), 0);
	for (i = 0; i < 10; i++)
		send_pattern(ends.tx, 5000, i, &ends.far);
	topology_link(ends.topology, 0, false);
	for (; i < 20; i++)
		send_pattern(ends.tx, 5000, i, &ends.far);
	sleep(seconds);
	topology_link(ends.topology, 0, true);
	assert_int_equal(rds_set_timeouts(ends.rx, 60000), 0);
	for (i = 0; i < 20; i++)
		receive_pattern(ends.rx, 5000, i, &ends.near);
	answers(rds_recv(ends.rx, big, sizeof(big), NULL, MSG_DONTWAIT), EAGAIN);
}

/* ---- row 39 ---- */

#define TRAFFIC 300

/* Static: where the test fails, its thread is still there. */
static struct traffic {
	struct ends ends;
	char data[2000];
	uint32_t sent;
} traffic;

/* A change of the process's credentials interrupts its threads. */
static void *traffic_sends(void *unused)
{
	for (; traffic.sent < TRAFFIC; traffic.sent++) {
		pattern_fill(traffic.data, sizeof(traffic.data), traffic.sent);
		while (rds_send(traffic.ends.tx, traffic.data, sizeof(traffic.data),
				&traffic.ends.far, 0) < 0)
			if (errno != EINTR)
				return unused;
	}
	return unused;
}

/*
 * In-tree loses what TCP has acknowledged and RDS has not read when its connection ends. Ours does
 * not: the message is the next one.
 */
static uint32_t traffic_receives(const struct ends *ends, uint32_t next)
{
	static uint8_t in[sizeof(traffic.data)];
	ssize_t got = rds_recv(ends->rx, in, sizeof(in), NULL, 0);

	assert_int_equal(got, sizeof(in));
	while (in_tree() && next < TRAFFIC - 1 && pattern_check(in, sizeof(in), next) >= 0)
		next++;
	assert_int_equal(pattern_check(in, sizeof(in), next), -1);
	return next;
}

/* A write makes all connections of the namespace anew. */
static void row_039__buffer_sysctl_written_during_traffic(void **state)
{
	struct ends ends = conf_ends_talked(state);
	const struct netns *far = topology_far_ns(ends.topology, 0);
	const char *path = EITHER("net/rds_zc/tcp_rcvbuf", "net/rds/tcp/rds_tcp_rcvbuf");
	pthread_t thread;
	uint32_t next, got = 0;

	traffic.ends = ends;
	traffic.sent = 0;
	assert_int_equal(pthread_create(&thread, NULL, traffic_sends, NULL), 0);
	for (next = 0; next < TRAFFIC; next++) {
		next = traffic_receives(&ends, next);
		if (got++ % 100 == 50)
			answers(conf_sysctl(far, path, 100000 + got), 0);
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(traffic.sent, TRAFFIC);
	answers(rds_recv(ends.rx, big, sizeof(big), NULL, MSG_DONTWAIT), EAGAIN);
}

/* ---- row 40 ---- */

static void ping_enable(struct topology *topology, long value)
{
	if (in_tree())
		assert_int_equal(conf_sysctl(netns_here(), "net/rds/ping_enable", value), 0);
	else
		assert_int_equal(conf_sysctl(&topology->ns[1], "net/rds_zc/ping_enable", value), 0);
}

static void row_040__port_0_answers(void **state)
{
	struct ends ends = conf_ends_talked(state);
	union rds_addr ping = rds_addr_port(&ends.far, 0);
	uint64_t dropped;

	returns(rds_send(ends.tx, big, 0, &ping, 0), 0);
	receive_pattern(ends.tx, 0, 0, &ping);
	returns(rds_send(ends.tx, big, 100, &ping, 0), 100);
	receive_pattern(ends.tx, 0, 0, &ping);
	ping_enable(ends.topology, 0);
	dropped = conf_counter(ends.rx, "recv_drop_no_sock");
	returns(rds_send(ends.tx, big, 0, &ping, 0), 0);
	conf_wait_drained(ends.tx);
	usleep(300000);
	ping_enable(ends.topology, 1);
	answers(rds_recv(ends.tx, big, sizeof(big), NULL, MSG_DONTWAIT), EAGAIN);
	assert_true(conf_counter(ends.rx, "recv_drop_no_sock") > dropped);
}

const struct row rows_send[] = {
	ROW(STAGE_WIRE, row_025__other_flags_are_eopnotsupp),
	ROW(STAGE_WIRE, row_026__payload_over_s_is_emsgsize),
	ROW(STAGE_WIRE, row_027__order_of_the_checks),
	ROW(STAGE_WIRE, row_028__empty_messages),
	ROW(STAGE_WIRE, row_029__vectors),
	ROW(STAGE_WIRE, row_030__the_third_message_is_eagain),
	ROW(STAGE_WIRE, row_031__sndtimeo_is_etimedout),
	ROW(STAGE_WIRE, row_032__a_signal_is_eintr),
	ROW(STAGE_WIRE, row_033__first_send_to_an_unreachable_peer),
	ROW(STAGE_WIRE, row_034__cancel_frees_the_queue),
	ROW(STAGE_WIRE, row_035__cancel_errnos),
	ROW(STAGE_WIRE, row_036__a_port_that_nobody_has),
	ROW(STAGE_WIRE, row_037__there_and_back),
	ROW(STAGE_WIRE, row_038__the_link_is_down_for_a_while),
	ROW(STAGE_WIRE, row_039__buffer_sysctl_written_during_traffic),
	ROW(STAGE_WIRE, row_040__port_0_answers),
	{ 0 }
};
