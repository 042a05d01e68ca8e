// SPDX-License-Identifier: GPL-2.0
/* Network namespaces: nothing crosses between them, and nothing is left when one ends. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "cred.h"
#include "link.h"
#include "module.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "zc.h"

static unsigned char in[65536];

static void assert_nothing(int fd)
{
	assert_int_equal(rds_recv(fd, in, sizeof(in), NULL, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

/* A second topology with the very same addresses. */
static struct topology *twin_of(const struct topology *topology)
{
	void *state = (void *)topology->variant;

	assert_int_equal(topology_setup(&state), 0);
	return state;
}

static void end_twin(struct topology *twin)
{
	void *state = twin;

	assert_int_equal(topology_teardown(&state), 0);
}

/* The same two pairs, bound twice: each message stays in its own world. */
static void same_addresses__do_not_meet(void **state)
{
	struct topology *twin = twin_of(*state);
	void *twin_state = twin;
	struct ends ends = ends_open(state);
	struct ends other = { .topology = twin, .near = ends.near, .far = ends.far };
	struct counters before;
	uint32_t i;

	other.tx = topology_socket(twin, &twin->ns[0], &other.near);
	other.rx = topology_socket(twin, topology_far_ns(twin, 0), &other.far);
	assert_int_equal(counters_read(topology_far_ns(twin, 0), &before), 0);
	for (i = 0; i < 20; i++)
		send_pattern(ends.tx, 500 + i, i, &ends.far);
	for (i = 0; i < 20; i++)
		receive_pattern(ends.rx, 500 + i, i, &ends.near);
	assert_nothing(other.rx);
	assert_int_equal(counter_moved(topology_far_ns(twin, 0), &before, "recv_queued"), 0);
	for (i = 0; i < 20; i++)
		send_pattern(other.tx, 800 + i, i + 100, &other.far);
	for (i = 0; i < 20; i++)
		receive_pattern(other.rx, 800 + i, i + 100, &other.near);
	assert_nothing(ends.rx);
	end_twin(twin_state);
	/* The end of one does not touch the other. */
	send_pattern(ends.tx, 9, 9, &ends.far);
	receive_pattern(ends.rx, 9, 9, &ends.near);
}

/* A full socket is one in its own world; its port is free in the other. */
static void same_addresses__have_maps_of_their_own(void **state)
{
	struct topology *twin = twin_of(*state);
	struct ends ends = ends_open(state);
	struct ends other = { .topology = twin, .near = ends.near, .far = ends.far };
	uint32_t i;

	other.tx = topology_socket(twin, &twin->ns[0], &other.near);
	other.rx = topology_socket(twin, topology_far_ns(twin, 0), &other.far);
	ends_fill(&ends, 4096);
	for (i = 0; i < 20; i++) {
		send_pattern(other.tx, 500, i, &other.far);
		receive_pattern(other.rx, 500, i, &other.near);
	}
	assert_fails(rds_send(ends.tx, in, 1, &ends.far, MSG_DONTWAIT), ENOBUFS);
	end_twin(twin);
}

/* An address of another namespace is not local, and a socket stays where it was made. */
static void socket__belongs_to_its_namespace(void **state)
{
	struct topology *topology = *state;
	int fd = netns_in(&topology->ns[0], rds_socket());
	int rc;

	assert_true(fd >= 0);
	netns_enter(&topology->ns[1]);
	rc = rds_bind(fd, &topology->far[0]);
	netns_home();
	assert_int_equal(rc, -1);
	assert_int_equal(errno, EADDRNOTAVAIL);
	assert_int_equal(rds_bind(fd, &topology->near[0]), 0);
	close(fd);
}

/* All of net.rds_zc but accept_from, which is a text. */
#define SYSCTLS 25

static long sysctl_of(const struct netns *ns, const char *name)
{
	long value = -1;

	if (netns_sysctl_get(ns, name, &value))
		fail_msg("%s cannot be read", name);
	return value;
}

/* Another value that its range allows, which it has then. */
static void sysctl_change(const struct netns *ns, const char *name)
{
	long old = sysctl_of(ns, name);
	const long tries[] = { old + 1, old - 1, 65536, 1 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tries); i++)
		if (tries[i] != old && !netns_sysctl_set(ns, name, tries[i]))
			break;
	if (i == ARRAY_SIZE(tries))
		fail_msg("%s of %ld takes no other value", name, old);
	assert_int_equal(sysctl_of(ns, name), tries[i]);
}

/* What is written in one namespace is read there, and the other keeps what it has. */
static void sysctls__are_per_namespace(void **state)
{
	struct topology *topology = *state;
	const struct netns *near = &topology->ns[0], *far = &topology->ns[1];
	DIR *dir = netns_in(near, opendir("/proc/sys/net/rds_zc"));
	struct dirent *entry;
	long there;
	int count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "accept_from"))
			continue;
		there = sysctl_of(far, entry->d_name);
		assert_int_equal(sysctl_of(near, entry->d_name), there);
		sysctl_change(near, entry->d_name);
		if (sysctl_of(far, entry->d_name) != there)
			fail_msg("%s was changed in both namespaces", entry->d_name);
		count++;
	}
	closedir(dir);
	assert_int_equal(count, SYSCTLS);
	assert_int_equal(sysctl_of(far, "max_completions"), 65536);
}

/*
 * Traffic both ways, much of it neither read nor acknowledged. Nobody's messages fit the smallest
 * default RLIMIT_MEMLOCK (64 KiB on 5.10) four at a time.
 */
static void load(struct ends *ends, unsigned char *buffer)
{
	size_t length = cred_is_nobody() ? 8192 : 65536;
	uint32_t i;

	for (i = 0; i < 40; i++) {
		if (rds_send_zc(ends->tx, buffer, length, &ends->far, i, MSG_DONTWAIT) < 0)
			assert_true(errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM);
		if (rds_send(ends->rx, buffer, 3000, &ends->near, MSG_DONTWAIT) < 0)
			assert_true(errno == EAGAIN || errno == ENOBUFS);
	}
}

/* A topology of the same kind beside the test's own; its teardown makes us root again. */
static void *mortal_topology(void **state)
{
	void *mortal = (void *)((struct topology *)*state)->variant;

	assert_int_equal(cred_become_root(), 0);
	assert_int_equal(topology_setup(&mortal), 0);
	return mortal;
}

/* Namespaces end under load, with messages unread, cookies outstanding, the link up or cut. */
static void delete__under_load_leaves_nothing(void **state)
{
	const struct variant *variant = ((struct topology *)*state)->variant;
	unsigned char *buffer = zc_buffer(65536);
	long pinned = zc_pinned_pages();
	struct ends ends;
	void *mortal;
	int round;

	assert_non_null(buffer);
	for (round = 0; round < 6; round++) {
		mortal = mortal_topology(state);
		ends = zc_ends(&mortal, 1 << 20);
		load(&ends, buffer);
		if (round % 3 == 1 && variant->wire == WIRE_VETH)
			topology_link(ends.topology, 0, false);
		if (round % 3 == 2 && variant->wire == WIRE_VETH)
			topology_blackhole(ends.topology, 0, true);
		assert_int_equal(topology_teardown(&mortal), 0);
	}
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	zc_buffer_free(buffer, 65536);
}

/* The device goes while it is in use. */
static void delete__the_link_under_load(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(65536);
	long pinned = zc_pinned_pages();

	assert_non_null(buffer);
	topology_sysctl(ends.topology, "pin_hold_ms", 500);
	topology_sysctl(ends.topology, "stall_ms", 1000);
	load(&ends, buffer);
	assert_int_equal(link_delete(&ends.topology->ns[0], "w0"), 0);
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	zc_buffer_free(buffer, 65536);
}

/* Everything that a killed process held, its namespaces included. */
static void kill__of_all_that_holds_a_namespace(void **state)
{
	unsigned char *buffer = zc_buffer(65536);
	long pinned = zc_pinned_pages();
	struct ends ends;
	void *mortal;
	int round, status;
	pid_t child;

	for (round = 0; round < 4; round++) {
		fflush(NULL);
		child = fork();
		assert_true(child >= 0);
		if (!child) {
			mortal = mortal_topology(state);
			ends = zc_ends(&mortal, 1 << 20);
			load(&ends, buffer);
			kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	zc_buffer_free(buffer, 65536);
}

/* ---- unload ---- */

#define UNLOAD_MS 5000

static void unload__with_connections_up(void **state)
{
	struct ends ends = ends_open(state);

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	assert_int_equal(module_unload(), -1);
	topology_close(ends.topology, ends.tx);
	assert_int_equal(module_unload(), -1);
	topology_close(ends.topology, ends.rx);
	assert_int_equal(module_unload_within(UNLOAD_MS), 0);
	assert_int_equal(module_load(""), 0);
}

/* Packets vanish, zerocopy data is in TCP's hands, and the module still goes in time. */
static void unload__with_a_black_holed_peer(void **state)
{
	struct ends ends = zc_ends(state, 1 << 20);
	unsigned char *buffer = zc_buffer(65536);
	long pinned = zc_pinned_pages();
	uint64_t start;

	assert_non_null(buffer);
	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	topology_blackhole(ends.topology, 0, true);
	load(&ends, buffer);
	topology_close(ends.topology, ends.tx);
	topology_close(ends.topology, ends.rx);
	start = clock_ms();
	assert_int_equal(module_unload_within(UNLOAD_MS), 0);
	assert_true(clock_ms() - start < UNLOAD_MS * time_scale());
	assert_false(module_loaded());
	assert_int_equal(zc_wait_unpinned(pinned, deadline_in(1000)), 0);
	zc_buffer_free(buffer, 65536);
	assert_int_equal(module_load(""), 0);
}

/* Our namespaces are there before the module is: it must serve those as well. */
static void unload__and_load_under_living_namespaces(void **state)
{
	struct ends ends;
	int i;

	for (i = 0; i < 3; i++) {
		assert_int_equal(module_unload_within(UNLOAD_MS), 0);
		assert_int_equal(module_load(""), 0);
		ends = ends_open(state);
		send_pattern(ends.tx, 100, 1, &ends.far);
		receive_pattern(ends.rx, 100, 1, &ends.near);
		topology_close(ends.topology, ends.tx);
		topology_close(ends.topology, ends.rx);
	}
}

static const struct variant both_sides[] = {
	{ "veth small", WIRE_VETH, 0, 0, 0, 0 },
	{ "veth v6 large", WIRE_VETH, 1, 1, 0, 0 },
	{ 0 }
};

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "namespace" };

	SUITE_ADD(&suite, same_addresses__do_not_meet, variants_basic);
	SUITE_ADD(&suite, same_addresses__have_maps_of_their_own, variants_wire);
	SUITE_ADD(&suite, socket__belongs_to_its_namespace, variants_one_each);
	SUITE_ADD(&suite, sysctls__are_per_namespace, variants_one);
	SUITE_ADD(&suite, delete__under_load_leaves_nothing, variants_basic);
	SUITE_ADD(&suite, delete__under_load_leaves_nothing, variants_any_nobody);
	SUITE_ADD(&suite, delete__the_link_under_load, variants_wire_each);
	SUITE_ADD(&suite, kill__of_all_that_holds_a_namespace, variants_basic);
	SUITE_ADD(&suite, kill__of_all_that_holds_a_namespace, variants_any_nobody);
	SUITE_ADD(&suite, unload__with_connections_up, variants_basic);
	SUITE_ADD(&suite, unload__with_a_black_holed_peer, variants_wire_each);
	SUITE_ADD(&suite, unload__and_load_under_living_namespaces, both_sides);
	return suite_run(&suite, argc, argv);
}
