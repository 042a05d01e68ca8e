// SPDX-License-Identifier: GPL-2.0
/*
 * io_uring, which sends with MSG_NOSIGNAL: in-tree RDS refuses that as every flag that it does not
 * know, and it has no zerocopy but its own, that of the cookies. What ours does there, and all that
 * comes of it, is in test_uring.
 */
#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "conf.h"
#include "pattern.h"
#include "zc.h"

#define LENGTH 4096

struct message {
	struct io_uring uring;
	struct ends ends;
	unsigned char *buffer;
	struct iovec iov;
	struct msghdr msg;
};

/* A ring, two sockets, and a page that goes from one of them to the other. */
static void message_open(struct message *m, void **state)
{
	memset(m, 0, sizeof(*m));
	assert_int_equal(io_uring_queue_init(4, &m->uring, 0), 0);
	m->ends = conf_ends(state);
	m->buffer = zc_buffer(LENGTH);
	assert_non_null(m->buffer);
	m->iov = (struct iovec){ m->buffer, LENGTH };
	m->msg.msg_iov = &m->iov;
	m->msg.msg_iovlen = 1;
}

static void message_close(struct message *m)
{
	io_uring_queue_exit(&m->uring);
	zc_buffer_free(m->buffer, LENGTH);
}

static void message_fill(struct message *m, uint32_t seed)
{
	pattern_fill(m->buffer, LENGTH, seed);
	m->msg.msg_name = &m->ends.far;
	m->msg.msg_namelen = rds_addr_len(&m->ends.far);
}

static struct io_uring_sqe *next_sqe(struct message *m)
{
	return io_uring_get_sqe(&m->uring);
}

/* What the next entry of the completion queue says, as a call would say it. */
static long result(struct message *m)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct io_uring_cqe *cqe;
	long res;

	while (io_uring_peek_cqe(&m->uring, &cqe)) {
		if (deadline_over(&deadline))
			fail_msg("nothing is completed");
		deadline_step();
	}
	res = cqe->res;
	io_uring_cqe_seen(&m->uring, cqe);
	if (res >= 0)
		return res;
	errno = (int)-res;
	return -1;
}

static long submit(struct message *m)
{
	assert_int_equal(io_uring_submit(&m->uring), 1);
	return result(m);
}

/* The end of an earlier ring may interrupt a read that sleeps. */
static void expect_arrival(const struct message *m, uint32_t seed)
{
	assert_true(rds_wait(m->ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	receive_pattern(m->ends.rx, LENGTH, seed, &m->ends.near);
}

static void core_uring__receive(void **state)
{
	union rds_addr from;
	struct message m;

	message_open(&m, state);
	m.msg.msg_name = &from;
	m.msg.msg_namelen = sizeof(from);
	io_uring_prep_recvmsg(next_sqe(&m), m.ends.rx, &m.msg, 0);
	assert_int_equal(io_uring_submit(&m.uring), 1);
	send_pattern(m.ends.tx, LENGTH, 1, &m.ends.far);
	returns(result(&m), LENGTH);
	assert_int_equal(pattern_check(m.buffer, LENGTH, 1), -1);
	assert_true(rds_addr_equal(&from, &m.ends.near));
	message_close(&m);
}

static void core_uring__send(void **state)
{
	struct message m;

	message_open(&m, state);
	message_fill(&m, 2);
	io_uring_prep_sendmsg(next_sqe(&m), m.ends.tx, &m.msg, 0);
	if (in_tree()) {
		answers(submit(&m), EOPNOTSUPP);
	} else {
		returns(submit(&m), LENGTH);
		expect_arrival(&m, 2);
	}
	message_close(&m);
}

/* In-tree the cookie makes no difference. */
static void core_uring__send_with_cookie(void **state)
{
	struct control control = { 0 };
	uint32_t cookie;
	struct message m;

	message_open(&m, state);
	message_fill(&m, 3);
	conf_zerocopy(m.ends.tx, 2);
	control_add_cookie(&control, 33);
	m.msg.msg_control = control.space;
	m.msg.msg_controllen = control.used;
	io_uring_prep_sendmsg(next_sqe(&m), m.ends.tx, &m.msg, MSG_ZEROCOPY);
	if (in_tree()) {
		answers(submit(&m), EOPNOTSUPP);
		conf_no_cookie(m.ends.tx, 2);
	} else {
		returns(submit(&m), LENGTH);
		expect_arrival(&m, 3);
		returns(conf_reap(m.ends.tx, 2, &cookie, 1), 1);
		assert_int_equal(cookie, 33);
	}
	message_close(&m);
}

/* A kernel that has no such sends, in-tree RDS that takes none, or a message and a notification. */
static void expect_zerocopy(struct message *m, uint32_t seed)
{
	if (kernel_before(6, 1)) {
		answers(submit(m), EINVAL);
	} else if (in_tree()) {
		answers(submit(m), EOPNOTSUPP);
	} else {
		returns(submit(m), LENGTH);
		expect_arrival(m, seed);
		assert_true(result(m) >= 0);
	}
}

static void core_uring__zerocopy(void **state)
{
	struct message m;

	message_open(&m, state);
	message_fill(&m, 4);
	io_uring_prep_sendmsg_zc(next_sqe(&m), m.ends.tx, &m.msg, 0);
	expect_zerocopy(&m, 4);
	message_close(&m);
}

static void core_uring__zerocopy_from_a_registered_buffer(void **state)
{
	struct io_uring_sqe *sqe;
	struct message m;

	message_open(&m, state);
	message_fill(&m, 5);
	assert_int_equal(io_uring_register_buffers(&m.uring, &m.iov, 1), 0);
	sqe = next_sqe(&m);
	io_uring_prep_send_zc_fixed(sqe, m.ends.tx, m.buffer, LENGTH, 0, 0, 0);
	io_uring_prep_send_set_addr(sqe, &m.ends.far.sa, rds_addr_len(&m.ends.far));
	expect_zerocopy(&m, 5);
	message_close(&m);
}

const struct row rows_uring[] = {
	ROW(STAGE_WIRE, core_uring__receive),
	ROW(STAGE_WIRE, core_uring__send),
	ROW(STAGE_WIRE, core_uring__send_with_cookie),
	ROW(STAGE_WIRE, core_uring__zerocopy),
	ROW(STAGE_WIRE, core_uring__zerocopy_from_a_registered_buffer),
	{ 0 }
};
