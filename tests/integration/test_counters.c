// SPDX-License-Identifier: GPL-2.0
/* Statistics: their layout, both ways to read them, and one test for each cause. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "cred.h"
#include "module.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "zc.h"

struct record {
	char name[32];
	uint64_t value;
};

static struct record records[COUNTERS_MAX];
static uint32_t list[4096];

/* Row 89; returns how many records there are. */
static size_t read_records(int fd)
{
	socklen_t length = 0, exact;

	assert_fails(getsockopt(fd, SOL_RDS, RDS_INFO_COUNTERS, NULL, &length), ENOSPC);
	assert_true(length > 0);
	assert_int_equal(length % sizeof(struct record), 0);
	exact = length;
	length--;
	assert_fails(getsockopt(fd, SOL_RDS, RDS_INFO_COUNTERS, records, &length), ENOSPC);
	assert_int_equal(length, exact);
	assert_int_equal(getsockopt(fd, SOL_RDS, RDS_INFO_COUNTERS, records, &length),
			 sizeof(struct record));
	assert_int_equal(length, exact);
	length = sizeof(records);
	assert_int_equal(getsockopt(fd, SOL_RDS, RDS_INFO_COUNTERS, records, &length),
			 sizeof(struct record));
	assert_int_equal(length, exact);
	return exact / sizeof(struct record);
}

static void layout__records_are_those_that_tools_know(void **state)
{
	struct topology *topology = *state;
	int fd = netns_in(&topology->ns[0], rds_socket());
	size_t count, i, j;

	count = read_records(fd);
	assert_true(count >= COUNTERS_IN_TREE);
	for (i = 0; i < count; i++) {
		j = strnlen(records[i].name, sizeof(records[i].name));
		assert_in_range(j, 1, sizeof(records[i].name) - 1);
		for (; j < sizeof(records[i].name); j++)
			assert_int_equal(records[i].name[j], 0);
		if (i < COUNTERS_IN_TREE)
			assert_string_equal(records[i].name, counters_in_tree[i]);
	}
	close(fd);
}

/* Row 95. */
static void layout__bad_buffers(void **state)
{
	struct topology *topology = *state;
	int fd = netns_in(&topology->ns[0], rds_socket());
	size_t count = read_records(fd), size = count * sizeof(struct record);
	char *readonly = mmap(NULL, 65536, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *memory = (char *)zc_buffer(65536);
	socklen_t length = 65536;

	assert_fails(getsockopt(fd, SOL_RDS, RDS_INFO_COUNTERS, readonly, &length), EFAULT);
	length = (socklen_t)-1;
	assert_fails(getsockopt(fd, SOL_RDS, RDS_INFO_COUNTERS, memory, &length), EINVAL);
	/* Unaligned, over page boundaries. */
	length = (socklen_t)size;
	assert_int_equal(getsockopt(fd, SOL_RDS, RDS_INFO_COUNTERS, memory + 4091, &length),
			 sizeof(struct record));
	assert_string_equal(memory + 4091, counters_in_tree[0]);
	assert_memory_equal(memory + 4091, records, size);
	munmap(readonly, 65536);
	zc_buffer_free((unsigned char *)memory, 65536);
	close(fd);
}

static bool same_values(const struct counters *a, const struct counters *b)
{
	size_t i;

	for (i = 0; i < a->count && a->list[i].value == b->list[i].value; i++)
		;
	return i == a->count;
}

/*
 * The records, read while no counter moved; acknowledgements may still come when all else is calm.
 */
static size_t read_records_calmly(int fd, const struct netns *ns, struct counters *counters)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct counters before;
	size_t count;

	do {
		assert_false(deadline_over(&deadline));
		assert_int_equal(counters_read(ns, &before), 0);
		count = read_records(fd);
		assert_int_equal(counters_read(ns, counters), 0);
	} while (!same_values(&before, counters));
	return count;
}

/*
 * One connection, over which both ends have said who they are: nothing comes on its own any more.
 */
static struct ends calm_ends(void **state)
{
	static const struct counters none = { .count = 1, .list = { { "recv_ping", 0 } } };
	struct ends ends = ends_open_one_lane(state);
	struct topology *topology = ends.topology;

	send_pattern(ends.tx, 1, 1, &ends.far);
	receive_pattern(ends.rx, 1, 1, &ends.near);
	if (topology->variant->wire != WIRE_VETH)
		return ends;
	assert_true(counter_wait(&topology->ns[0], &none, "recv_ping", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_true(counter_wait(&topology->ns[1], &none, "recv_ping", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	return ends;
}

static void proc__agrees_with_the_records(void **state)
{
	struct ends ends = calm_ends(state);
	struct counters counters;
	size_t count, i;

	send_pattern(ends.tx, 5000, 1, &ends.far);
	receive_pattern(ends.rx, 5000, 1, &ends.near);
	count = read_records_calmly(ends.tx, &ends.topology->ns[0], &counters);
	assert_int_equal(counters.count, count);
	for (i = 0; i < count; i++) {
		assert_string_equal(records[i].name, counters.list[i].name);
		assert_int_equal(records[i].value, counters.list[i].value);
	}
}

static void counters__are_per_namespace(void **state)
{
	struct ends ends = ends_open(state);
	struct netns stranger;
	struct counters counters;
	size_t i;

	assert_int_equal(netns_create(&stranger), 0);
	send_pattern(ends.tx, 5000, 1, &ends.far);
	receive_pattern(ends.rx, 5000, 1, &ends.near);
	assert_int_equal(counters_read(&stranger, &counters), 0);
	for (i = 0; i < counters.count; i++)
		assert_int_equal(counters.list[i].value, 0);
	netns_destroy(&stranger);
}

static void moved_by(const struct netns *ns, const struct counters *before, const char *name,
		     uint64_t by)
{
	uint64_t moved = counter_moved(ns, before, name);

	if (moved != by)
		fail_msg("%s moved by %llu, expected %llu", name, (unsigned long long)moved,
			 (unsigned long long)by);
}

static void message__is_counted_at_both_ends(void **state)
{
	struct ends ends = calm_ends(state);
	const struct netns *near = &ends.topology->ns[0];
	const struct netns *far = topology_far_ns(ends.topology, 0);
	struct counters at_near, at_far;
	uint32_t i;

	assert_int_equal(counters_read(near, &at_near), 0);
	assert_int_equal(counters_read(far, &at_far), 0);
	for (i = 0; i < 10; i++) {
		send_pattern(ends.tx, 1000, i, &ends.far);
		receive_pattern(ends.rx, 1000, i, &ends.near);
	}
	moved_by(near, &at_near, "copy_from_user", 10000);
	moved_by(near, &at_near, "send_queued", 10);
	moved_by(far, &at_far, "copy_to_user", 10000);
	moved_by(far, &at_far, "recv_queued", 10);
	moved_by(far, &at_far, "recv_delivered", 10);
	moved_by(far, &at_far, "recv_bytes_added_to_sock", 10000);
	moved_by(far, &at_far, "recv_bytes_freed_fromsock", 10000);
}

static void ping__is_counted(void **state)
{
	struct ends ends = calm_ends(state);
	const struct netns *far = topology_far_ns(ends.topology, 0);
	union rds_addr to = rds_addr_port(&ends.far, 0);
	struct counters before;

	assert_int_equal(counters_read(far, &before), 0);
	assert_int_equal(rds_send(ends.tx, NULL, 0, &to, 0), 0);
	assert_int_equal(rds_recv(ends.tx, list, 1, NULL, 0), 0);
	moved_by(far, &before, "recv_ping", 1);
	moved_by(far, &before, "send_pong", 1);
}

static void connection__is_counted(void **state)
{
	struct ends ends = calm_ends(state);
	const struct netns *near = &ends.topology->ns[0];
	const struct netns *far = topology_far_ns(ends.topology, 0);
	bool small = !ends.topology->variant->swap;
	struct counters none = { .count = 1, .list = { { "cong_update_received", 0 } } };

	assert_int_equal(counter_now(near, "conn_up"), 1);
	assert_int_equal(counter_now(far, "conn_up"), 1);
	assert_true(counter_now(small ? near : far, "tcp_connects") >= 1);
	assert_true(counter_now(small ? far : near, "tcp_accepts") >= 1);
	assert_int_equal(counter_now(near, "tcp_wakeups_sent") > 0, !small);
	assert_int_equal(counter_now(far, "tcp_wakeups_received") > 0, !small);
	/* The peer's map follows when the connection is up. */
	assert_true(counter_wait(near, &none, "cong_update_received", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	send_pattern(ends.rx, 1, 2, &ends.near);
	receive_pattern(ends.tx, 1, 2, &ends.far);
	assert_true(counter_now(near, "tcp_data_ready_calls") > 0);
}

/* ---- one refusal each ---- */

static void refuse_flags(struct ends *ends)
{
	assert_fails(rds_send(ends->tx, "x", 1, &ends->far, MSG_OOB), EOPNOTSUPP);
}

static void refuse_addr(struct ends *ends)
{
	union rds_addr to = rds_addr("224.0.0.1", 9);

	assert_fails(rds_send(ends->tx, "x", 1, &to, 0), EINVAL);
}

static void refuse_notconn(struct ends *ends)
{
	assert_fails(rds_send(ends->tx, "x", 1, NULL, 0), ENOTCONN);
}

static void refuse_size(struct ends *ends)
{
	assert_fails(rds_send(ends->tx, list, RDS_DEFAULT_SPACE + 1, &ends->far, 0), EMSGSIZE);
}

static void refuse_cmsg(struct ends *ends)
{
	union {
		char space[64];
		struct cmsghdr header;
	} control = { .header = {
		.cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_RDS, .cmsg_type = 99,
	} };
	struct iovec iov = { "x", 1 };
	struct msghdr message = {
		.msg_name = &ends->far, .msg_namelen = rds_addr_len(&ends->far),
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = CMSG_SPACE(8),
	};

	assert_fails(sendmsg(ends->tx, &message, 0), EINVAL);
}

static void refuse_zcopy(struct ends *ends)
{
	assert_fails(rds_send_zc(ends->tx, "x", 1, &ends->far, 1, 0), EINVAL);
}

static void refuse_fault(struct ends *ends)
{
	assert_fails(rds_send(ends->tx, NULL, 1, &ends->far, 0), EFAULT);
}

static void refuse_full(struct ends *ends)
{
	union rds_addr to = nobody_home(ends->topology);

	assert_int_equal(rds_send(ends->tx, list, 10000, &to, 0), 10000);
	assert_int_equal(rds_set(ends->tx, SOL_SOCKET, SO_SNDBUF, 10000), 0);
	assert_fails(rds_send(ends->tx, list, 1, &to, MSG_DONTWAIT), EAGAIN);
}

static const struct {
	const char *counter;
	void (*refuse)(struct ends *ends);
} refusals[] = {
	{ "send_refused_flags", refuse_flags },
	{ "send_refused_addr", refuse_addr },
	{ "send_refused_notconn", refuse_notconn },
	{ "send_refused_size", refuse_size },
	{ "send_refused_cmsg", refuse_cmsg },
	{ "send_refused_zcopy", refuse_zcopy },
	{ "send_refused_fault", refuse_fault },
	{ "send_refused_full", refuse_full },
};

/* Each refusal moves its own counter, by one, and no other. */
static void refusal__has_its_own_counter(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	size_t count = ARRAY_SIZE(refusals);
	struct counters before;
	size_t i, j;

	for (i = 0; i < count; i++) {
		assert_int_equal(counters_read(ns, &before), 0);
		refusals[i].refuse(&ends);
		for (j = 0; j < count; j++)
			moved_by(ns, &before, refusals[j].counter, i == j);
	}
}

/* ---- what it costs ---- */

static void warm_up(const struct ends *ends)
{
	uint32_t i;

	for (i = 0; i < 5; i++) {
		send_pattern(ends->tx, 100, i, &ends->far);
		receive_pattern(ends->rx, 100, i, &ends->near);
	}
}

/* Nobody's messages fit the smallest default RLIMIT_MEMLOCK (64 KiB on 5.10) one at a time. */
static size_t largest(size_t of_root)
{
	return cred_is_nobody() ? 32768 : of_root;
}

/* One call into TCP per message, plus one per write-space wake-up. */
static void tcp_calls__are_few(void **state)
{
	struct ends ends = zc_ends(state, 4 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	size_t length = largest(1 << 20);
	unsigned char *buffer = zc_buffer(length);
	uint64_t calls, wakeups;
	struct counters before;
	uint32_t i;

	assert_non_null(buffer);
	warm_up(&ends);
	assert_int_equal(counters_read(ns, &before), 0);
	for (i = 0; i < 20; i++) {
		pattern_fill(buffer, length, i);
		zc_send(&ends, buffer, length, i);
		receive_pattern(ends.rx, length, i, &ends.near);
		zc_reap_exactly(ends.tx, list, 1);
	}
	calls = counter_moved(ns, &before, "tcp_send_calls");
	wakeups = counter_moved(ns, &before, "tcp_write_space_calls");
	assert_true(calls >= 20);
	if (calls > 20 + wakeups)
		fail_msg("%llu calls for 20 messages and %llu wake-ups",
			 (unsigned long long)calls, (unsigned long long)wakeups);
	zc_buffer_free(buffer, length);
}

/*
 * Where the peer is on the same machine its acknowledgements come from within the send, so TCP may
 * have room again before the module has seen that it was full. That is no lack of memory, for which
 * it waits some ticks.
 */
static void full__goes_on_at_once(void **state)
{
	struct ends ends = zc_ends(state, 4 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	struct counters before;
	uint32_t i;

	assert_int_equal(netns_sysctl_set(ns, "tcp_sndbuf", 131072), 0);
	warm_up(&ends);
	assert_int_equal(counters_read(ns, &before), 0);
	for (i = 0; i < 50; i++) {
		send_pattern(ends.tx, 1 << 20, i, &ends.far);
		receive_pattern(ends.rx, 1 << 20, i, &ends.near);
	}
	assert_true(counter_moved(ns, &before, "tcp_sndbuf_full") > 0);
	moved_by(ns, &before, "send_delayed_retry", 0);
}

/*
 * TCP is full and hears nothing, then its acknowledgements come: nothing but its call lets the rest
 * of the message go.
 */
static void full__is_continued_by_write_space(void **state)
{
	struct ends ends = zc_ends(state, 4 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	struct counters before;

	/* One lane, or the message may be held until the dead wire has acknowledged another. */
	topology_sysctl(ends.topology, "max_paths", 1);
	assert_int_equal(netns_sysctl_set(ns, "tcp_sndbuf", 131072), 0);
	warm_up(&ends);
	topology_blackhole(ends.topology, 0, true);
	assert_int_equal(counters_read(ns, &before), 0);
	send_pattern(ends.tx, 1 << 20, 1, &ends.far);
	assert_true(counter_wait(ns, &before, "tcp_sndbuf_full", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(counters_read(ns, &before), 0);
	topology_blackhole(ends.topology, 0, false);
	receive_pattern(ends.rx, 1 << 20, 1, &ends.near);
	assert_true(counter_moved(ns, &before, "tcp_write_space_calls") > 0);
	moved_by(ns, &before, "conn_reset", 0);
}

static void zerocopy__copies_nothing_in_sendmsg(void **state)
{
	struct ends ends = zc_ends(state, 4 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	size_t length = largest(65536);
	unsigned char *buffer = zc_buffer(length);
	struct counters before;

	assert_non_null(buffer);
	warm_up(&ends);
	assert_int_equal(counters_read(ns, &before), 0);
	pattern_fill(buffer, length, 3);
	zc_send(&ends, buffer, length, 1);
	receive_pattern(ends.rx, length, 3, &ends.near);
	zc_reap_exactly(ends.tx, list, 1);
	moved_by(ns, &before, "copy_from_user", 0);
	moved_by(ns, &before, "zc_sent", 1);
	moved_by(ns, &before, "zc_completed", 1);
	zc_buffer_free(buffer, length);
}

/* ---- optmem_max, of which TCP's own zerocopy takes some for each pass (5.10) ---- */

/* The other form does not have this function. */
static bool sends_by_error_queue(void)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	bool found = false;
	char line[512];

	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, " rdsz_zc_destruct\t[rds_zc]");
	assert_int_equal(fclose(file), 0);
	return found;
}

#define PASSES 6
#define PASS_SIZE (512 << 10)	/* TCP takes no more than this into one completion */

/*
 * Sends 3 MiB that TCP has to keep, for the link is dead for so long. Returns how far the counter
 * has moved by then, where this module sends in the form that may move it; the other never does.
 */
static uint64_t send_with_optmem(void **state, long optmem, const char *counter, size_t *copied)
{
	struct ends ends = zc_ends(state, 16 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	unsigned char *buffers = zc_buffer(PASSES * PASS_SIZE);
	struct counters before;
	uint32_t i;

	assert_non_null(buffers);
	topology_sysctl(ends.topology, "max_paths", 1);
	assert_int_equal(netns_sysctl_set(ns, "tcp_sndbuf", 16 << 20), 0);
	warm_up(&ends);
	topology_blackhole(ends.topology, 0, true);
	assert_int_equal(counters_read(ns, &before), 0);
	topology_optmem(ends.topology, optmem);
	for (i = 0; i < PASSES; i++) {
		pattern_fill(buffers + i * PASS_SIZE, PASS_SIZE, i);
		zc_send(&ends, buffers + i * PASS_SIZE, PASS_SIZE, i);
	}
	if (sends_by_error_queue())
		counter_wait(ns, &before, counter, 1, deadline_in(DEADLINE_USUAL_MS));
	topology_blackhole(ends.topology, 0, false);
	for (i = 0; i < PASSES; i++)
		receive_pattern(ends.rx, PASS_SIZE, i, &ends.near);
	*copied = zc_reap_exactly(ends.tx, list, PASSES);
	zc_buffer_free(buffers, PASSES * PASS_SIZE);
	return counter_moved(ns, &before, counter);
}

/* Room for one completion: the passes wait, and no send is refused. */
static void optmem__used_up_passes_wait(void **state)
{
	size_t copied;
	uint64_t waits = send_with_optmem(state, 1024, "zc_pass_waits", &copied);

	print_message("# %u passes waited\n", (unsigned int)waits);
	assert_int_equal(waits > 0, sends_by_error_queue());
}

/* Room for none: nothing to wait for, so TCP copies. */
static void optmem__too_small_passes_are_copied(void **state)
{
	size_t copied;
	uint64_t refused = send_with_optmem(state, 1, "zc_pass_refused", &copied);

	print_message("# %u passes refused, %zu messages copied\n", (unsigned int)refused, copied);
	assert_int_equal(refused > 0, sends_by_error_queue());
	if (refused)
		assert_int_equal(copied, PASSES);
}

/* veth copies what passes it: after a while sendmsg copies at once, and says so. */
static void adaptive__learns_that_the_path_copies(void **state)
{
	struct ends ends = zc_ends(state, 4 << 20);
	const struct netns *ns = &ends.topology->ns[0];
	size_t length = largest(65536);
	unsigned char *buffer = zc_buffer(length);
	struct counters before;
	uint32_t i;

	assert_non_null(buffer);
	assert_int_equal(rds_set(ends.tx, SOL_RDS, RDSZC_ZC_THRESHOLD, -1), 0);
	assert_int_equal(counters_read(ns, &before), 0);
	for (i = 0; i < 100; i++) {
		pattern_fill(buffer, length, i);
		zc_send(&ends, buffer, length, i);
		receive_pattern(ends.rx, length, i, &ends.near);
		assert_int_equal(zc_reap_exactly(ends.tx, list, 1), 1);
	}
	assert_true(counter_moved(ns, &before, "zc_copied_adaptive") > 50);
	assert_true(counter_moved(ns, &before, "zc_sent") > 0);
	moved_by(ns, &before, "zc_completed_copied", 100);
	zc_buffer_free(buffer, length);
}

/* ---- a message on its way to a socket that is being closed ---- */

struct closing {
	int fd;
	union rds_addr to;
	atomic_bool stop;
};

static void *send_all_the_time(void *arg)
{
	struct closing *closing = arg;

	while (!atomic_load(&closing->stop))
		rds_send(closing->fd, "x", 1, &closing->to, MSG_DONTWAIT);
	return NULL;
}

/* The receiver is closed, and there again, again and again. */
static void closed__while_a_message_comes(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct closing closing = { .fd = ends.tx, .to = ends.far };
	uint64_t dropped = 0;
	struct counters before;
	unsigned int closes;
	pthread_t thread;
	int fd = 0;

	topology_close(ends.topology, ends.rx);
	assert_int_equal(counters_read(ns, &before), 0);
	/* Between looking for the socket and the look at whether it is still open. */
	assert_int_equal(module_dawdle("rds_zc_message", true), 0);
	assert_int_equal(pthread_create(&thread, NULL, send_all_the_time, &closing), 0);
	for (closes = 0; fd >= 0 && !dropped && !deadline_over(&deadline); closes++) {
		fd = rds_open(ns, &ends.far);
		usleep(1000 + closes % 16 * 100);
		if (fd >= 0)
			close(fd);
		dropped = counter_moved(ns, &before, "recv_drop_dead_sock");
	}
	atomic_store(&closing.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(module_dawdle("rds_zc_message", false), 0);
	print_message("# closed %u times\n", closes);
	assert_true(dropped > 0);
	ends.rx = topology_far(ends.topology, &ends.far);
	send_pattern(ends.tx, 1000, 1, &ends.far);
	receive_pattern(ends.rx, 1000, 1, &ends.near);
}

static void cookies__without_control_room_are_counted(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *ns = &ends.topology->ns[0];
	union {
		char space[64];
		struct cmsghdr align;
	} control;
	char data[10];
	struct iovec iov = { data, sizeof(data) };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = 55,
	};
	struct counters before;

	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	zc_send(&ends, list, 64, 1);
	send_pattern(ends.rx, 10, 1, &ends.near);
	assert_true(rds_wait(ends.tx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	assert_int_equal(counters_read(ns, &before), 0);
	assert_int_equal(recvmsg(ends.tx, &message, 0), 10);
	moved_by(ns, &before, "zc_cmsg_no_room", 1);
	zc_reap_exactly(ends.tx, list, 1);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "counters" };

	SUITE_ADD(&suite, layout__records_are_those_that_tools_know, variants_one_each);
	SUITE_ADD(&suite, layout__bad_buffers, variants_one_each);
	SUITE_ADD(&suite, proc__agrees_with_the_records, variants_basic);
	SUITE_ADD(&suite, counters__are_per_namespace, variants_one);
	SUITE_ADD(&suite, message__is_counted_at_both_ends, variants_basic);
	SUITE_ADD(&suite, ping__is_counted, variants_basic);
	SUITE_ADD(&suite, connection__is_counted, variants_wire);
	SUITE_ADD(&suite, refusal__has_its_own_counter, variants_any_each);
	SUITE_ADD(&suite, tcp_calls__are_few, variants_wire);
	SUITE_ADD(&suite, tcp_calls__are_few, variants_one_nobody);
	SUITE_ADD(&suite, full__goes_on_at_once, variants_wire);
	SUITE_ADD(&suite, full__is_continued_by_write_space, variants_wire);
	SUITE_ADD(&suite, zerocopy__copies_nothing_in_sendmsg, variants_basic);
	SUITE_ADD(&suite, zerocopy__copies_nothing_in_sendmsg, variants_any_nobody);
	SUITE_ADD(&suite, optmem__used_up_passes_wait, variants_one);
	SUITE_ADD(&suite, optmem__too_small_passes_are_copied, variants_one);
	SUITE_ADD(&suite, adaptive__learns_that_the_path_copies, variants_one_each);
	SUITE_ADD(&suite, closed__while_a_message_comes, variants_loop);
	SUITE_ADD(&suite, cookies__without_control_room_are_counted, variants_any_each);
	return suite_run(&suite, argc, argv);
}
