// SPDX-License-Identifier: GPL-2.0
/* poll, select and epoll. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"
#include "deadline.h"
#include "pattern.h"
#include "suite.h"
#include "zc.h"

#define ALL (POLLIN | POLLPRI | POLLOUT | POLLRDHUP | \
	     POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND)

static unsigned char data[65536];

static short now(int fd)
{
	return rds_wait(fd, ALL, deadline_in(0));
}

/* Row 76. */
static void poll__new_socket_is_writable_only(void **state)
{
	struct topology *topology = *state;
	int fd = netns_in(&topology->ns[0], rds_socket());

	assert_true(fd >= 0);
	assert_int_equal(now(fd), POLLOUT | POLLWRNORM);
	assert_int_equal(rds_bind(fd, &topology->near[0]), 0);
	assert_int_equal(now(fd), POLLOUT | POLLWRNORM);
	close(fd);
}

/* Section 14, row 14: maps that came before this socket was made are none of its business. */
static void poll__first_poll_tells_of_no_old_updates(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	struct counters before;
	union rds_addr addr;
	int fd;

	assert_int_equal(counters_read(ns, &before), 0);
	send_pattern(ends.tx, 10, 1, &ends.far);
	receive_pattern(ends.rx, 10, 1, &ends.near);
	/*
	 * The far end sent its map when the connection came up; it may be slower than our message.
	 */
	assert_true(counter_wait(ns, &before, "cong_update_received", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	fd = topology_near(ends.topology, &addr);
	assert_int_equal(now(fd), POLLOUT | POLLWRNORM);
}

/* Sleeps in poll; the message comes later. */
struct sleeper {
	pthread_t thread;
	int fd;
	short events;
	short seen;
};

static void *sleep_in_poll(void *argument)
{
	struct sleeper *sleeper = argument;

	sleeper->seen = rds_wait_woken(sleeper->fd, sleeper->events);
	return NULL;
}

static void start_sleeper(struct sleeper *sleeper, int fd, short events)
{
	struct timespec pause = { .tv_nsec = 100000000 };

	sleeper->fd = fd;
	sleeper->events = events;
	sleeper->seen = 0;
	assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_in_poll, sleeper), 0);
	nanosleep(&pause, NULL);
}

static void poll__data_wakes_a_sleeper(void **state)
{
	struct ends ends = ends_open(state);
	struct sleeper sleeper;

	start_sleeper(&sleeper, ends.rx, POLLIN);
	send_pattern(ends.tx, 10, 2, &ends.far);
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.seen & POLLIN, POLLIN);
	assert_int_equal(now(ends.rx) & (POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
	receive_pattern(ends.rx, 10, 2, &ends.near);
	assert_int_equal(now(ends.rx), POLLOUT | POLLWRNORM);
}

/* Row 76: full, and a sleeper wakes when cancel or an acknowledgement makes room. */
static void poll__room_wakes_a_sleeper(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr to = nobody_home(ends.topology);
	struct sleeper sleeper;

	assert_int_equal(rds_send(ends.tx, data, 60000, &to, 0), 60000);
	assert_int_equal(rds_send(ends.tx, data, 60000, &to, 0), 60000);
	assert_int_equal(now(ends.tx) & (POLLOUT | POLLWRNORM), 0);
	start_sleeper(&sleeper, ends.tx, POLLOUT);
	assert_int_equal(setsockopt(ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &to,
				    rds_addr_len(&to)), 0);
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.seen & POLLOUT, POLLOUT);
}

static void poll__acknowledgement_wakes_a_sleeper(void **state)
{
	struct ends ends = ends_open(state);
	struct sleeper sleeper;

	topology_link(ends.topology, 0, false);
	send_pattern(ends.tx, 60000, 3, &ends.far);
	send_pattern(ends.tx, 60000, 4, &ends.far);
	assert_int_equal(now(ends.tx) & POLLOUT, 0);
	start_sleeper(&sleeper, ends.tx, POLLOUT);
	topology_link(ends.topology, 0, true);
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.seen & POLLOUT, POLLOUT);
	receive_pattern(ends.rx, 60000, 3, &ends.near);
	receive_pattern(ends.rx, 60000, 4, &ends.near);
}

/* Section 16: a larger SO_SNDBUF wakes writers. */
static void poll__larger_buffer_wakes_a_sleeper(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr to = nobody_home(ends.topology);
	struct sleeper sleeper;

	assert_int_equal(rds_send(ends.tx, data, 60000, &to, 0), 60000);
	assert_int_equal(rds_send(ends.tx, data, 60000, &to, 0), 60000);
	start_sleeper(&sleeper, ends.tx, POLLOUT);
	assert_int_equal(rds_set_buffers(ends.tx, 1 << 20, 0), 0);
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.seen & POLLOUT, POLLOUT);
}

static void poll__cookie_wakes_a_sleeper(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(4096);
	struct sleeper sleeper;

	assert_non_null(buffer);
	start_sleeper(&sleeper, ends.tx, 0);
	zc_send(&ends, buffer, 4096, 1);
	assert_int_equal(rds_recv(ends.rx, data, sizeof(data), NULL, 0), 4096);
	pthread_join(sleeper.thread, NULL);
	assert_int_equal(sleeper.seen, POLLERR);
	zc_buffer_free(buffer, 4096);
}

static void select__readable_and_writable(void **state)
{
	struct ends ends = ends_open(state);
	struct timeval limit = { .tv_sec = 20 };
	fd_set readable, writable, exceptional;

	send_pattern(ends.tx, 10, 5, &ends.far);
	FD_ZERO(&readable);
	FD_ZERO(&writable);
	FD_ZERO(&exceptional);
	FD_SET(ends.rx, &readable);
	FD_SET(ends.tx, &exceptional);
	assert_int_equal(select(FD_SETSIZE, &readable, NULL, &exceptional, &limit), 1);
	assert_true(FD_ISSET(ends.rx, &readable));
	FD_SET(ends.rx, &writable);
	assert_int_equal(select(FD_SETSIZE, NULL, &writable, NULL, &limit), 1);
}

static int epoll_of(int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	assert_true(epoll >= 0);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	return epoll;
}

static int epoll_events(int epoll, int ms)
{
	struct epoll_event event = { 0 };

	return epoll_wait(epoll, &event, 1, ms) == 1 ? (int)event.events : 0;
}

/* Row 81. */
static void epoll__each_arrival_is_an_edge(void **state)
{
	struct ends ends = ends_open(state);
	int epoll = epoll_of(ends.rx, EPOLLIN | EPOLLET);
	int ms = DEADLINE_USUAL_MS * (int)time_scale();
	int i;

	for (i = 0; i < 3; i++) {
		send_pattern(ends.tx, 10, 6, &ends.far);
		assert_int_equal(epoll_events(epoll, ms) & EPOLLIN, EPOLLIN);
	}
	assert_int_equal(epoll_events(epoll, 0), 0);
	for (i = 0; i < 3; i++)
		receive_pattern(ends.rx, 10, 6, &ends.near);
	close(epoll);
}

static void epoll__level_lasts_until_read(void **state)
{
	struct ends ends = ends_open(state);
	int epoll = epoll_of(ends.rx, EPOLLIN);
	int ms = DEADLINE_USUAL_MS * (int)time_scale();

	send_pattern(ends.tx, 10, 7, &ends.far);
	assert_int_equal(epoll_events(epoll, ms), EPOLLIN);
	assert_int_equal(epoll_events(epoll, 0), EPOLLIN);
	receive_pattern(ends.rx, 10, 7, &ends.near);
	assert_int_equal(epoll_events(epoll, 0), 0);
	close(epoll);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "poll" };

	SUITE_ADD(&suite, poll__new_socket_is_writable_only, variants_any_each);
	SUITE_ADD(&suite, poll__first_poll_tells_of_no_old_updates, variants_one);
	SUITE_ADD(&suite, poll__data_wakes_a_sleeper, variants_basic);
	SUITE_ADD(&suite, poll__room_wakes_a_sleeper, variants_wire_each);
	SUITE_ADD(&suite, poll__acknowledgement_wakes_a_sleeper, variants_wire);
	SUITE_ADD(&suite, poll__larger_buffer_wakes_a_sleeper, variants_wire_each);
	SUITE_ADD(&suite, poll__cookie_wakes_a_sleeper, variants_any_each);
	SUITE_ADD(&suite, select__readable_and_writable, variants_any_each);
	SUITE_ADD(&suite, epoll__each_arrival_is_an_edge, variants_any_each);
	SUITE_ADD(&suite, epoll__level_lasts_until_read, variants_any_each);
	return suite_run(&suite, argc, argv);
}
