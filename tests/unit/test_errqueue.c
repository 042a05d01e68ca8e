// SPDX-License-Identifier: GPL-2.0
/*
 * Runs of cookies, read and peeked at, with every fault that the user's memory can have. The queue
 * is one of this program's own: two lists, one per verdict, as the module keeps them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/errqueue.h>
#include <linux/in.h>

#include "errqueue.h"
#include "kernel.h"

#define COPIED SO_EE_CODE_ZEROCOPY_COPIED
#define MANY 70000
#define CONTROL CMSG_LEN(sizeof(struct sock_extended_err))

struct record {
	struct list_head node;
	u32 cookie;
	u8 code;
};

struct queue {
	struct list_head ready[2];
	u32 count[2];
	u32 freed, untaken;
};

static bool no_memory, bad_control;
static struct sock_extended_err report;
static int reports;

/* ---- the kernel's part ---- */

size_t copy_to_iter(const void *from, size_t bytes, struct iov_iter *to)
{
	size_t part = min(bytes, to->left);

	memcpy(to->to, from, part);
	to->to += part;
	to->left -= part;
	return part;
}

int put_cmsg(struct msghdr *msg, int level, int type, int len, void *data)
{
	assert_int_equal(level, SOL_IP);
	assert_int_equal(type, IP_RECVERR);
	assert_int_equal(len, 16);
	assert_true(msg->msg_controllen >= CONTROL);
	if (bad_control)
		return -EFAULT;
	memcpy(&report, data, sizeof(report));
	reports++;
	return 0;
}

void *kvmalloc_array(size_t n, size_t size, unsigned int gfp)
{
	(void)gfp;
	return no_memory ? NULL : malloc(n * size);
}

void kvfree(const void *memory)
{
	free((void *)memory);
}

/* ---- the socket's part ---- */

static struct record *record_of(const struct list_head *node)
{
	return (struct record *)((char *)node - offsetof(struct record, node));
}

/* The run that is next: that of the pages that travelled, if there is one. */
static int next_run(const struct queue *queue, struct rdsz_errqueue_batch *batch)
{
	int run = queue->count[0] ? 0 : 1;

	batch->total = queue->count[run];
	batch->code = run ? COPIED : 0;
	return run;
}

static u32 queue_peek(void *priv, u32 *cookies, u32 max, struct rdsz_errqueue_batch *batch)
{
	struct queue *queue = priv;
	int run = next_run(queue, batch);
	struct list_head *pos;
	u32 n = 0;

	list_for_each(pos, &queue->ready[run]) {
		if (n == max)
			break;
		cookies[n++] = record_of(pos)->cookie;
	}
	return n;
}

static u32 queue_take(void *priv, u32 max, struct list_head *out, struct rdsz_errqueue_batch *batch)
{
	struct queue *queue = priv;
	int run = next_run(queue, batch);
	u32 n = 0;

	while (n < max && !list_empty(&queue->ready[run])) {
		list_move_tail(queue->ready[run].next, out);
		n++;
	}
	queue->count[run] -= n;
	return n;
}

static u32 queue_cookie(const struct list_head *record)
{
	return record_of(record)->cookie;
}

static void queue_untake(void *priv, struct list_head *records,
			 const struct rdsz_errqueue_batch *batch)
{
	struct queue *queue = priv;
	struct list_head *pos;
	int run = batch->code == COPIED;

	list_for_each(pos, records) {
		assert_int_equal(record_of(pos)->code, batch->code);
		queue->count[run]++;
		queue->untaken++;
	}
	list_splice_init(records, &queue->ready[run]);
}

static void queue_done(void *priv, struct list_head *records)
{
	struct queue *queue = priv;

	while (!list_empty(records)) {
		LIST_HEAD(gone);

		list_move_tail(records->next, &gone);
		free(record_of(gone.next));
		queue->freed++;
	}
}

static const struct rdsz_errqueue_source source = {
	.peek = queue_peek, .take = queue_take, .cookie = queue_cookie,
	.untake = queue_untake, .done = queue_done,
};

/* ---- what the tests say ---- */

static void add(struct queue *queue, u32 cookie, u8 code)
{
	struct record *record = malloc(sizeof(*record));

	assert_non_null(record);
	record->cookie = cookie;
	record->code = code;
	list_add_tail(&record->node, &queue->ready[code == COPIED]);
	queue->count[code == COPIED]++;
}

static void add_row(struct queue *queue, u32 first, u32 count, u8 code)
{
	while (count--)
		add(queue, first++, code);
}

/* One recvmsg: what it said, and the cookies. */
struct call {
	int ret;
	unsigned int flags;
	u32 cookies[MANY];
};

static struct call call;

/* @writable: bytes of the buffer that do not fault. */
static int receive(struct queue *queue, size_t len, size_t writable, size_t control, int flags)
{
	struct msghdr msg = {
		.msg_iter = { (char *)call.cookies, writable },
		.msg_control = control ? &msg : NULL,
		.msg_controllen = control,
	};

	memset(&report, 0, sizeof(report));
	reports = 0;
	call.ret = rdsz_errqueue_recv(&msg, len, flags, &source, queue);
	call.flags = msg.msg_flags;
	return call.ret;
}

static int receive_well(struct queue *queue, size_t len, int flags)
{
	return receive(queue, len, len, CONTROL, flags);
}

static void assert_report(u32 count, u8 code)
{
	assert_int_equal(reports, 1);
	assert_int_equal(report.ee_origin, SO_EE_ORIGIN_ZEROCOPY);
	assert_int_equal(report.ee_data, count);
	assert_int_equal(report.ee_code, code);
	assert_int_equal(report.ee_errno, 0);
	assert_int_equal(report.ee_info, 0);
	assert_true(call.flags & MSG_ERRQUEUE);
}

static void assert_row(u32 first, u32 count)
{
	u32 i;

	assert_int_equal(call.ret, count * 4);
	for (i = 0; i < count; i++)
		assert_int_equal(call.cookies[i], first + i);
}

static int setup(void **state)
{
	static struct queue queue;

	memset(&queue, 0, sizeof(queue));
	queue.ready[0] = (struct list_head)LIST_HEAD_INIT(queue.ready[0]);
	queue.ready[1] = (struct list_head)LIST_HEAD_INIT(queue.ready[1]);
	no_memory = false;
	bad_control = false;
	*state = &queue;
	return 0;
}

static int teardown(void **state)
{
	struct queue *queue = *state;

	queue_done(queue, &queue->ready[0]);
	queue_done(queue, &queue->ready[1]);
	return 0;
}

static void read__all_that_fit_in_order(void **state)
{
	static const u32 sizes[] = { 1, 2, 63, 64, 65, 127, 128, 129, 10000, MANY };
	struct queue *queue = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		add_row(queue, i, sizes[i], COPIED);
		receive_well(queue, sizes[i] * 4, 0);
		assert_row(i, sizes[i]);
		assert_report(sizes[i], COPIED);
		assert_int_equal(call.flags & (MSG_TRUNC | MSG_CTRUNC), 0);
		assert_int_equal(queue->count[1], 0);
	}
}

static void read__rest_stays_and_is_told(void **state)
{
	struct queue *queue = *state;

	add_row(queue, 0, 5, 0);
	receive_well(queue, 11, 0);
	assert_row(0, 2);
	assert_report(2, 0);
	assert_true(call.flags & MSG_TRUNC);
	receive_well(queue, 100, 0);
	assert_row(2, 3);
	assert_report(3, 0);
	assert_false(call.flags & MSG_TRUNC);
	assert_int_equal(queue->freed, 5);
}

static void read__one_verdict_at_a_time(void **state)
{
	struct queue *queue = *state;
	u32 i;

	for (i = 0; i < 100; i++)
		add(queue, i / 2 + i % 2 * 1000, i % 2 ? COPIED : 0);
	receive_well(queue, 4000, 0);
	assert_row(0, 50);
	assert_report(50, 0);
	assert_false(call.flags & MSG_TRUNC);	/* it speaks of the same verdict */
	receive_well(queue, 4000, 0);
	assert_row(1000, 50);
	assert_report(50, COPIED);
}

static void empty__is_eagain_in_every_form(void **state)
{
	struct queue *queue = *state;

	assert_int_equal(receive_well(queue, 100, 0), -EAGAIN);
	assert_int_equal(receive_well(queue, 100, MSG_PEEK), -EAGAIN);
	assert_int_equal(receive_well(queue, 3, 0), -EAGAIN);
	assert_int_equal(receive_well(queue, 0, MSG_PEEK), -EAGAIN);
	assert_int_equal(receive(queue, 100, 100, 0, 0), -EAGAIN);
	assert_int_equal(reports, 0);
	assert_int_equal(call.flags, 0);
}

static void room__for_less_than_one(void **state)
{
	struct queue *queue = *state;
	size_t room;

	add_row(queue, 0, 5, COPIED);
	for (room = 0; room < 4; room++) {
		assert_int_equal(receive_well(queue, room, 0), 0);
		assert_report(0, COPIED);
		assert_true(call.flags & MSG_TRUNC);
		assert_int_equal(receive_well(queue, room, MSG_PEEK), 0);
		assert_report(5, COPIED);
		assert_true(call.flags & MSG_TRUNC);
	}
	assert_int_equal(queue->count[1], 5);
}

static void control__missing_or_short_takes_nothing(void **state)
{
	struct queue *queue = *state;
	size_t room;

	add_row(queue, 0, 5, 0);
	for (room = 0; room < CONTROL; room++) {
		assert_int_equal(receive(queue, 100, 100, room, room % 2 ? MSG_PEEK : 0), 0);
		assert_true(call.flags & MSG_CTRUNC);
		assert_int_equal(reports, 0);
		assert_int_equal(queue->count[0], 5);
	}
	receive(queue, 100, 100, CONTROL, 0);
	assert_row(0, 5);
}

static void peek__takes_nothing_and_tells_all(void **state)
{
	struct queue *queue = *state;
	int i;

	add_row(queue, 0, 1000, COPIED);
	for (i = 0; i < 3; i++) {
		receive_well(queue, 40, MSG_PEEK);
		assert_row(0, 10);
		assert_report(1000, COPIED);
		assert_true(call.flags & MSG_TRUNC);
		receive_well(queue, 4000, MSG_PEEK);
		assert_row(0, 1000);
		assert_report(1000, COPIED);
		assert_false(call.flags & MSG_TRUNC);
	}
	assert_int_equal(queue->freed + queue->untaken, 0);
	receive_well(queue, 4000, 0);
	assert_row(0, 1000);
}

static void peek__shows_fewer_without_memory(void **state)
{
	struct queue *queue = *state;

	no_memory = true;
	add_row(queue, 0, 1000, 0);
	receive_well(queue, 4000, MSG_PEEK);
	assert_true(call.ret >= 4 && call.ret < 4000);
	assert_row(0, (u32)call.ret / 4);
	assert_report(1000, 0);
	assert_true(call.flags & MSG_TRUNC);
}

static void peek__has_a_bound(void **state)
{
	struct queue *queue = *state;

	add_row(queue, 0, MANY, 0);
	receive_well(queue, MANY * 4, MSG_PEEK);
	assert_row(0, 65536);
	assert_report(MANY, 0);
	assert_true(call.flags & MSG_TRUNC);
}

/* The buffer faults at each place in turn: all is put back, in order. */
static void fault__in_the_data(void **state)
{
	struct queue *queue = *state;
	size_t writable;

	add_row(queue, 0, 200, 0);
	add_row(queue, 1000, 200, COPIED);
	for (writable = 0; writable < 800; writable += 7) {
		assert_int_equal(receive(queue, 800, writable, CONTROL, 0), -EFAULT);
		assert_int_equal(receive(queue, 800, writable, CONTROL, MSG_PEEK), -EFAULT);
		assert_int_equal(queue->count[0], 200);
	}
	assert_int_equal(queue->freed, 0);
	receive_well(queue, 800, 0);
	assert_row(0, 200);
	receive_well(queue, 800, 0);
	assert_row(1000, 200);
}

static void fault__in_the_report(void **state)
{
	struct queue *queue = *state;

	add_row(queue, 0, 100, 0);
	bad_control = true;
	assert_int_equal(receive_well(queue, 40, 0), -EFAULT);
	assert_int_equal(receive_well(queue, 40, MSG_PEEK), -EFAULT);
	assert_int_equal(receive_well(queue, 3, 0), -EFAULT);
	bad_control = false;
	receive_well(queue, 400, 0);
	assert_row(0, 100);
}

/*
 * One call of any kind; returns how many cookies were taken, and checks that they are the next
 * ones.
 */
static u32 random_call(struct queue *queue, unsigned int *seed, u32 next[2])
{
	size_t len = (size_t)rand_r(seed) % 600;
	size_t writable = rand_r(seed) % 4 ? len : (size_t)rand_r(seed) % (len + 1);
	size_t control = rand_r(seed) % 8 ? CONTROL : 0;
	int peek = rand_r(seed) % 3 ? 0 : MSG_PEEK;
	u32 taken;
	int run;

	bad_control = rand_r(seed) % 8 == 0;
	no_memory = rand_r(seed) % 2;
	if (receive(queue, len, writable, control, peek) <= 0)
		return 0;
	run = report.ee_code == COPIED;
	taken = (u32)call.ret / 4;
	assert_row(next[run], taken);
	if (peek)
		return 0;
	next[run] += taken;
	return taken;
}

static void random__none_is_lost_and_none_doubled(void **state)
{
	struct queue *queue = *state;
	u32 added[2] = { 0, 1 << 20 }, next[2] = { 0, 1 << 20 };
	unsigned int seed = 5;
	u32 taken = 0, total = 0;
	int round, run, n;

	for (round = 0; round < 20000; round++) {
		run = rand_r(&seed) % 2;
		n = rand_r(&seed) % 40;
		add_row(queue, added[run], n, run ? COPIED : 0);
		added[run] += n;
		total += n;
		taken += random_call(queue, &seed, next);
		taken += random_call(queue, &seed, next);
	}
	for (round = 0; taken < total && round < 1000000; round++)
		taken += random_call(queue, &seed, next);
	assert_int_equal(taken, total);
	assert_int_equal(queue->freed, total);
	assert_int_equal(queue->count[0] + queue->count[1], 0);
	assert_memory_equal(next, added, sizeof(next));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(read__all_that_fit_in_order),
		TEST(read__rest_stays_and_is_told),
		TEST(read__one_verdict_at_a_time),
		TEST(empty__is_eagain_in_every_form),
		TEST(room__for_less_than_one),
		TEST(control__missing_or_short_takes_nothing),
		TEST(peek__takes_nothing_and_tells_all),
		TEST(peek__shows_fewer_without_memory),
		TEST(peek__has_a_bound),
		TEST(fault__in_the_data),
		TEST(fault__in_the_report),
		TEST(random__none_is_lost_and_none_doubled),
	};

	return cmocka_run_group_tests_name("errqueue", tests, NULL, NULL);
}
