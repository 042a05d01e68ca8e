// SPDX-License-Identifier: GPL-2.0
/* RDSZC_PEER_ERROR: who asks is told about peers that cannot be reached, nobody else. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h>
#include <linux/sockios.h>

#include "counters.h"
#include "pattern.h"
#include "suite.h"
#include "zc.h"

#ifndef SO_EE_ORIGIN_LOCAL
#define SO_EE_ORIGIN_LOCAL 1
#endif

struct record {
	ssize_t rc;
	int flags;
	union rds_addr peer;
	socklen_t name_length;
	struct sock_extended_err ee;
	bool has_ee;
};

static struct record read_record(int fd, size_t control_room, int flags)
{
	union {
		char space[CMSG_SPACE(64)];
		struct cmsghdr align;
	} control;
	struct record record = { 0 };
	struct msghdr message = {
		.msg_name = &record.peer, .msg_namelen = sizeof(record.peer),
		.msg_control = control_room ? &control : NULL, .msg_controllen = control_room,
	};
	struct cmsghdr *cmsg;

	record.rc = recvmsg(fd, &message, MSG_ERRQUEUE | flags);
	record.flags = message.msg_flags;
	record.name_length = message.msg_namelen;
	cmsg = record.rc < 0 ? NULL : CMSG_FIRSTHDR(&message);
	if (cmsg && cmsg->cmsg_level == SOL_IP && cmsg->cmsg_type == IP_RECVERR &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(record.ee))) {
		memcpy(&record.ee, CMSG_DATA(cmsg), sizeof(record.ee));
		record.has_ee = true;
	}
	return record;
}

static void expect_record(const struct record *record, const union rds_addr *peer, uint32_t error)
{
	struct sock_extended_err ee = {
		.ee_errno = error,
		.ee_origin = SO_EE_ORIGIN_LOCAL,
	};

	assert_int_equal(record->rc, 0);
	assert_true(record->flags & MSG_ERRQUEUE);
	assert_true(record->has_ee);
	assert_memory_equal(&record->ee, &ee, sizeof(ee));
	assert_int_equal(record->name_length, rds_addr_len(peer));
	assert_true(rds_addr_equal(&record->peer, peer));
}

static int so_error(int fd)
{
	socklen_t length = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length), 0);
	return value;
}

/* A record shows a moment before it. */
static void expect_pending(int fd, int error)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int is;

	while (!(is = so_error(fd))) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
	assert_int_equal(is, error);
}

static int queued(int fd)
{
	int value = -1;

	assert_int_equal(ioctl(fd, SIOCOUTQ, &value), 0);
	return value;
}

static int asking(struct topology *topology, union rds_addr *addr)
{
	int fd = topology_near(topology, addr);

	assert_int_equal(rds_set(fd, SOL_RDS, RDSZC_PEER_ERROR, 1), 0);
	return fd;
}

static void wait_error(int fd)
{
	assert_true(rds_wait(fd, POLLERR, deadline_in(DEADLINE_USUAL_MS)) & POLLERR);
}

static void a_while(void)
{
	struct timespec pause = { .tv_sec = 1, .tv_nsec = 500000000 };

	nanosleep(&pause, NULL);
}

static void option__values(void **state)
{
	union rds_addr near;
	int fd = topology_near(*state, &near);
	socklen_t length = sizeof(int);
	int value = -1;

	assert_int_equal(getsockopt(fd, SOL_RDS, RDSZC_PEER_ERROR, &value, &length), 0);
	assert_int_equal(value, 0);
	assert_fails(rds_set(fd, SOL_RDS, RDSZC_PEER_ERROR, 2), EINVAL);
	assert_fails(rds_set(fd, SOL_RDS, RDSZC_PEER_ERROR, -1), EINVAL);
	assert_fails(setsockopt(fd, SOL_RDS, RDSZC_PEER_ERROR, &value, 3), EINVAL);
	assert_int_equal(rds_set(fd, SOL_RDS, RDSZC_PEER_ERROR, 1), 0);
	assert_int_equal(rds_set(fd, SOL_RDS, RDSZC_PEER_ERROR, 1), 0);
	assert_int_equal(getsockopt(fd, SOL_RDS, RDSZC_PEER_ERROR, &value, &length), 0);
	assert_int_equal(value, 1);
	assert_int_equal(rds_set(fd, SOL_RDS, RDSZC_PEER_ERROR, 0), 0);
	assert_fails(recvmsg(fd, &(struct msghdr){ 0 }, MSG_ERRQUEUE), EAGAIN);
}

/* Nobody listens at the peer: refused; told once for each message, and nothing is lost. */
static void refused__once_for_each_message(void **state)
{
	struct topology *topology = *state;
	const struct netns *ns = &topology->ns[0];
	union rds_addr far = rds_addr_port(&topology->far[0], 4000), near;
	struct counters before;
	struct record record;
	int fd = asking(topology, &near), rx;

	assert_int_equal(counters_read(ns, &before), 0);
	send_pattern(fd, 100, 1, &far);
	send_pattern(fd, 100, 2, &far);
	wait_error(fd);
	record = read_record(fd, 64, MSG_PEEK);
	expect_record(&record, &far, ECONNREFUSED);
	record = read_record(fd, 64, 0);
	expect_record(&record, &far, ECONNREFUSED);
	/* The second message may have been queued after that attempt. */
	a_while();
	while (read_record(fd, 64, 0).rc == 0)
		;
	assert_in_range(counter_moved(ns, &before, "peer_errors"), 1, 2);
	assert_int_equal(counters_read(ns, &before), 0);
	assert_int_equal(so_error(fd), 0);
	a_while();
	assert_int_equal(rds_wait(fd, POLLERR, deadline_in(0)) & POLLERR, 0);
	assert_int_equal(counter_moved(ns, &before, "peer_errors"), 0);
	assert_int_equal(queued(fd), 200);

	send_pattern(fd, 100, 3, &far);
	wait_error(fd);
	expect_pending(fd, ECONNREFUSED);
	record = read_record(fd, 64, 0);
	expect_record(&record, &far, ECONNREFUSED);
	assert_int_equal(counter_moved(ns, &before, "peer_errors"), 1);

	rx = topology_socket(topology, &topology->ns[1], &far);
	receive_pattern(rx, 100, 1, &near);
	receive_pattern(rx, 100, 2, &near);
	receive_pattern(rx, 100, 3, &near);
	assert_int_equal(rds_wait(fd, POLLERR, deadline_in(0)) & POLLERR, 0);
}

/* A reader that waits for the answer of a dead peer comes back with the error, once. */
static void refused__ends_a_receive(void **state)
{
	struct topology *topology = *state;
	union rds_addr far = rds_addr_port(&topology->far[0], 4000), near;
	int fd = asking(topology, &near);
	char byte;

	send_pattern(fd, 100, 1, &far);
	assert_fails(rds_recv(fd, &byte, 1, NULL, MSG_PEEK), ECONNREFUSED);
	assert_fails(rds_recv(fd, &byte, 1, NULL, 0), ECONNREFUSED);
	assert_fails(rds_recv(fd, &byte, 1, NULL, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(read_record(fd, 64, 0).rc, 0);
}

/* Setting the option later is early enough for what still waits. */
static void refused__told_who_asks_later(void **state)
{
	struct topology *topology = *state;
	union rds_addr far = rds_addr_port(&topology->far[0], 4000), near;
	int fd = topology_near(topology, &near);
	struct record record;

	send_pattern(fd, 100, 1, &far);
	a_while();
	assert_int_equal(rds_wait(fd, POLLERR, deadline_in(0)) & POLLERR, 0);
	assert_int_equal(rds_set(fd, SOL_RDS, RDSZC_PEER_ERROR, 1), 0);
	wait_error(fd);
	record = read_record(fd, 64, 0);
	expect_record(&record, &far, ECONNREFUSED);
}

/* No neighbour of that address; the attempt is given up by TCP or by us. */
static void nobody__is_told_too(void **state)
{
	struct topology *topology = *state;
	union rds_addr nobody = nobody_home(topology), near;
	int fd = asking(topology, &near);
	struct record record;

	send_pattern(fd, 100, 1, &nobody);
	wait_error(fd);
	record = read_record(fd, 64, 0);
	assert_true(record.ee.ee_errno == EHOSTUNREACH || record.ee.ee_errno == ETIMEDOUT);
	expect_record(&record, &nobody, record.ee.ee_errno);
	assert_int_equal(setsockopt(fd, SOL_RDS, RDS_CANCEL_SENT_TO, &nobody,
				    rds_addr_len(&nobody)), 0);
	assert_int_equal(queued(fd), 0);
}

static void no_route__is_told_at_once(void **state)
{
	struct topology *topology = *state;
	const char *text = topology->variant->v6 ? "2001:db8::1" : "192.0.2.1";
	union rds_addr away = rds_addr(text, 9), near;
	int fd = asking(topology, &near);
	struct record record;

	send_pattern(fd, 100, 1, &away);
	wait_error(fd);
	record = read_record(fd, 64, 0);
	expect_record(&record, &away, ENETUNREACH);
}

/* Row 33: who did not ask hears nothing, also beside one who did. */
static void others__hear_nothing(void **state)
{
	struct topology *topology = *state;
	union rds_addr far = rds_addr_port(&topology->far[0], 4000), near, addr;
	int fd = asking(topology, &near);
	int quiet = topology_near(topology, &addr);

	send_pattern(quiet, 100, 1, &far);
	send_pattern(fd, 100, 1, &far);
	wait_error(fd);
	assert_int_equal(rds_wait(quiet, POLLERR, deadline_in(0)) & POLLERR, 0);
	assert_int_equal(so_error(quiet), 0);
	assert_fails(read_record(quiet, 64, 0).rc, EAGAIN);
	/* Nor is one who sent nothing there. */
	quiet = asking(topology, &addr);
	a_while();
	assert_int_equal(rds_wait(quiet, POLLERR, deadline_in(0)) & POLLERR, 0);
}

static void record__stays_without_control_room(void **state)
{
	struct topology *topology = *state;
	union rds_addr far = rds_addr_port(&topology->far[0], 4000), near;
	int fd = asking(topology, &near);
	struct record record;

	send_pattern(fd, 100, 1, &far);
	wait_error(fd);
	record = read_record(fd, 31, 0);
	assert_int_equal(record.rc, 0);
	assert_true(record.flags & MSG_CTRUNC);
	assert_int_equal(record.name_length, 0);
	record = read_record(fd, 0, 0);
	assert_int_equal(record.rc, 0);
	assert_true(record.flags & MSG_CTRUNC);
	record = read_record(fd, 32, 0);
	expect_record(&record, &far, ECONNREFUSED);
}

/* The queue is bounded by SO_RCVBUF: what has no room is counted, and SO_ERROR tells it, too. */
static void record__has_no_room(void **state)
{
	struct topology *topology = *state;
	const struct netns *ns = &topology->ns[0];
	union rds_addr far = rds_addr_port(&topology->far[0], 4000), near;
	struct counters before;
	int fd = asking(topology, &near), records = 0;
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint64_t told = 0, sent = 0;

	assert_int_equal(rds_set(fd, SOL_SOCKET, SO_RCVBUF, 1), 0);
	assert_int_equal(counters_read(ns, &before), 0);
	/* A message is told of once, whatever waits for the next attempt with it. */
	while (!counter_moved(ns, &before, "peer_errors_lost")) {
		assert_false(deadline_over(&deadline));
		if (sent == told)
			send_pattern(fd, 100, (uint32_t)sent++, &far);
		deadline_step();
		told = counter_moved(ns, &before, "peer_errors");
	}
	assert_int_equal(so_error(fd), ECONNREFUSED);
	while (read_record(fd, 64, 0).rc == 0)
		records++;
	assert_int_equal(records, told);
	assert_in_range(records, 1, sent - 1);
}

/* Both kinds in one queue: errors first, cookies unharmed. */
static void record__beside_cookies(void **state)
{
	struct topology *topology = *state;
	union rds_addr far = rds_addr_port(&topology->far[0], 4000), near;
	int fd = asking(topology, &near);
	struct record record;
	uint32_t cookie = 77;
	uint32_t list[4];

	assert_int_equal(rds_set(fd, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_int_equal(rds_send_zc(fd, list, sizeof(list), &far, cookie, 0), sizeof(list));
	wait_error(fd);
	a_while();
	record = read_record(fd, 64, 0);
	expect_record(&record, &far, ECONNREFUSED);
	zc_reap_exactly(fd, list, 1);
	assert_int_equal(list[0], cookie);
	assert_int_equal(rds_wait(fd, POLLERR, deadline_in(0)) & POLLERR, 0);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "peer_error" };

	SUITE_ADD(&suite, option__values, variants_one_each);
	SUITE_ADD(&suite, refused__once_for_each_message, variants_wire);
	SUITE_ADD(&suite, refused__once_for_each_message, variants_one_nobody);
	SUITE_ADD(&suite, refused__ends_a_receive, variants_one_each);
	SUITE_ADD(&suite, refused__told_who_asks_later, variants_wire);
	SUITE_ADD(&suite, refused__told_who_asks_later, variants_one_nobody);
	SUITE_ADD(&suite, nobody__is_told_too, variants_wire);
	SUITE_ADD(&suite, nobody__is_told_too, variants_one_nobody);
	SUITE_ADD(&suite, no_route__is_told_at_once, variants_wire);
	SUITE_ADD(&suite, no_route__is_told_at_once, variants_one_nobody);
	SUITE_ADD(&suite, others__hear_nothing, variants_one_each);
	SUITE_ADD(&suite, record__stays_without_control_room, variants_one_each);
	SUITE_ADD(&suite, record__has_no_room, variants_one_each);
	SUITE_ADD(&suite, record__beside_cookies, variants_one_each);
	return suite_run(&suite, argc, argv);
}
