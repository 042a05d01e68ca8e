// SPDX-License-Identifier: GPL-2.0
/* Rows 76 to 83: poll, epoll and congestion. */
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "conf.h"
#include "pattern.h"

#define R 40000		/* what B's socket takes before it is congested */
#define PIECE 4000

static char data[PIECE];

/* The first poll of an in-tree socket shows every congestion update since the module was loaded. */
static short settled_events(int fd)
{
	if (in_tree())
		conf_events(fd);
	return conf_events(fd);
}

static void *wait_for_room(void *argument)
{
	const struct ends *ends = argument;

	return (void *)(long)rds_wait_woken(ends->tx, POLLOUT);
}

static void row_076__pollout(void **state)
{
	struct ends ends = conf_ends_cut(state);
	int unbound = conf_socket(ends.topology, &ends.topology->ns[0]);
	pthread_t thread;
	void *events;

	assert_int_equal(settled_events(unbound), POLLOUT | POLLWRNORM);
	assert_int_equal(rds_set_buffers(ends.tx, RDS_DEFAULT_SPACE, 0), 0);
	while (rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT) > 0)
		continue;
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(settled_events(ends.tx) & (POLLOUT | POLLWRNORM), 0);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_room, &ends), 0);
	usleep(100000);
	topology_link(ends.topology, 0, true);
	assert_int_equal(pthread_join(thread, &events), 0);
	assert_int_equal((long)events & POLLOUT, POLLOUT);
}

/* B's socket is congested, A's map says so, and everything has been acknowledged. */
static struct ends ends_congested(void **state)
{
	struct ends ends = conf_ends_talked(state);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	assert_int_equal(rds_set_buffers(ends.rx, 0, R), 0);
	while (rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT) > 0 || errno == EAGAIN) {
		if (deadline_over(&deadline))
			fail_msg("never congested");
		usleep(2000);
	}
	assert_int_equal(errno, ENOBUFS);
	conf_wait_drained(ends.tx);
	return ends;
}

static size_t drain(int fd, size_t most)
{
	size_t count = 0;

	while (count < most && rds_recv(fd, data, sizeof(data), NULL, MSG_DONTWAIT) >= 0)
		count++;
	return count;
}

/* Sends until it is taken. */
static void send_when_clear(const struct ends *ends)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (rds_send(ends->tx, data, PIECE, &ends->far, MSG_DONTWAIT) < 0) {
		assert_int_equal(errno, ENOBUFS);
		if (deadline_over(&deadline))
			fail_msg("still congested");
		deadline_step();
	}
}

/* Ours shows it as POLLWRBAND alone: POLLIN means that a read returns something. */
static void row_077__a_map_update_is_seen_once(void **state)
{
	struct ends ends = conf_ends_talked(state);
	short want = EITHER(POLLWRBAND, POLLWRBAND | POLLIN | POLLRDNORM);

	settled_events(ends.tx);
	assert_int_equal(settled_events(ends.tx), POLLOUT | POLLWRNORM);
	assert_int_equal(rds_set_buffers(ends.rx, 0, R), 0);
	while (rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT) > 0 || errno == EAGAIN)
		usleep(2000);
	assert_int_equal(errno, ENOBUFS);
	conf_wait_drained(ends.tx);
	usleep(300000);
	assert_int_equal(conf_events(ends.tx) & ~(POLLOUT | POLLWRNORM), want);
	assert_int_equal(conf_events(ends.tx) & ~(POLLOUT | POLLWRNORM), 0);
	answers(rds_recv(ends.tx, data, sizeof(data), NULL, MSG_DONTWAIT), EAGAIN);
}

static void *send_blocking(void *argument)
{
	const struct ends *ends = argument;

	return (void *)(long)rds_send(ends->tx, data, PIECE, &ends->far, 0);
}

static void row_078__a_congested_port(void **state)
{
	struct ends ends = ends_congested(state);
	pthread_t thread;
	void *sent = NULL;
	struct timespec soon;

	assert_int_equal(settled_events(ends.tx) & POLLOUT, POLLOUT);
	answers(rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT), ENOBUFS);
	assert_int_equal(pthread_create(&thread, NULL, send_blocking, &ends), 0);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec++;
	assert_int_equal(pthread_timedjoin_np(thread, &sent, &soon), ETIMEDOUT);
	drain(ends.rx, 100);
	assert_int_equal(pthread_join(thread, &sent), 0);
	assert_int_equal((long)sent, PIECE);
	send_when_clear(&ends);
}

static void wait_notification(int fd, uint64_t *mask)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct cmsghdr *cmsg;
	struct got got;

	for (;;) {
		rds_wait(fd, POLLIN, deadline_in(1000));
		got = get(fd, data, sizeof(data), 256, MSG_DONTWAIT);
		if (got.bytes >= 0)
			break;
		assert_int_equal(errno, EAGAIN);
		if (deadline_over(&deadline))
			fail_msg("no congestion notification");
	}
	returns(got.bytes, 0);
	assert_int_equal(got.name_length, 0);
	cmsg = got_cmsg(&got, SOL_RDS, RDS_CMSG_CONG_UPDATE);
	assert_non_null(cmsg);
	assert_int_equal(cmsg->cmsg_len, CMSG_LEN(8));
	memcpy(mask, CMSG_DATA(cmsg), 8);
}

static void row_079__the_monitor_tells_when_a_port_clears(void **state)
{
	struct ends ends = ends_congested(state);
	uint64_t mask;

	answers(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 1), 0);
	answers(rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT), ENOBUFS);
	drain(ends.rx, 100);
	wait_notification(ends.tx, &mask);
	assert_true(mask == 1ULL << (rds_port(&ends.far) % 64));
	answers(get(ends.tx, data, sizeof(data), 256, MSG_DONTWAIT).bytes, EAGAIN);
	send_when_clear(&ends);
	answers(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 0), 0);
}

static void row_080__monitor_lengths(void **state)
{
	struct topology *topology = *state;
	int fd = conf_socket(topology, &topology->ns[0]), value;
	uint64_t wide = ~0ULL;
	socklen_t length = sizeof(value);

	answers(setsockopt(fd, SOL_RDS, RDS_CONG_MONITOR, &wide, 3), EINVAL);
	answers(setsockopt(fd, SOL_RDS, RDS_CONG_MONITOR, &wide, 8), 0);
	answers(setsockopt(fd, SOL_RDS, RDS_CONG_MONITOR, NULL, 4), EFAULT);
	answers(getsockopt(fd, SOL_RDS, RDS_CONG_MONITOR, &value, &length), ENOPROTOOPT);
	wide = 0;
	answers(setsockopt(fd, SOL_RDS, RDS_CONG_MONITOR, &wide, 8), 0);
}

static int watch(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	assert_true(epoll >= 0);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	return epoll;
}

static uint32_t next_event(int epoll, int ms)
{
	struct epoll_event event = { 0 };

	return epoll_wait(epoll, &event, 1, ms) == 1 ? event.events : 0;
}

static void row_081__epoll_level_and_edge(void **state)
{
	struct ends ends = ends_congested(state);
	int level, edge, monitor, i, limit = DEADLINE_USUAL_MS * (int)time_scale();

	drain(ends.rx, 100);
	send_when_clear(&ends);
	drain(ends.rx, 100);
	usleep(200000);
	drain(ends.rx, 100);
	level = watch(ends.rx, EPOLLIN);
	edge = watch(ends.rx, EPOLLIN | EPOLLET);
	next_event(edge, 0);
	for (i = 0; i < 3; i++) {
		send_pattern(ends.tx, 10, (uint32_t)i, &ends.far);
		assert_int_equal(next_event(edge, limit) & EPOLLIN, EPOLLIN);
		assert_int_equal(next_event(level, limit) & EPOLLIN, EPOLLIN);
		assert_int_equal(next_event(level, limit) & EPOLLIN, EPOLLIN);
	}
	drain(ends.rx, 100);
	answers(rds_set(ends.tx, SOL_RDS, RDS_CONG_MONITOR, 1), 0);
	monitor = watch(ends.tx, EPOLLIN | EPOLLET);
	while (rds_send(ends.tx, data, PIECE, &ends.far, MSG_DONTWAIT) > 0 || errno == EAGAIN)
		usleep(2000);
	assert_int_equal(errno, ENOBUFS);
	drain(ends.rx, 100);
	assert_int_equal(next_event(monitor, limit) & EPOLLIN, EPOLLIN);
	close(level);
	close(edge);
	close(monitor);
}

static void row_082__an_overfilled_receiver_loses_nothing(void **state)
{
	struct ends ends = conf_ends_talked(state);
	uint32_t i;

	assert_int_equal(rds_set_buffers(ends.tx, 4 << 20, 0), 0);
	assert_int_equal(rds_set_buffers(ends.rx, 0, R), 0);
	topology_link(ends.topology, 0, false);
	for (i = 0; i < 100; i++)
		send_pattern(ends.tx, PIECE, i, &ends.far);
	topology_link(ends.topology, 0, true);
	assert_int_equal(rds_set_timeouts(ends.rx, 60000), 0);
	conf_wait_drained(ends.tx);
	for (i = 0; i < 100; i++)
		receive_pattern(ends.rx, PIECE, i, &ends.near);
}

static void row_083__closing_a_congested_receiver_clears_the_port(void **state)
{
	struct ends ends = ends_congested(state);

	topology_close(ends.topology, ends.rx);
	send_when_clear(&ends);
}

const struct row rows_poll[] = {
	ROW(STAGE_WIRE, row_076__pollout),
	ROW(STAGE_WIRE, row_077__a_map_update_is_seen_once),
	ROW(STAGE_WIRE, row_078__a_congested_port),
	ROW(STAGE_WIRE, row_079__the_monitor_tells_when_a_port_clears),
	ROW(STAGE_WIRE, row_080__monitor_lengths),
	ROW(STAGE_WIRE, row_081__epoll_level_and_edge),
	ROW(STAGE_WIRE, row_082__an_overfilled_receiver_loses_nothing),
	ROW(STAGE_WIRE, row_083__closing_a_congested_receiver_clears_the_port),
	{ 0 }
};
