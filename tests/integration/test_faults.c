// SPDX-License-Identifier: GPL-2.0
/*
 * What happens where there is no memory, or where user memory cannot be read or written: on kernels
 * with fault injection (fault.h). Calls are tried again and again, and each time the next thing in
 * them that can fail does, until there is none left: each failure has an errno of the manual and
 * leaves nothing behind. Then the same in the module's workers, and everywhere.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "cred.h"
#include "fault.h"
#include "link.h"
#include "module.h"
#include "pattern.h"
#include "reap.h"
#include "suite.h"
#include "wire_peer.h"
#include "zc.h"

#define SMALL 100			/* is copied behind a struct */
#define LARGE 49152			/* has pages of its own; one fits 5.10's RLIMIT_MEMLOCK */
#define TRIES 400			/* no call has so much that can fail */
#define ROOM 6				/* messages that RLIMIT_MEMLOCK allows */
#define HOLD_MS 2000			/* time enough to see to it that it cannot be done */
#define CHARGE (LARGE / 4096 + 2)	/* pages that the kernel charges for one of LARGE */

static unsigned char out[LARGE], in[1 << 20];
static uint32_t list[64];

struct scene {
	struct ends ends;
	const struct netns *ns;
	struct counters before;
	long pinned;			/* in the machine, before all */
	/* Of the call that is tried: */
	int fd;
	union rds_addr addr, to;
	unsigned char *buffer;
	size_t length;
	uint32_t seed;			/* of the message, and its cookie */
	bool waiting;			/* a message, or a cookie, is there to be read */
	int option;
	socklen_t option_length;
};

/*
 * One kind of call. All but the call itself may be NULL: what goes before each try, and what is to
 * be looked at after one that failed, or not.
 */
struct sweep {
	const char *what;
	long (*call)(struct scene *scene);
	void (*before)(struct scene *scene);
	void (*worked)(struct scene *scene);
	void (*failed)(struct scene *scene);
	int errors[4];
};

struct tries {
	unsigned int fired;	/* calls in which something failed, of which some worked still */
	unsigned int nomem, fault;	/* and those that failed by ENOMEM, EFAULT */
};

/* Nothing was sent yet. */
static struct scene scene_begin(void **state)
{
	struct scene scene = { .pinned = zc_pinned_pages(), .fd = -1, .length = SMALL };

	scene.ends = zc_ends(state, 4 << 20);
	scene.ns = &scene.ends.topology->ns[0];
	scene.to = scene.ends.far;
	scene.buffer = zc_buffer(LARGE);
	assert_non_null(scene.buffer);
	assert_int_equal(counters_read(scene.ns, &scene.before), 0);
	return scene;
}

static struct scene scene_open(void **state)
{
	struct scene scene = scene_begin(state);

	ends_there_and_back(&scene.ends, SMALL, 1);
	assert_int_equal(counters_read(scene.ns, &scene.before), 0);
	return scene;
}

static uint64_t moved(const struct scene *scene, const char *counter)
{
	return counter_moved(scene->ns, &scene->before, counter);
}

/* Nothing is pinned, queued or charged, and messages go both ways. */
static void scene_close(struct scene *scene)
{
	ends_there_and_back(&scene->ends, SMALL, 7001);
	ends_there_and_back(&scene->ends, LARGE, 7003);
	assert_fails(rds_recv(scene->ends.rx, in, sizeof(in), NULL, MSG_DONTWAIT), EAGAIN);
	ends_wait_acknowledged(scene->ends.tx);
	zc_reap_exactly(scene->ends.tx, list, 0);
	zc_buffer_free(scene->buffer, LARGE);
	assert_int_equal(zc_wait_unpinned(scene->pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
}

static bool is_one_of(const int errors[4], int error)
{
	size_t i;

	for (i = 0; i < 4; i++)
		if (errors[i] == error)
			return true;
	return false;
}

static void look_at_failure(struct scene *scene, const struct sweep *sweep, unsigned int nth,
			    bool fired, int error, struct tries *tries)
{
	if (!fired)
		fail_msg("%s, %u: failed without a fault: %s", sweep->what, nth, strerror(error));
	if (!is_one_of(sweep->errors, error))
		fail_msg("%s, %u: %s", sweep->what, nth, strerror(error));
	tries->nomem += error == ENOMEM;
	tries->fault += error == EFAULT;
	if (sweep->failed)
		sweep->failed(scene);
}

/* True if something failed. Nothing does with nth = 0. */
static bool try_one(struct scene *scene, const struct sweep *sweep, unsigned int nth,
		    struct tries *tries)
{
	bool fired;
	int error;
	long rc;

	if (sweep->before)
		sweep->before(scene);
	if (nth)
		fault_arm(nth);
	errno = 0;
	rc = sweep->call(scene);
	error = errno;
	fired = nth && fault_fired();
	if (rc < 0)
		look_at_failure(scene, sweep, nth, fired, error, tries);
	else if (sweep->worked)
		sweep->worked(scene);
	return fired;
}

/*
 * The first try is as usual: it brings in what the process itself needs for the call, for a page
 * fault must not be what fails.
 */
static struct tries sweep_all(struct scene *scene, const struct sweep *sweep)
{
	struct tries tries = { 0 };

	try_one(scene, sweep, 0, &tries);
	while (try_one(scene, sweep, tries.fired + 1, &tries))
		if (++tries.fired == TRIES)
			fail_msg("%s: something failed in each of %u calls", sweep->what, TRIES);
	print_message("# %s: %u faults, ENOMEM %u times, EFAULT %u times\n", sweep->what,
		      tries.fired, tries.nomem, tries.fault);
	assert_true(tries.fired > 0);
	return tries;
}

/* ---- sendmsg ---- */

static void next_message(struct scene *scene)
{
	scene->seed++;
	pattern_fill(scene->buffer, scene->length, scene->seed);
}

static long call_send(struct scene *scene)
{
	return rds_send(scene->ends.tx, scene->buffer, scene->length, &scene->to, 0);
}

/* The next message: one that was refused is not there. */
static void it_arrives(struct scene *scene)
{
	receive_pattern(scene->ends.rx, scene->length, scene->seed, &scene->ends.near);
}

static const struct sweep send_copy = {
	.what = "sendmsg", .call = call_send, .before = next_message, .worked = it_arrives,
	.errors = { ENOMEM, EFAULT },
};

/* What the core itself refuses is not counted. */
static void assert_refusals(const struct scene *scene, const struct tries *tries)
{
	uint64_t nomem = moved(scene, "send_refused_nomem");

	assert_true(nomem > 0);
	assert_int_equal(nomem + moved(scene, "send_refused_memlock"), tries->nomem);
	assert_in_range(moved(scene, "send_refused_fault"), 0, tries->fault);
}

static void sendmsg__copied(void **state)
{
	struct scene scene = scene_open(state);
	struct tries small, large;

	small = sweep_all(&scene, &send_copy);
	scene.length = LARGE;
	large = sweep_all(&scene, &send_copy);
	large.nomem += small.nomem;
	large.fault += small.fault;
	assert_refusals(&scene, &large);
	assert_true(moved(&scene, "send_refused_fault") > 0);
	/* On a loop the sender itself delivers. */
	if (scene.ends.topology->variant->wire != WIRE_VETH)
		assert_true(moved(&scene, "send_delayed_retry") > 0);
	print_message("# %u runs put off\n", (unsigned int)moved(&scene, "send_delayed_retry"));
	scene_close(&scene);
}

/* A socket that has sent nothing before, so that all it needs has to be made. */
static void next_zerocopy(struct scene *scene)
{
	if (scene->fd >= 0)
		close(scene->fd);
	scene->addr = scene->ends.topology->near[0];
	scene->fd = rds_open(scene->ns, &scene->addr);
	assert_true(scene->fd >= 0);
	assert_int_equal(zc_force(scene->fd), 0);
	next_message(scene);
}

static long call_send_zerocopy(struct scene *scene)
{
	return rds_send_zc(scene->fd, scene->buffer, scene->length, &scene->to, scene->seed, 0);
}

static void it_arrives_and_its_cookie(struct scene *scene)
{
	receive_pattern(scene->ends.rx, scene->length, scene->seed, &scene->addr);
	zc_reap_exactly(scene->fd, list, 1);
	assert_int_equal(list[0], scene->seed);
}

static void nothing_is_left(struct scene *scene)
{
	zc_reap_exactly(scene->fd, list, 0);
	ends_wait_acknowledged(scene->fd);
	assert_int_equal(zc_wait_unpinned(scene->pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
}

static const struct sweep send_zerocopy = {
	.what = "sendmsg, zerocopy", .call = call_send_zerocopy, .before = next_zerocopy,
	.worked = it_arrives_and_its_cookie, .failed = nothing_is_left,
	.errors = { ENOMEM, EFAULT },
};

/* By number: all that may be charged still may. To where nobody is, so that it stays. */
static void assert_room(const struct scene *scene)
{
	union rds_addr to = nobody_home(scene->ends.topology);
	uint32_t i;

	if (!cred_is_nobody())
		return;
	for (i = 0; i < ROOM; i++)
		assert_int_equal(rds_send_zc(scene->ends.tx, scene->buffer, LARGE, &to, i,
					     MSG_DONTWAIT), LARGE);
	assert_fails(rds_send_zc(scene->ends.tx, scene->buffer, LARGE, &to, i, MSG_DONTWAIT),
		     ENOMEM);
	assert_int_equal(setsockopt(scene->ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &to,
				    rds_addr_len(&to)), 0);
	zc_reap_exactly(scene->ends.tx, list, ROOM);
}

static void sendmsg__zerocopy(void **state)
{
	struct scene scene = scene_open(state);
	struct tries tries;

	assert_int_equal(cred_memlock_limit(ROOM * CHARGE * 4096), 0);
	scene.length = LARGE;
	tries = sweep_all(&scene, &send_zerocopy);
	assert_refusals(&scene, &tries);
	close(scene.fd);
	assert_room(&scene);
	scene_close(&scene);
}

/* Each to a host that was never sent to. */
static void next_host(struct scene *scene)
{
	char text[32];

	assert_true(scene->seed < 150);
	snprintf(text, sizeof(text), "10.77.1.%u", 100 + scene->seed);
	scene->to = rds_addr(text, 9);
	next_message(scene);
}

static void take_it_back(struct scene *scene)
{
	assert_int_equal(setsockopt(scene->ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &scene->to,
				    rds_addr_len(&scene->to)), 0);
}

static const struct sweep send_first = {
	.what = "sendmsg, first to a host", .call = call_send, .before = next_host,
	.worked = take_it_back, .errors = { ENOMEM, EFAULT },
};

static void sendmsg__first_to_a_host(void **state)
{
	struct scene scene = scene_open(state);
	struct tries tries = sweep_all(&scene, &send_first);

	assert_refusals(&scene, &tries);
	scene_close(&scene);
}

/* ---- socket, bind, connect ---- */

static int family;

static long call_socket(struct scene *scene)
{
	scene->fd = socket(family, SOCK_SEQPACKET, 0);
	return scene->fd;
}

static void close_it(struct scene *scene)
{
	assert_int_equal(close(scene->fd), 0);
	scene->fd = -1;
}

/* ENFILE and ENOBUFS are the core's, for its inode and file. */
static const struct sweep make_socket = {
	.what = "socket", .call = call_socket, .worked = close_it,
	.errors = { ENOMEM, ENFILE, ENOBUFS },
};

static void socket__of_nothing(void **state)
{
	struct scene scene = { .fd = -1 };

	(void)state;
	family = module_family();	/* reads a file */
	assert_true(sweep_all(&scene, &make_socket).nomem > 0);
}

static void next_socket(struct scene *scene)
{
	scene->fd = netns_in(scene->ns, rds_socket());
	assert_true(scene->fd >= 0);
}

static long call_bind(struct scene *scene)
{
	return rds_bind(scene->fd, &scene->addr);
}

/* A bind that failed has left nothing: it can be tried again. */
static void it_can_be_bound(struct scene *scene)
{
	assert_int_equal(rds_bind(scene->fd, &scene->addr), 0);
	close_it(scene);
}

/* Each to an address that nobody was bound to, so that its congestion map has to be made. */
static void next_address(struct scene *scene)
{
	char text[32];

	assert_true(++scene->seed < 250);
	snprintf(text, sizeof(text), "10.77.9.%u", scene->seed);
	assert_int_equal(link_add_address(scene->ns, "lo", text, 32), 0);
	scene->addr = rds_addr(text, 4000);
	next_socket(scene);
}

static const struct sweep bind_socket = {
	.what = "bind", .call = call_bind, .before = next_address, .worked = close_it,
	.failed = it_can_be_bound, .errors = { ENOMEM, EFAULT },
};

static void bind__of_nothing(void **state)
{
	struct scene scene = scene_open(state);

	assert_true(sweep_all(&scene, &bind_socket).nomem > 0);
	scene_close(&scene);
}

static long call_connect(struct scene *scene)
{
	return rds_connect(scene->fd, &scene->to);
}

static void it_can_be_connected(struct scene *scene)
{
	assert_int_equal(rds_connect(scene->fd, &scene->to), 0);
	close_it(scene);
}

static const struct sweep connect_socket = {
	.what = "connect", .call = call_connect, .before = next_socket, .worked = close_it,
	.failed = it_can_be_connected, .errors = { EFAULT },
};

static void connect__of_nothing(void **state)
{
	struct scene scene = scene_open(state);

	sweep_all(&scene, &connect_socket);
	scene_close(&scene);
}

/* ---- recvmsg, for data and for cookies ---- */

/* One is there; after a call that failed it still is. */
static void have_message(struct scene *scene)
{
	if (scene->waiting)
		return;
	next_message(scene);
	assert_int_equal(call_send(scene), scene->length);
	scene->waiting = true;
	assert_true(rds_wait(scene->ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	memset(in, 0, scene->length);
}

static long call_receive(struct scene *scene)
{
	long rc = rds_recv(scene->ends.rx, in, sizeof(in), NULL, MSG_DONTWAIT);

	return rc < 0 || rc == (long)scene->length ? rc : 0;
}

static void it_is_right(struct scene *scene)
{
	assert_int_equal(pattern_check(in, scene->length, scene->seed), -1);
	scene->waiting = false;
}

static const struct sweep receive = {
	.what = "recvmsg", .call = call_receive, .before = have_message, .worked = it_is_right,
	.errors = { EFAULT },
};

static void recvmsg__data(void **state)
{
	struct scene scene = scene_open(state);
	const struct netns *far = topology_far_ns(scene.ends.topology, 0);
	struct counters before;

	assert_int_equal(counters_read(far, &before), 0);
	sweep_all(&scene, &receive);
	scene.length = LARGE;
	sweep_all(&scene, &receive);
	/* Each was delivered once. */
	assert_int_equal(counter_moved(far, &before, "recv_delivered"), scene.seed);
	scene_close(&scene);
}

/* Sent, read, and its cookie is back; after a call that failed it waits still. */
static void have_cookie(struct scene *scene)
{
	if (scene->waiting)
		return;
	next_message(scene);
	zc_send(&scene->ends, scene->buffer, scene->length, scene->seed);
	it_arrives(scene);
	scene->waiting = true;
	assert_true(rds_wait(scene->ends.tx, POLLERR, deadline_in(DEADLINE_USUAL_MS)) & POLLERR);
	list[0] = 0;
}

static long call_errqueue(struct scene *scene)
{
	return reap_errqueue(scene->ends.tx, list, sizeof(list), 0).bytes;
}

static void it_is_the_cookie(struct scene *scene)
{
	assert_int_equal(list[0], scene->seed);
	scene->waiting = false;
	zc_reap_exactly(scene->ends.tx, list, 0);
}

static const struct sweep read_errqueue = {
	.what = "recvmsg, error queue", .call = call_errqueue, .before = have_cookie,
	.worked = it_is_the_cookie, .errors = { EFAULT },
};

static void recvmsg__error_queue(void **state)
{
	struct scene scene = scene_open(state);

	sweep_all(&scene, &read_errqueue);
	scene_close(&scene);
}

static long call_cmsg(struct scene *scene)
{
	struct reap_cmsg reap = reap_by_cmsg(scene->ends.tx, NULL, 0, list, 1, MSG_DONTWAIT);

	return reap.bytes;
}

static const struct sweep read_cmsg = {
	.what = "recvmsg, cookies as control messages", .call = call_cmsg, .before = have_cookie,
	.worked = it_is_the_cookie, .errors = { EFAULT },
};

static void recvmsg__cookies(void **state)
{
	struct scene scene = scene_open(state);

	sweep_all(&scene, &read_cmsg);
	scene_close(&scene);
}

/* ---- setsockopt, getsockopt ---- */

static const struct {
	const char *what;
	int level, option, value;
} options[] = {
	{ "RDSZC_COMPLETION_MODE", SOL_RDS, RDSZC_COMPLETION_MODE, RDSZC_COMPLETION_BOTH },
	{ "RDSZC_ZC_THRESHOLD", SOL_RDS, RDSZC_ZC_THRESHOLD, 0 },
	{ "RDSZC_PEER_ERROR", SOL_RDS, RDSZC_PEER_ERROR, 0 },
	{ "RDS_CONG_MONITOR", SOL_RDS, RDS_CONG_MONITOR, 0 },
	{ "RDS_RECVERR", SOL_RDS, RDS_RECVERR, 1 },
	{ "SO_TIMESTAMP", SOL_RDS, SO_TIMESTAMP, 0 },
	{ "SO_ZEROCOPY", SOL_SOCKET, SO_ZEROCOPY, 1 },
};

static long call_set(struct scene *scene)
{
	return rds_set(scene->ends.tx, options[scene->option].level,
		       options[scene->option].option, options[scene->option].value);
}

static long call_cancel(struct scene *scene)
{
	return setsockopt(scene->ends.tx, SOL_RDS, RDS_CANCEL_SENT_TO, &scene->to,
			  rds_addr_len(&scene->to));
}

static const struct sweep cancel = {
	.what = "RDS_CANCEL_SENT_TO", .call = call_cancel, .errors = { EFAULT },
};

static void setsockopt__each(void **state)
{
	struct scene scene = scene_open(state);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(options); i++) {
		struct sweep sweep = {
			.what = options[i].what, .call = call_set, .errors = { EFAULT },
		};

		scene.option = (int)i;
		sweep_all(&scene, &sweep);
	}
	sweep_all(&scene, &cancel);
	scene_close(&scene);
}

static const struct {
	const char *what;
	int option;
} infos[] = {
	{ "RDS_INFO_COUNTERS", RDS_INFO_COUNTERS },
	{ "RDS_INFO_CONNECTIONS", RDS_INFO_CONNECTIONS },
	{ "RDS_INFO_SEND_MESSAGES", RDS_INFO_SEND_MESSAGES },
	{ "RDS_INFO_SOCKETS", RDS_INFO_SOCKETS },
};

static void whole_buffer(struct scene *scene)
{
	scene->option_length = sizeof(in);
}

static long call_info(struct scene *scene)
{
	return getsockopt(scene->ends.tx, SOL_RDS, scene->option, in, &scene->option_length);
}

static void length_is_as_before(struct scene *scene)
{
	assert_int_equal(scene->option_length, sizeof(in));
}

static void some_records(struct scene *scene)
{
	assert_in_range(scene->option_length, 1, sizeof(in) - 1);
}

/* A message waits to be sent, so no list is empty. */
static void info__each(void **state)
{
	struct scene scene = scene_open(state);
	size_t i;

	next_host(&scene);
	assert_int_equal(call_send(&scene), scene.length);
	for (i = 0; i < ARRAY_SIZE(infos); i++) {
		struct sweep sweep = {
			.what = infos[i].what, .call = call_info, .before = whole_buffer,
			.worked = some_records, .failed = length_is_as_before,
			.errors = { ENOMEM, EFAULT },
		};

		scene.option = infos[i].option;
		sweep_all(&scene, &sweep);
	}
	take_it_back(&scene);
	scene_close(&scene);
}

/* ---- in the module's workers ---- */

/* Until the counter has moved; workers come and go. No memory is short after it. */
static bool short_of_memory_until(const struct netns *ns, const struct counters *before,
				  const char *counter, uint64_t by)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	bool done = false;

	while (!done && !deadline_over(&deadline)) {
		fault_workers(100);
		deadline_step();
		done = counter_moved(ns, before, counter) >= by;
	}
	fault_workers(0);
	return done;
}

/* TCP has the messages, and what reads them there has no memory; then it has. */
static void worker__receives_later(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const struct netns *far = topology_far_ns(ends.topology, 0);
	struct counters before;
	uint32_t i;

	ends_there_and_back(&ends, SMALL, 100);
	assert_int_equal(counters_read(far, &before), 0);
	assert_int_equal(netns_sysctl_set(far, "rcv_mem_max", 1), 0);
	send_pattern(ends.tx, 3000, 0, &ends.far);
	assert_true(rds_wait(ends.rx, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN);
	for (i = 1; i < 10; i++)
		send_pattern(ends.tx, 3000, i, &ends.far);
	assert_true(counter_wait(far, &before, "recv_paused", 1, deadline_in(DEADLINE_USUAL_MS)));
	ends_wait_acknowledged(ends.tx);
	fault_workers(100);
	/* Room: a worker goes on with what TCP has. */
	assert_int_equal(netns_sysctl_set(far, "rcv_mem_max", 1 << 30), 0);
	i = 0;
	while (rds_recv(ends.rx, in, sizeof(in), NULL, MSG_DONTWAIT) == 3000 &&
	       pattern_check(in, 3000, i) == -1)
		i++;
	assert_true(short_of_memory_until(far, &before, "recv_delayed_retry", 3));
	assert_in_range(i, 1, 9);
	for (; i < 10; i++)
		receive_pattern(ends.rx, 3000, i, &ends.near);
	ends_there_and_back(&ends, LARGE, 200);
	assert_int_equal(counter_moved(far, &before, "conn_reset"), 0);
}

/* A pin is overdue, and there is nothing to copy it into: it stays until there is. */
static void worker__converts_later(void **state)
{
	struct scene scene = scene_begin(state);
	struct ends *ends = &scene.ends;
	bool done;

	topology_sysctl(ends->topology, "pin_hold_ms", HOLD_MS);
	topology_link(ends->topology, 0, false);
	pattern_fill(scene.buffer, LARGE, 3);
	fault_workers(100);	/* before it can be overdue */
	zc_send(ends, scene.buffer, LARGE, 3);
	done = short_of_memory_until(scene.ns, &scene.before, "zc_convert_failed", 3);
	assert_true(done);
	assert_int_equal(zc_reap_exactly(ends->tx, list, 1), 1);
	assert_int_equal(list[0], 3);
	assert_int_equal(moved(&scene, "zc_copied_converted"), 1);
	pattern_poison(scene.buffer, LARGE);
	assert_int_equal(zc_wait_unpinned(scene.pinned, deadline_in(DEADLINE_USUAL_MS)), 0);
	topology_link(ends->topology, 0, true);
	receive_pattern(ends->rx, LARGE, 3, &ends->near);
	scene_close(&scene);
}

/* A peer connects again and again, to one that has memory for the half of what it needs. */
static void worker__takes_no_connection(void **state)
{
	struct peer peer = peer_open(state);
	union rds_addr local = rds_addr_port(&peer.far, 0);
	struct deadline deadline = soon();
	uint64_t refused = 0;
	int fd;

	while (!refused && !deadline_over(&deadline)) {
		fault_workers(50);
		fd = wire_connect(&peer.topology->ns[1], &local, &peer.near, soon());
		deadline_step();
		refused = peer_moved(&peer, "conn_refused_memory");
		if (fd >= 0)
			wire_reset(fd);
	}
	fault_workers(0);
	assert_true(refused > 0);
	peer_connect(&peer);
	assert_int_equal(wire_send_map(peer.fd), 0);
	peer_expect_delivery(&peer, 1);
}

/* A connection is there, and no memory to accept it; when there is, nobody says it once more. */
static void worker__accepts_later(void **state)
{
	struct peer peer = peer_open(state);
	union rds_addr local = rds_addr_port(&peer.far, 0);
	uint64_t before = peer_moved(&peer, "conn_delayed_accept");
	struct deadline deadline = soon();
	uint64_t delayed = 0;

	fault_workers(100);
	peer.fd = wire_connect(&peer.topology->ns[1], &local, &peer.near, soon());
	while (peer.fd >= 0 && delayed <= before && !deadline_over(&deadline)) {
		deadline_step();
		delayed = peer_moved(&peer, "conn_delayed_accept");
	}
	fault_workers(0);
	assert_true(peer.fd >= 0);
	assert_true(delayed > before);
	assert_int_equal(wire_send_map(peer.fd), 0);
	peer_expect_delivery(&peer, 1);
}

/*
 * The first bind of a namespace opens the listener, in a worker; one that was just made may do it.
 */
static void worker__cannot_listen(void **state)
{
	union rds_addr addr = rds_addr("10.77.9.1", 4000);
	int fd, i, rc = 0, error = 0;
	struct netns ns;

	(void)state;
	for (i = 0; i < 20 && !rc; i++) {
		assert_int_equal(netns_create(&ns), 0);
		assert_int_equal(link_add_address(&ns, "lo", "10.77.9.1", 32), 0);
		fd = netns_in(&ns, rds_socket());
		assert_true(fd >= 0);
		fault_workers(100);
		rc = rds_bind(fd, &addr);
		error = errno;
		fault_workers(0);
		if (rc)
			assert_int_equal(rds_bind(fd, &addr), 0);
		close(fd);
		netns_destroy(&ns);
	}
	assert_int_equal(rc, -1);
	assert_int_equal(error, ENETDOWN);
}

/* ---- everywhere ---- */

#define STORM 400
#define STORM_PERCENT 10

/* What was sent and not received yet: numbers of messages, in order. */
struct storm {
	uint32_t sent[STORM];
	size_t count, received;
	int bad_errno;
	bool wrong;
};

static size_t storm_length(uint32_t seed)
{
	return seed % 4 ? 1000 : 20000;
}

static bool storm_receive(struct storm *storm, int fd)
{
	ssize_t got = rds_recv(fd, in, sizeof(in), NULL, MSG_DONTWAIT);
	uint32_t seed;

	if (got < 0)
		return false;
	seed = storm->sent[storm->received];
	if (storm->received == storm->count || got != (ssize_t)storm_length(seed) ||
	    pattern_check(in, (size_t)got, seed) >= 0)
		storm->wrong = true;
	storm->received++;
	return !storm->wrong;
}

static void storm_send(struct storm *storm, const struct ends *ends, uint32_t seed)
{
	size_t length = storm_length(seed);

	pattern_fill(out, length, seed);
	if (rds_send(ends->tx, out, length, &ends->far, MSG_DONTWAIT) == (ssize_t)length)
		storm->sent[storm->count++] = seed;
	else if (errno != ENOMEM && errno != EAGAIN && errno != ENOBUFS)
		storm->bad_errno = errno;
}

/* Nothing asserts before there is memory again. */
static void storm_once(const struct ends *ends)
{
	struct storm storm = { .count = 0 };
	struct deadline deadline;
	uint32_t i;

	fault_all(STORM_PERCENT);
	for (i = 0; i < STORM; i++) {
		storm_send(&storm, ends, i);
		storm_receive(&storm, ends->rx);
	}
	fault_all(0);
	if (storm.bad_errno)
		fail_msg("a send failed by %s", strerror(storm.bad_errno));
	deadline = deadline_in(2 * DEADLINE_USUAL_MS);
	while (storm.received < storm.count && !storm.wrong && !deadline_over(&deadline))
		if (!storm_receive(&storm, ends->rx))
			deadline_step();
	print_message("# %zu of %u sent, %u receive and %u transmit runs put off\n", storm.count,
		      STORM, (unsigned int)counter_now(topology_far_ns(ends->topology, 0),
						       "recv_delayed_retry"),
		      (unsigned int)counter_now(&ends->topology->ns[0], "send_delayed_retry"));
	assert_false(storm.wrong);
	assert_int_equal(storm.received, storm.count);
	assert_in_range(storm.count, STORM / 4, STORM - 1);
}

/*
 * In softirq, too. Where TCP itself has met a fault, all may be read when the storm is over: then
 * there is another one.
 */
static void storm__loses_nothing(void **state)
{
	struct ends ends = ends_open(state);
	const struct netns *far = topology_far_ns(ends.topology, 0);
	bool wire = ends.topology->variant->wire == WIRE_VETH, met;
	struct counters before;
	int i = 0;

	assert_int_equal(rds_set_buffers(ends.tx, 4 << 20, 0), 0);
	assert_int_equal(rds_set_buffers(ends.rx, 0, 4 << 20), 0);
	ends_there_and_back(&ends, LARGE, 1000);
	assert_int_equal(counters_read(far, &before), 0);
	do {
		storm_once(&ends);
		met = counter_moved(far, &before, "recv_delayed_retry") > 0;
	} while (wire && !met && ++i < 5);
	assert_true(met || !wire);
	ends_there_and_back(&ends, LARGE, 2000);
}

static const struct variant variants_peer[] = {
	{ "the peer dials", WIRE_VETH, 0, 1, 0, 0 },
	{ 0 }
};

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "faults" };
	bool count = argc > 1 && !strcmp(argv[1], "--count");

	if (!count && fault_prepare())
		return 1;
	suite_at_end(fault_end);
	SUITE_ADD(&suite, sendmsg__copied, variants_any_each);
	SUITE_ADD(&suite, sendmsg__zerocopy, variants_any_each);
	SUITE_ADD(&suite, sendmsg__first_to_a_host, variants_one);
	SUITE_ADD_PLAIN(&suite, socket__of_nothing);
	SUITE_ADD(&suite, bind__of_nothing, variants_one);
	SUITE_ADD(&suite, connect__of_nothing, variants_one);
	SUITE_ADD(&suite, recvmsg__data, variants_any_each);
	SUITE_ADD(&suite, recvmsg__error_queue, variants_one_each);
	SUITE_ADD(&suite, recvmsg__cookies, variants_one_each);
	SUITE_ADD(&suite, setsockopt__each, variants_one_each);
	SUITE_ADD(&suite, info__each, variants_one_each);
	SUITE_ADD(&suite, worker__receives_later, variants_one);
	SUITE_ADD(&suite, worker__converts_later, variants_one_each);
	SUITE_ADD(&suite, worker__takes_no_connection, variants_peer);
	SUITE_ADD(&suite, worker__accepts_later, variants_peer);
	SUITE_ADD_PLAIN(&suite, worker__cannot_listen);
	SUITE_ADD(&suite, storm__loses_nothing, variants_basic);
	return suite_run(&suite, argc, argv);
}
