// SPDX-License-Identifier: GPL-2.0
/*
 * What the checklist has no row for: faults of the in-tree stack, each with what ours does (bug_NN
 * is the number in the list of known faults), options of the core, and what the counters count.
 */
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/rds_zc.h>

#include "conf.h"
#include "cred.h"
#include "diag.h"
#include "link.h"
#include "pattern.h"
#include "reap.h"
#include "zc.h"

#define R 40000
#define PIECE 4000

static char data[8192];

/* ---- cookies ---- */

static struct ends zerocopy_ends(void **state, unsigned char **buffer)
{
	struct ends ends = conf_ends(state);

	conf_zerocopy(ends.tx, RDSZC_COMPLETION_CMSG);
	*buffer = zc_buffer(4096);
	assert_non_null(*buffer);
	return ends;
}

static void send_cookies(const struct ends *ends, const unsigned char *buffer, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		conf_send_zc(ends, buffer, 4096, i);
	conf_wait_drained(ends->tx);
	assert_true(rds_wait(ends->tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	usleep(500000);
}

/* In-tree fills only the first batch that waits; each cookie after it makes a batch of its own. */
static void bug_08__cookies_behind_a_full_batch(void **state)
{
	unsigned char *buffer;
	struct ends ends = zerocopy_ends(state, &buffer);
	uint32_t list[32], i;

	send_cookies(&ends, buffer, 20);
	assert_int_equal(reap_by_cmsg(ends.tx, NULL, 0, list, 1, MSG_DONTWAIT).cookies, 8);
	assert_int_equal(reap_by_cmsg(ends.tx, NULL, 0, list + 8, 1, MSG_DONTWAIT).cookies,
			 EITHER(8, 1));
	if (!in_tree()) {
		assert_int_equal(reap_by_cmsg(ends.tx, NULL, 0, list + 16, 2, MSG_DONTWAIT).cookies,
				 4);
		for (i = 0; i < 20; i++)
			assert_int_equal(list[i], i);
	}
	zc_buffer_free(buffer, 4096);
}

static void bug_09__cookies_after_zerocopy_was_switched_off(void **state)
{
	unsigned char *buffer;
	struct ends ends = zerocopy_ends(state, &buffer);
	uint32_t list[8];

	send_cookies(&ends, buffer, 1);
	answers(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 0), 0);
	assert_int_equal(conf_events(ends.tx) & POLLIN, POLLIN);
	answers(reap_by_cmsg(ends.tx, NULL, 0, list, 1, MSG_DONTWAIT).bytes, EITHER(0, EAGAIN));
	assert_int_equal(conf_events(ends.tx) & POLLIN, EITHER(0, POLLIN));
	zc_buffer_free(buffer, 4096);
}

static void bug_11__peeking_takes_cookies(void **state)
{
	unsigned char *buffer;
	struct ends ends = zerocopy_ends(state, &buffer);
	uint32_t list[8];

	send_cookies(&ends, buffer, 1);
	returns(reap_by_cmsg(ends.tx, NULL, 0, list, 1, MSG_DONTWAIT | MSG_PEEK).bytes, 0);
	answers(reap_by_cmsg(ends.tx, NULL, 0, list, 1, MSG_DONTWAIT).bytes, EITHER(0, EAGAIN));
	zc_buffer_free(buffer, 4096);
}

/* ---- congestion ---- */

static void fill(const struct ends *ends)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (rds_send(ends->tx, data, PIECE, &ends->far, MSG_DONTWAIT) > 0 || errno == EAGAIN) {
		if (deadline_over(&deadline))
			fail_msg("never congested");
		usleep(2000);
	}
	assert_int_equal(errno, ENOBUFS);
	conf_wait_drained(ends->tx);
}

static struct ends congested(void **state)
{
	struct ends ends = conf_ends_talked(state);

	assert_int_equal(rds_set_buffers(ends.rx, 0, R), 0);
	fill(&ends);
	return ends;
}

static void drain(int fd)
{
	while (rds_recv(fd, data, sizeof(data), NULL, MSG_DONTWAIT) >= 0)
		continue;
	usleep(300000);
}

static void bug_12__a_notification_without_control_room(void **state)
{
	struct ends ends = congested(state);
	struct got got;

	answers(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 1), 0);
	answers(rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT), ENOBUFS);
	drain(ends.rx);
	answers((got = get(ends.tx, data, sizeof(data), 0, MSG_DONTWAIT)).bytes, EITHER(EAGAIN, 0));
	answers(get(ends.tx, data, sizeof(data), 256, MSG_DONTWAIT).bytes, EITHER(0, EAGAIN));
	answers(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 0), 0);
}

/* Ours returns the data behind it and counts that; in-tree drops the notification in its place. */
static void bug_12__data_behind_a_notification_without_room(void **state)
{
	struct ends ends = congested(state);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint64_t before = EITHER(conf_counter(ends.tx, "cong_notify_no_room"), 0);
	struct got got;

	answers(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 1), 0);
	answers(rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT), ENOBUFS);
	drain(ends.rx);
	send_pattern(ends.rx, 100, 7, &ends.near);
	conf_wait_drained(ends.rx);
	do {
		got = get(ends.tx, data, sizeof(data), 0, MSG_DONTWAIT);
	} while (got.bytes < 0 && errno == EAGAIN && !deadline_over(&deadline));
	returns(got.bytes, EITHER(100, 0));
	if (!in_tree()) {
		assert_int_equal(pattern_check(data, 100, 7), -1);
		assert_true(rds_addr_equal(&got.from, &ends.far));
		assert_true(conf_counter(ends.tx, "cong_notify_no_room") > before);
	}
	/* What is left: the notification, or the data. */
	got = get(ends.tx, data, sizeof(data), 256, MSG_DONTWAIT);
	returns(got.bytes, EITHER(0, 100));
	assert_int_equal(got_cmsgs(&got), EITHER(1, 0));
	if (!in_tree())
		assert_non_null(got_cmsg(&got, SOL_RDS, RDS_CMSG_CONG_UPDATE));
	answers(get(ends.tx, data, sizeof(data), 256, MSG_DONTWAIT).bytes, EAGAIN);
	answers(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 0), 0);
}

static void bug_13__control_data_that_cannot_be_written(void **state)
{
	struct ends ends = conf_ends(state);
	struct iovec iov = { .iov_base = data, .iov_len = sizeof(data) };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = (void *)64, .msg_controllen = 256,
	};

	answers(rds_set(ends.rx, SOL_SOCKET, SO_TIMESTAMP, 1), 0);
	send_pattern(ends.tx, 10, 1, &ends.far);
	answers(recvmsg(ends.rx, &message, 0), EFAULT);
	if (in_tree())
		answers(rds_recv(ends.rx, data, sizeof(data), NULL, MSG_DONTWAIT), EAGAIN);
	else
		receive_pattern(ends.rx, 10, 1, &ends.near);
}

static void bug_14__the_first_poll(void **state)
{
	struct ends ends = conf_ends_talked(state);
	int fd = conf_socket(ends.topology, &ends.topology->ns[0]);

	assert_int_equal(conf_events(fd) & ~(POLLOUT | POLLWRNORM),
			 EITHER(0, POLLIN | POLLRDNORM | POLLWRBAND));
	assert_int_equal(conf_events(fd), POLLOUT | POLLWRNORM);
}

/* In-tree, a port that clears wakes an epoll user only in monitor mode. */
static void bug_15__epoll_without_the_monitor(void **state)
{
	struct ends ends = conf_ends_talked(state);
	struct epoll_event event = { .events = EPOLLWRBAND | EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, ends.tx, &event), 0);
	assert_int_equal(rds_set_buffers(ends.rx, 0, R), 0);
	fill(&ends);
	usleep(300000);
	epoll_wait(epoll, &event, 1, 0);
	/* Whoever was woken for another reason tries again, as programs do. */
	answers(rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT), ENOBUFS);
	drain(ends.rx);
	assert_int_equal(epoll_wait(epoll, &event, 1, 500), EITHER(1, 0));
	close(epoll);
}

static void bug_16__sndtimeo_and_congestion(void **state)
{
	struct ends ends = congested(state);
	uint64_t start = clock_ms();

	assert_int_equal(rds_set_timeouts(ends.tx, 300), 0);
	interrupt_every(2000 * time_scale());
	answers(rds_send(ends.tx, data, PIECE, &ends.far, 0), EITHER(ETIMEDOUT, EINTR));
	interrupt_every(0);
	assert_true(clock_ms() - start >= EITHER(290, 1900));
}

static void bug_17__monitor_off_on_a_congested_receiver(void **state)
{
	struct ends ends = congested(state);

	answers(rds_set(ends.rx, SOL_RDS, RDS_CONG_MONITOR, 1), 0);
	answers(rds_set(ends.rx, SOL_RDS, RDS_CONG_MONITOR, 0), 0);
	usleep(300000);
	answers(rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT), EITHER(ENOBUFS, 0));
}

/* Far more than the receiver takes and the sender's own queue holds, if nobody stops it. */
#define FLOOD ((10 * R + RDS_DEFAULT_SPACE) / PIECE)

static void flood_local(struct topology *topology, const char *from, const char *to)
{
	union rds_addr near = rds_addr(from, 0), far = rds_addr(to, 0);
	int tx = topology_socket(topology, &topology->ns[0], &near);
	int rx = topology_socket(topology, &topology->ns[0], &far);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int sent = 0;

	assert_int_equal(rds_set_buffers(tx, RDS_DEFAULT_SPACE, 0), 0);
	assert_int_equal(rds_set_buffers(rx, 0, R), 0);
	while (sent < FLOOD && !deadline_over(&deadline)) {
		if (rds_send(tx, data, PIECE, &far, MSG_DONTWAIT) == PIECE)
			sent++;
		else if (errno == EAGAIN)
			usleep(1000);
		else
			break;
	}
	if (in_tree()) {
		assert_int_equal(sent, FLOOD);
	} else {
		assert_true(sent < FLOOD);
		assert_int_equal(errno, ENOBUFS);
	}
}

static void bug_18__two_addresses_of_one_host_do_congest(void **state)
{
	struct topology *topology = *state;

	assert_int_equal(link_add_address(&topology->ns[0], "lo", "10.88.0.1", 32), 0);
	assert_int_equal(link_add_address(&topology->ns[0], "lo", "10.88.0.2", 32), 0);
	flood_local(topology, "10.88.0.1", "10.88.0.2");
}

static void bug_19__loopback_sockets_do_congest(void **state)
{
	flood_local(*state, "127.0.0.1", "127.0.0.1");
}

static void bug_25__a_refused_bind_keeps_the_transport(void **state)
{
	struct ends ends = ends_open(state);
	int fd = conf_socket(ends.topology, &ends.topology->ns[0]), value;
	socklen_t length = sizeof(value);

	answers(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), 0);
	answers(rds_bind(fd, &ends.near), EADDRINUSE);
	answers(getsockopt(fd, SOL_RDS, SO_RDS_TRANSPORT, &value, &length), 0);
	assert_int_equal(value, EITHER(RDS_TRANS_TCP, -1));
}

/*
 * ---- addresses of the kernel as buffers: refused, and nothing is read or written there. The text
 * of the kernel, where its pages begin, and an address that nothing has. ----
 */

static void *const kernel_addresses[] = {
	(void *)0xffffffff81000000, (void *)0xffff888000100000, (void *)0xffff800000000000,
};

static void bug_32__addresses_of_the_kernel(void **state)
{
	struct ends ends = conf_ends(state);
	int bad = in_tree_before(7, 0) ? EAGAIN : EFAULT;
	unsigned char *buffer = zc_buffer(4096);
	socklen_t length;
	size_t i;

	assert_non_null(buffer);
	conf_zerocopy(ends.tx, RDSZC_COMPLETION_CMSG);
	for (i = 0; i < ARRAY_SIZE(kernel_addresses); i++) {
		void *there = kernel_addresses[i];

		answers(rds_send(ends.tx, there, 4096, &ends.far, 0), EFAULT);
		answers(rds_send_zc(ends.tx, there, 4096, &ends.far, 1, 0), EFAULT);
		send_pattern(ends.tx, 100, (uint32_t)i, &ends.far);
		answers(rds_recv(ends.rx, there, 4096, NULL, 0), EFAULT);
		receive_pattern(ends.rx, 100, (uint32_t)i, &ends.near);
		length = 4096 * 4;
		answers(getsockopt(ends.tx, SOL_RDS, RDS_INFO_COUNTERS, there, &length), bad);
		length = sizeof(int);
		answers(getsockopt(ends.tx, SOL_RDS, RDS_RECVERR, there, &length), EFAULT);
		answers(getsockopt(ends.tx, SOL_RDS, RDS_RECVERR, buffer, there), EFAULT);
		answers(setsockopt(ends.tx, SOL_RDS, RDS_RECVERR, there, 4), EFAULT);
	}
	/* Nothing of it was sent. */
	answers(rds_recv(ends.rx, data, sizeof(data), NULL, MSG_DONTWAIT), EAGAIN);
	zc_buffer_free(buffer, 4096);
}

/* ---- what the core decides, for ours as for in-tree ---- */

static const struct {
	int option, error;
} core_options[] = {
	{ SO_REUSEADDR, 0 }, { SO_RCVLOWAT, 0 }, { SO_PRIORITY, 0 }, { SO_BROADCAST, 0 },
	{ SO_KEEPALIVE, 0 }, { SO_OOBINLINE, 0 }, { SO_DONTROUTE, 0 }, { SO_MARK, 0 },
	{ SO_SNDLOWAT, ENOPROTOOPT }, { SO_PEEK_OFF, EOPNOTSUPP },
};

static void more_options__of_the_core(void **state)
{
	struct ends ends = conf_ends(state);
	struct linger linger = { .l_onoff = 1, .l_linger = 5 };
	socklen_t length = sizeof(int);
	int value = -1, error;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(core_options); i++) {
		error = core_options[i].error;
		if (core_options[i].option == SO_MARK && cred_is_nobody())
			error = EPERM;
		answers(rds_set(ends.tx, SOL_SOCKET, core_options[i].option, 1), error);
	}
	answers(setsockopt(ends.tx, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	answers(rds_set(ends.tx, SOL_SOCKET, SO_REUSEPORT, 1),
		kernel_before(6, 1) ? 0 : EOPNOTSUPP);
	answers(rds_set(ends.tx, SOL_SOCKET, SO_PASSCRED, 1), kernel_before(7, 0) ? 0 : EOPNOTSUPP);
	answers(getsockopt(ends.tx, SOL_SOCKET, SO_SNDLOWAT, &value, &length), 0);
	assert_int_equal(value, 1);
	answers(getsockopt(ends.tx, SOL_SOCKET, SO_ERROR, &value, &length), 0);
	assert_int_equal(value, 0);
	answers(getsockopt(ends.tx, SOL_SOCKET, SO_ACCEPTCONN, &value, &length), 0);
	assert_int_equal(value, 0);
	/* None of them has an effect on traffic. */
	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
}

static void more_receive__other_flags_are_ignored(void **state)
{
	struct ends ends = conf_ends(state);

	send_pattern(ends.tx, 100, 1, &ends.far);
	returns(rds_recv(ends.rx, data, sizeof(data), NULL,
			 MSG_WAITALL | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC), 100);
	assert_int_equal(pattern_check(data, 100, 1), -1);
}

/*
 * As the core does it: how many were sent, and the error when the call comes to it again. In-tree
 * refuses what the core adds to all but the last.
 */
static void more_send__sendmmsg_of_mixed_success(void **state)
{
	struct ends ends = conf_ends(state);
	union rds_addr bad = rds_addr("0.0.0.0", 9);
	struct mmsghdr list[3] = { 0 };
	struct iovec iov[3];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(list); i++) {
		iov[i] = (struct iovec){ data + i * 1000, 100 };
		pattern_fill(data + i * 1000, 100, (uint32_t)i);
		list[i].msg_hdr = (struct msghdr){
			.msg_name = i == 1 ? &bad : &ends.far, .msg_namelen = sizeof(bad.in),
			.msg_iov = &iov[i], .msg_iovlen = 1,
		};
	}
	if (in_tree()) {
		answers(sendmmsg(ends.tx, list, 3, 0), EOPNOTSUPP);
		answers(sendmmsg(ends.tx, list + 1, 2, 0), EOPNOTSUPP);
	} else {
		returns(sendmmsg(ends.tx, list, 3, 0), 1);
		assert_int_equal(list[0].msg_len, 100);
		receive_pattern(ends.rx, 100, 0, &ends.near);
		answers(sendmmsg(ends.tx, list + 1, 2, 0), EINVAL);
	}
	/* Neither the bad one nor what stands behind it was sent. */
	returns(sendmmsg(ends.tx, list + 2, 1, 0), 1);
	receive_pattern(ends.rx, 100, 2, &ends.near);
	answers(rds_recv(ends.rx, data, sizeof(data), NULL, MSG_DONTWAIT), EAGAIN);
}

static void more_send__control_over_optmem_is_enobufs(void **state)
{
	static char control[1 << 20];
	struct ends ends = ends_open(state);
	struct msghdr message = {
		.msg_name = &ends.far, .msg_namelen = rds_addr_len(&ends.far),
		.msg_control = control, .msg_controllen = sizeof(control),
	};

	answers(sendmsg(ends.tx, &message, 0), ENOBUFS);
}

static void more_buffers__are_told_doubled(void **state)
{
	struct ends ends = ends_open(state);
	socklen_t length = sizeof(int);
	int value;

	answers(rds_set(ends.tx, SOL_SOCKET, SO_SNDBUF, 30000), 0);
	answers(getsockopt(ends.tx, SOL_SOCKET, SO_SNDBUF, &value, &length), 0);
	assert_int_equal(value, 60000);
	answers(rds_set(ends.tx, SOL_SOCKET, SO_RCVBUF, 20000), 0);
	answers(getsockopt(ends.tx, SOL_SOCKET, SO_RCVBUF, &value, &length), 0);
	assert_int_equal(value, 40000);
	answers(rds_send(ends.tx, data, 100, &ends.far, MSG_DONTWAIT), 0);
}

static int known_sysctl(struct topology *topology, const char *name, long value)
{
	char path[96];

	snprintf(path, sizeof(path), "net/%s/%s", EITHER("rds_zc", "rds"), name);
	return conf_sysctl(EITHER(&topology->ns[0], netns_here()), path, value);
}

static void more_sysctls__that_in_tree_has(void **state)
{
	struct topology *topology = *state;

	answers(known_sysctl(topology, "reconnect_min_delay_ms", 0), EINVAL);
	/* In-tree, less than a jiffy, as 1 at 250 Hz, is too little. */
	answers(known_sysctl(topology, "reconnect_min_delay_ms", 8), 0);
	answers(known_sysctl(topology, "reconnect_max_delay_ms", 0), EINVAL);
	answers(known_sysctl(topology, "reconnect_max_delay_ms", 1000), 0);
	answers(known_sysctl(topology, "max_unacked_packets", 8), 0);
	answers(known_sysctl(topology, "max_unacked_bytes", 16 << 20), 0);
	answers(known_sysctl(topology, "ping_enable", 1), 0);
}

/*
 * ---- counters: in-tree they are those of the machine, so "at least" is all that can be said ----
 */

struct known {
	const char *name;
	uint64_t by;
};

static void note(int fd, struct known *known, size_t count, uint64_t *before)
{
	size_t i;

	for (i = 0; i < count; i++)
		before[i] = conf_counter(fd, known[i].name);
}

static void expect_moved(int fd, const struct known *known, size_t count, const uint64_t *before)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint64_t moved;
	size_t i;

	for (i = 0; i < count; i++) {
		do {
			moved = conf_counter(fd, known[i].name) - before[i];
			if (moved >= known[i].by)
				break;
			deadline_step();
		} while (!deadline_over(&deadline));
		if (moved < known[i].by)
			fail_msg("%s moved by %lu, not %lu", known[i].name, (unsigned long)moved,
				 (unsigned long)known[i].by);
	}
}

static void more_counters__of_messages(void **state)
{
	struct known near[] = { { "send_queued", 3 }, { "copy_from_user", 3000 } };
	struct known far[] = {
		{ "recv_queued", 3 }, { "recv_delivered", 3 }, { "copy_to_user", 3000 },
		{ "recv_bytes_added_to_sock", 3000 }, { "recv_bytes_freed_fromsock", 3000 },
		{ "tcp_data_ready_calls", 1 },
	};
	struct ends ends = conf_ends_talked(state);
	uint64_t at_near[2], at_far[6];
	uint32_t i;

	note(ends.tx, near, 2, at_near);
	note(ends.rx, far, 6, at_far);
	for (i = 0; i < 3; i++) {
		send_pattern(ends.tx, 1000, i, &ends.far);
		receive_pattern(ends.rx, 1000, i, &ends.near);
	}
	expect_moved(ends.tx, near, 2, at_near);
	expect_moved(ends.rx, far, 6, at_far);
}

static void more_counters__of_pings(void **state)
{
	struct known far[] = { { "recv_ping", 1 }, { "send_pong", 1 } };
	struct ends ends = conf_ends_talked(state);
	union rds_addr ping = rds_addr_port(&ends.far, 0);
	uint64_t before[2];

	note(ends.rx, far, 2, before);
	returns(rds_send(ends.tx, NULL, 0, &ping, 0), 0);
	receive_pattern(ends.tx, 0, 0, &ping);
	expect_moved(ends.rx, far, 2, before);
}

static void more_counters__of_congestion(void **state)
{
	struct known near[] = {
		{ "cong_update_received", 1 }, { "cong_send_error", 1 }, { "cong_send_blocked", 1 },
	};
	struct known far[] = { { "cong_update_queued", 1 } };
	struct ends ends = conf_ends_talked(state);
	uint64_t at_near[3], at_far[1];

	note(ends.tx, near, 3, at_near);
	note(ends.rx, far, 1, at_far);
	assert_int_equal(rds_set_buffers(ends.rx, 0, R), 0);
	fill(&ends);
	interrupt_every(200);
	answers(rds_send(ends.tx, data, PIECE, &ends.far, 0), EINTR);
	interrupt_every(0);
	expect_moved(ends.tx, near, 3, at_near);
	expect_moved(ends.rx, far, 1, at_far);
}

static void more_counters__of_full_queues_and_resets(void **state)
{
	struct known near[] = { { "send_queue_full", 1 }, { "conn_reset", 1 } };
	struct ends ends = conf_ends_cut(state);
	uint64_t before[2];

	note(ends.tx, near, 2, before);
	assert_int_equal(rds_set_buffers(ends.tx, PIECE, 0), 0);
	while (rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT) > 0)
		continue;
	assert_int_equal(errno, EAGAIN);
	assert_true(diag_kill(&ends.topology->ns[0], RDS_TCP_PORT) > 0);
	expect_moved(ends.tx, near, 2, before);
}

/* What only RDMA would move. */
static void more_counters__that_stay_zero(void **state)
{
	static const char *const names[] = {
		"recv_drop_bad_checksum", "recv_ack_required", "recv_rdma_bytes", "send_drop_acked",
		"send_rdma_bytes", "tcp_listen_closed_stale",
	};
	struct ends ends = conf_ends_talked(state);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (conf_counter(ends.tx, names[i]))
			fail_msg("%s has moved", names[i]);
}

/* In-tree counts an operation that it then refuses, for want of RDMA. */
static void more_counters__of_refused_rdma(void **state)
{
	struct ends ends = conf_ends(state);
	uint64_t before = conf_counter(ends.tx, "send_rdma");
	struct rds_iovec iov = { .addr = (uint64_t)(unsigned long)data, .bytes = 64 };
	struct rds_rdma_args args = {
		.remote_vec.bytes = 64,
		.local_vec_addr = (uint64_t)(unsigned long)&iov,
		.nr_local = 1,
	};
	struct control control = { 0 };

	control_add(&control, SOL_RDS, RDS_CMSG_RDMA_ARGS, &args, sizeof(args));
	answers(control_send(ends.tx, "x", 1, &ends.far, &control, 0), EOPNOTSUPP);
	returns(conf_counter(ends.tx, "send_rdma") - before, EITHER(0, 1));
}

const struct row rows_more[] = {
	ROW(STAGE_WIRE, bug_08__cookies_behind_a_full_batch),
	ROW(STAGE_WIRE, bug_09__cookies_after_zerocopy_was_switched_off),
	ROW(STAGE_WIRE, bug_11__peeking_takes_cookies),
	ROW(STAGE_WIRE, bug_12__a_notification_without_control_room),
	ROW(STAGE_WIRE, bug_12__data_behind_a_notification_without_room),
	ROW(STAGE_WIRE, bug_13__control_data_that_cannot_be_written),
	ROW(STAGE_WIRE, bug_14__the_first_poll),
	ROW(STAGE_WIRE, bug_15__epoll_without_the_monitor),
	ROW(STAGE_WIRE, bug_16__sndtimeo_and_congestion),
	ROW(STAGE_WIRE, bug_17__monitor_off_on_a_congested_receiver),
	ROW(STAGE_WIRE, bug_18__two_addresses_of_one_host_do_congest),
	ROW(STAGE_WIRE, bug_19__loopback_sockets_do_congest),
	ROW(STAGE_WIRE, bug_25__a_refused_bind_keeps_the_transport),
	ROW(STAGE_WIRE, bug_32__addresses_of_the_kernel),
	ROW(STAGE_WIRE, more_options__of_the_core),
	ROW(STAGE_WIRE, more_receive__other_flags_are_ignored),
	ROW(STAGE_WIRE, more_send__sendmmsg_of_mixed_success),
	ROW(STAGE_WIRE, more_send__control_over_optmem_is_enobufs),
	ROW(STAGE_WIRE, more_buffers__are_told_doubled),
	ROW(STAGE_WIRE, more_sysctls__that_in_tree_has),
	ROW(STAGE_WIRE, more_counters__of_messages),
	ROW(STAGE_WIRE, more_counters__of_pings),
	ROW(STAGE_WIRE, more_counters__of_congestion),
	ROW(STAGE_WIRE, more_counters__of_full_queues_and_resets),
	ROW(STAGE_WIRE, more_counters__that_stay_zero),
	ROW(STAGE_WIRE, more_counters__of_refused_rdma),
	{ 0 }
};
