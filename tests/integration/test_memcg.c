// SPDX-License-Identifier: GPL-2.0
/* Which memory cgroup is charged for what: the sentences of MEMORY CGROUPS in rds_zc(4). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "ends.h"
#include "module.h"
#include "reap.h"
#include "suite.h"
#include "zc.h"

#define ROOT "/tmp/rdsz-cgroup"
#define GROUP ROOT "/rdsz"
#define MESSAGE 65536
#define MIB (1 << 20)

static const struct variant own_address[] = {
	{ "own address", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ 0 }
};

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	ssize_t rc;

	if (fd < 0)
		return -1;
	rc = write(fd, text, strlen(text));
	close(fd);
	return rc < 0 ? -1 : 0;
}

/* A value of memory.stat, or of a file with one number. */
static long get(const char *file, const char *name)
{
	char line[256], path[256];
	long value = -1;
	FILE *stream;

	snprintf(path, sizeof(path), GROUP "/%s", file);
	stream = fopen(path, "r");
	assert_non_null(stream);
	while (fgets(line, sizeof(line), stream)) {
		size_t length = strlen(name);

		if (strncmp(line, name, length))
			continue;
		value = atol(line + length);
		break;
	}
	fclose(stream);
	return value;
}

/* A value of the group comes to lie between low and high. */
static bool wait_value(const char *file, const char *name, long low, long high)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	long value;

	do {
		value = get(file, name);
		if (value >= low && value <= high)
			return true;
		usleep(10000);
	} while (!deadline_over(&deadline));
	print_message("# %ld bytes in %s, not %ld to %ld\n", value, file, low, high);
	return false;
}

/*
 * What sockets have charged. The kernel adds up memory.stat every two seconds only, or sooner when
 * much has changed.
 */
static bool wait_charged(long low, long high)
{
	return wait_value("memory.stat", "sock ", low, high);
}

/*
 * All that is charged, at once; but each CPU has up to 64 pages in hand that are charged before
 * they are used, and what a path is about to send lives until it looks up.
 */
static bool wait_used(long low, long high)
{
	return wait_value("memory.current", "", low - MIB, high + MIB);
}

static int cgroup_setup(void **state)
{
	if (topology_setup(state))
		return -1;
	mkdir("/tmp", 0755);
	mkdir(ROOT, 0755);
	if (mount("none", ROOT, "cgroup2", 0, NULL))
		return -1;
	if (put(ROOT "/cgroup.subtree_control", "+memory") || mkdir(GROUP, 0755)) {
		perror("no memory cgroup");
		return -1;
	}
	return 0;
}

static int cgroup_teardown(void **state)
{
	int rc = topology_teardown(state);

	put(ROOT "/cgroup.procs", "0");
	/* The sockets are gone, but their cgroup may have to wait for TCP. */
	rmdir(GROUP);
	umount2(ROOT, MNT_DETACH);
	rmdir(ROOT);
	return rc;
}

/* The far socket belongs to the cgroup, the process does not stay. */
static struct ends far_in_group(void **state)
{
	struct ends ends = { .topology = *state };

	ends.tx = topology_near(ends.topology, &ends.near);
	assert_int_equal(put(GROUP "/cgroup.procs", "0"), 0);
	ends.rx = topology_far(ends.topology, &ends.far);
	assert_int_equal(put(ROOT "/cgroup.procs", "0"), 0);
	assert_int_equal(rds_set_buffers(ends.tx, 64 * MIB, 0), 0);
	assert_int_equal(rds_set_buffers(ends.rx, 0, 64 * MIB), 0);
	return ends;
}

static bool wait_queued(const struct ends *ends, const struct counters *before, uint64_t count)
{
	return counter_wait(topology_far_ns(ends->topology, 0), before, "recv_queued", count,
			    deadline_in(DEADLINE_USUAL_MS));
}

static void unread__is_charged_until_it_is_read(void **state)
{
	struct ends ends = far_in_group(state);
	struct counters before;
	const int count = 128;
	int i;

	assert_int_equal(counters_read(topology_far_ns(ends.topology, 0), &before), 0);
	assert_true(wait_charged(0, MIB));
	for (i = 0; i < count; i++)
		send_pattern(ends.tx, MESSAGE, i, &ends.far);
	assert_true(wait_queued(&ends, &before, count));
	assert_true(wait_charged(count * MESSAGE, 4 * count * MESSAGE));
	for (i = 0; i < count; i++)
		receive_pattern(ends.rx, MESSAGE, i, &ends.near);
	assert_true(wait_charged(0, MIB));
}

static void unread__is_uncharged_at_close(void **state)
{
	struct ends ends = far_in_group(state);
	struct counters before;
	int i;

	assert_int_equal(counters_read(topology_far_ns(ends.topology, 0), &before), 0);
	for (i = 0; i < 64; i++)
		send_pattern(ends.tx, MESSAGE, i, &ends.far);
	assert_true(wait_queued(&ends, &before, 64));
	assert_true(wait_charged(64 * MESSAGE, 256 * MESSAGE));
	topology_close(ends.topology, ends.rx);
	/* 5.10 leaves up to 32 pages of each CPU out of the sum. */
	assert_true(wait_charged(0, MIB));
}

/* A full cgroup stops the sender by congestion; what came is kept, and all arrives in the end. */
static void unread__full_group_is_congestion(void **state)
{
	static unsigned char bytes[MESSAGE];
	struct ends ends = far_in_group(state);
	const struct netns *far = topology_far_ns(ends.topology, 0);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	struct counters before;
	int sent = 0, got = 0;

	assert_int_equal(put(GROUP "/memory.max", "4M"), 0);
	assert_int_equal(counters_read(far, &before), 0);
	/* The receive buffer alone would take 64 MiB. */
	while (sent < 500 && !deadline_over(&deadline)) {
		if (rds_send(ends.tx, bytes, MESSAGE, &ends.far, MSG_DONTWAIT) == MESSAGE) {
			sent++;
			assert_true(wait_queued(&ends, &before, sent));
			continue;
		}
		assert_int_equal(errno, ENOBUFS);
		break;
	}
	assert_in_range(sent, 8, 200);
	assert_true(counter_moved(far, &before, "recv_cgroup_full") >= 1);
	/* What was under way when it became full still came. */
	assert_in_range(get("memory.current", ""), 0, 6 * MIB);
	while (got < sent) {
		assert_int_equal(rds_recv(ends.rx, bytes, MESSAGE, NULL, 0), MESSAGE);
		got++;
	}
	send_pattern(ends.tx, MESSAGE, 7, &ends.far);
	receive_pattern(ends.rx, MESSAGE, 7, &ends.near);
}

/* What waits to be sent is the sender's. */
static void unsent__is_charged(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr nobody = nobody_home(ends.topology);
	static unsigned char bytes[MESSAGE];
	const int count = 128;
	long before;
	int i;

	assert_int_equal(rds_set_buffers(ends.tx, 64 * MIB, 0), 0);
	assert_int_equal(put(GROUP "/cgroup.procs", "0"), 0);
	before = get("memory.current", "");
	for (i = 0; i < count; i++)
		assert_int_equal(rds_send(ends.tx, bytes, MESSAGE, &nobody, MSG_DONTWAIT), MESSAGE);
	assert_true(wait_used(before + count * MESSAGE, before + 2 * count * MESSAGE));
	topology_close(ends.topology, ends.tx);
	assert_true(wait_used(0, before + MIB));
	assert_int_equal(put(ROOT "/cgroup.procs", "0"), 0);
}

/*
 * Pages that are pinned too long are replaced by a copy, by a worker: the copy is the sender's. A
 * group that has no room keeps no page pinned: then it is nobody's.
 */
static void converted(void **state, const char *max, bool charged)
{
	struct ends ends = { .topology = *state, .far = nobody_home(*state) };
	const struct netns *near = &ends.topology->ns[0];
	unsigned char *buffer = zc_buffer(MESSAGE);
	struct counters before;
	const int count = 64;
	long pinned;
	int i;

	assert_int_equal(put(GROUP "/cgroup.procs", "0"), 0);
	ends.tx = topology_near(ends.topology, &ends.near);
	assert_int_equal(put(ROOT "/cgroup.procs", "0"), 0);
	assert_int_equal(rds_set_buffers(ends.tx, 64 * MIB, 0), 0);
	assert_int_equal(zc_force(ends.tx), 0);
	assert_int_equal(put(GROUP "/memory.max", max), 0);
	/* The pages are of another group, so all that this one gets are the copies. */
	assert_int_equal(counters_read(near, &before), 0);
	for (i = 0; i < count; i++)
		zc_send(&ends, buffer, MESSAGE, (uint32_t)i);
	pinned = get("memory.current", "");
	assert_in_range(pinned, 0, 2 * MIB);
	assert_true(counter_wait(near, &before, "zc_copied_converted", count,
				 deadline_in(DEADLINE_USUAL_MS)));
	if (charged)
		assert_true(wait_used(pinned + count * MESSAGE, pinned + 2 * count * MESSAGE));
	else
		assert_true(wait_used(0, 2 * MIB));
	topology_close(ends.topology, ends.tx);
	assert_true(wait_used(0, 0));
	assert_int_equal(put(GROUP "/memory.max", "max"), 0);
	zc_buffer_free(buffer, MESSAGE);
}

static void converted__is_charged(void **state)
{
	converted(state, "max", true);
}

static void converted__in_a_full_group(void **state)
{
	converted(state, "1M", false);
}

/* So is all that is kept of a message without payload: 128 bytes and more. */
static void unsent__empty_is_charged(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr nobody = nobody_home(ends.topology);
	const int count = 40000;
	long before;
	int i;

	assert_int_equal(put(GROUP "/cgroup.procs", "0"), 0);
	before = get("memory.current", "");
	for (i = 0; i < count; i++)
		assert_int_equal(rds_send(ends.tx, NULL, 0, &nobody, MSG_DONTWAIT), 0);
	assert_true(wait_used(before + count * 128, before + count * 1024));
	topology_close(ends.topology, ends.tx);
	/* KASAN keeps what was freed, and on 5.10 its charge. */
	assert_true(wait_used(0, before + (time_scale() > 1 ? count * 1024 : MIB)));
	assert_int_equal(put(ROOT "/cgroup.procs", "0"), 0);
}

/* Pages of the program are its own already: zerocopy charges them no second time. */
static void unsent__pinned_stays_charged_as_it_is(void **state)
{
	struct ends ends = zc_ends(state, 64 * MIB);
	union rds_addr nobody = nobody_home(ends.topology);
	const int count = 128;
	unsigned char *buffer;
	long before, pinned;
	int i;

	topology_sysctl(ends.topology, "pin_hold_ms", 600000);
	assert_int_equal(put(GROUP "/cgroup.procs", "0"), 0);
	buffer = zc_buffer(MESSAGE);
	assert_non_null(buffer);
	memset(buffer, 'p', MESSAGE);
	pinned = zc_pinned_pages();
	before = get("memory.current", "");
	for (i = 0; i < count; i++)
		assert_int_equal(rds_send_zc(ends.tx, buffer, MESSAGE, &nobody, i, MSG_DONTWAIT),
				 MESSAGE);
	assert_in_range(zc_pinned_pages() - pinned, count * MESSAGE / 4096, LONG_MAX);
	assert_in_range(get("memory.current", ""), 0, before + count * MESSAGE / 4 + MIB);
	topology_close(ends.topology, ends.tx);
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	zc_buffer_free(buffer, MESSAGE);
	assert_int_equal(put(ROOT "/cgroup.procs", "0"), 0);
}

/* A message within the host is its sender's until it is read, not the reader's. */
static void loop__unread_is_the_senders(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *far = topology_far_ns(ends.topology, 0);
	struct counters start;
	const int count = 128;
	long before;
	int i;

	assert_int_equal(rds_set_buffers(ends.tx, 64 * MIB, 0), 0);
	assert_int_equal(rds_set_buffers(ends.rx, 0, 64 * MIB), 0);
	ends_there_and_back(&ends, MESSAGE, 1);
	assert_int_equal(counters_read(far, &start), 0);
	assert_int_equal(put(GROUP "/cgroup.procs", "0"), 0);
	before = get("memory.current", "");
	for (i = 0; i < count; i++)
		send_pattern(ends.tx, MESSAGE, i, &ends.far);
	assert_true(wait_queued(&ends, &start, count));
	assert_true(wait_used(before + count * MESSAGE, before + 2 * count * MESSAGE));
	assert_int_equal(put(ROOT "/cgroup.procs", "0"), 0);
	for (i = 0; i < count; i++)
		receive_pattern(ends.rx, MESSAGE, i, &ends.near);
	assert_true(wait_used(0, before + MIB));
}

/* Neither when its socket was made in the cgroup, nor when it reads there. */
static void loop__unread_is_not_the_readers(void **state)
{
	struct ends ends = far_in_group(state);
	struct counters start;
	const int count = 128;
	long before;
	int i;

	assert_int_equal(counters_read(topology_far_ns(ends.topology, 0), &start), 0);
	before = get("memory.current", "");
	for (i = 0; i < count; i++)
		send_pattern(ends.tx, MESSAGE, i, &ends.far);
	assert_true(wait_queued(&ends, &start, count));
	assert_in_range(get("memory.current", ""), 0, before + 2 * MIB);
	assert_int_equal(put(GROUP "/cgroup.procs", "0"), 0);
	for (i = 0; i < count; i++)
		receive_pattern(ends.rx, MESSAGE, i, &ends.near);
	assert_in_range(get("memory.current", ""), 0, before + 2 * MIB);
	assert_int_equal(put(ROOT "/cgroup.procs", "0"), 0);
}

/* KASAN keeps what was freed for a while, and on 5.10 it stays charged so long. */
static bool freed_stays_charged(void)
{
	FILE *symbols = kernel_before(5, 15) ? fopen("/proc/kallsyms", "r") : NULL;
	bool kasan = false;
	char line[512];

	while (symbols && !kasan && fgets(line, sizeof(line), symbols))
		kasan = strstr(line, " quarantine_put");
	if (symbols)
		fclose(symbols);
	return kasan;
}

/* Cookies that nobody reads, when all else of their messages has gone. */
static void cookies__are_charged_until_they_are_read(void **state)
{
	static uint32_t list[60000];
	struct ends ends = ends_open(state);
	const int count = ARRAY_SIZE(list);
	const bool stays = freed_stays_charged();
	struct deadline deadline;
	char byte = 'c';
	long before;
	int i;

	assert_int_equal(rds_set(ends.tx, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	ends_there_and_back(&ends, MESSAGE, 1);
	assert_int_equal(put(GROUP "/cgroup.procs", "0"), 0);
	memset(list, 0xff, sizeof(list));	/* its pages are charged, too */
	before = get("memory.current", "");
	for (i = 0; i < count; i++) {
		assert_int_equal(rds_send_zc(ends.tx, &byte, 1, &ends.far, i, 0), 1);
		assert_int_equal(rds_recv(ends.rx, &byte, 1, NULL, 0), 1);
	}
	/* 40 bytes and more each. */
	if (stays)
		assert_true(get("memory.current", "") >= before + count * 40);
	else
		assert_true(wait_used(before + count * 40, before + count * 128));
	deadline = deadline_in(DEADLINE_USUAL_MS);
	assert_int_equal(reap_until(ends.tx, list, count, NULL, deadline), count);
	assert_true(stays || wait_used(0, before + count * 20 - MIB));
	assert_int_equal(put(ROOT "/cgroup.procs", "0"), 0);
}

#define ADDRESSES 512
#define MAP_BYTES 8192

static union rds_addr nth_loopback(uint32_t i, uint16_t port)
{
	union rds_addr addr = rds_addr("127.1.0.0", port);

	addr.in.sin_addr.s_addr = htonl(ntohl(addr.in.sin_addr.s_addr) + i);
	return addr;
}

/* An address has a map when the first socket binds to it. */
static void bound__maps_are_charged(void **state)
{
	struct topology *topology = *state;
	int fds[ADDRESSES], i;
	union rds_addr addr;
	long before;

	netns_enter(&topology->ns[0]);
	assert_int_equal(put(GROUP "/cgroup.procs", "0"), 0);
	for (i = 0; i < ADDRESSES; i++) {
		fds[i] = rds_socket();
		assert_true(fds[i] >= 0);
	}
	before = get("memory.current", "");
	for (i = 0; i < ADDRESSES; i++) {
		addr = nth_loopback((uint32_t)i, 0);
		assert_int_equal(rds_bind(fds[i], &addr), 0);
	}
	assert_true(wait_used(before + ADDRESSES * MAP_BYTES, before + 2 * ADDRESSES * MAP_BYTES));
	for (i = 0; i < ADDRESSES; i++)
		close(fds[i]);
	assert_true(wait_used(0, before));
	assert_int_equal(put(ROOT "/cgroup.procs", "0"), 0);
}

/* A connection within the host for each, and there is nobody to take the message. */
static void destinations__are_charged(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr = nth_loopback(0, 4000);
	const long each = 512;	/* more than that, of each of the two ends */
	long before;
	int fd, i;

	netns_enter(&topology->ns[0]);
	assert_int_equal(put(GROUP "/cgroup.procs", "0"), 0);
	fd = rds_socket();
	assert_int_equal(rds_bind(fd, &addr), 0);
	before = get("memory.current", "");
	for (i = 1; i <= 8 * ADDRESSES; i++) {
		addr = nth_loopback((uint32_t)i, 4000);
		assert_int_equal(rds_send(fd, "x", 1, &addr, 0), 1);
	}
	assert_true(wait_used(before + 8 * ADDRESSES * each, before + 128L * MIB));
	close(fd);
	assert_int_equal(put(ROOT "/cgroup.procs", "0"), 0);
}

#ifndef SO_RESERVE_MEM
#define SO_RESERVE_MEM 73	/* from 5.16 on */
#endif

/*
 * What the core lets a program reserve is charged to the socket, and goes with it; or sooner, with
 * a message that comes or is read.
 */
static void reserved__goes_with_the_socket(void **state)
{
	struct ends ends = far_in_group(state);
	struct counters before;
	int bytes = 8 * MIB, i;
	bool done;

	assert_int_equal(counters_read(topology_far_ns(ends.topology, 0), &before), 0);
	for (i = 0; i < 20; i++) {
		send_pattern(ends.tx, MESSAGE, i, &ends.far);
		if (!i)
			assert_true(wait_queued(&ends, &before, 1));
		done = !setsockopt(ends.rx, SOL_SOCKET, SO_RESERVE_MEM, &bytes, sizeof(bytes));
		if (!done)
			assert_true(errno == ENOPROTOOPT ||	/* 5.10 */
				    errno == EOPNOTSUPP);	/* 7.x: for TCP alone */
		if (!i && done)
			assert_true(wait_charged(bytes, 2 * bytes));
		receive_pattern(ends.rx, MESSAGE, i, &ends.near);
	}
	if (!done)
		print_message("# this kernel reserves nothing for such a socket\n");
	topology_close(ends.topology, ends.rx);
	assert_true(wait_charged(0, 0));
}

static void add(struct suite *suite, const char *name, CMUnitTestFunction function,
		const struct variant *variants)
{
	size_t i = suite->count;

	suite_add(suite, name, function, variants);
	for (; i < suite->count; i++) {
		suite->tests[i].setup_func = cgroup_setup;
		suite->tests[i].teardown_func = cgroup_teardown;
	}
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "memcg" };

	add(&suite, "unread__is_charged_until_it_is_read", unread__is_charged_until_it_is_read,
	    variants_wire);
	add(&suite, "unread__is_uncharged_at_close", unread__is_uncharged_at_close, variants_one);
	add(&suite, "unread__full_group_is_congestion", unread__full_group_is_congestion,
	    variants_one);
	add(&suite, "unsent__is_charged", unsent__is_charged, variants_one);
	add(&suite, "converted__is_charged", converted__is_charged, variants_one);
	add(&suite, "converted__in_a_full_group", converted__in_a_full_group, variants_one);
	add(&suite, "unsent__empty_is_charged", unsent__empty_is_charged, variants_one);
	add(&suite, "unsent__pinned_stays_charged_as_it_is", unsent__pinned_stays_charged_as_it_is,
	    variants_one);
	add(&suite, "loop__unread_is_the_senders", loop__unread_is_the_senders, variants_loop);
	add(&suite, "loop__unread_is_not_the_readers", loop__unread_is_not_the_readers,
	    variants_loop);
	add(&suite, "cookies__are_charged_until_they_are_read",
	    cookies__are_charged_until_they_are_read, own_address);
	add(&suite, "bound__maps_are_charged", bound__maps_are_charged, variants_one);
	add(&suite, "destinations__are_charged", destinations__are_charged, variants_one);
	add(&suite, "reserved__goes_with_the_socket", reserved__goes_with_the_socket, variants_one);
	return suite_run(&suite, argc, argv);
}
