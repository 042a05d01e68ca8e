// SPDX-License-Identifier: GPL-2.0
/*
 * Who may connect, and what a connection has to show before it counts. The strangers here are plain
 * TCP sockets, mostly in the namespace of the near end, with its address or others on its wire.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "counters.h"
#include "diag.h"
#include "ends.h"
#include "link.h"
#include "suite.h"

#define HEADER 48
#define MAP_BYTES 8192
#define MAX_PAYLOAD (1u << 20)

/* ---- strangers ---- */

/* Connects to the far end, from an address (NULL: any); -1 with errno if it cannot. */
static int stranger_in(const struct netns *ns, const struct topology *topology,
		       const union rds_addr *own)
{
	union rds_addr to = rds_addr_port(&topology->far[0], RDS_TCP_PORT);
	int fd = netns_in(ns, socket(to.sa.sa_family, SOCK_STREAM, 0));
	int error;

	assert_true(fd >= 0);
	if (own)
		assert_int_equal(bind(fd, &own->sa, rds_addr_len(own)), 0);
	if (!connect(fd, &to.sa, rds_addr_len(&to)))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* The same, in the near end's namespace. */
static int stranger_from(const struct topology *topology, const char *from)
{
	union rds_addr own;

	if (!from)
		return stranger_in(&topology->ns[0], topology, NULL);
	own = rds_addr(from, 0);
	return stranger_in(&topology->ns[0], topology, &own);
}

static int stranger(const struct topology *topology)
{
	int fd = stranger_from(topology, NULL);

	assert_true(fd >= 0);
	return fd;
}

/* As the large side does: the other end may have reset it before connect() returns. */
static void wake_up_from(const struct topology *topology, const char *from)
{
	int fd = stranger_from(topology, from);

	if (fd < 0)
		assert_int_equal(errno, ECONNRESET);
	else
		close(fd);
}

/* The other end ends it, whatever it says before. */
static bool is_closed_within(int fd, unsigned int ms)
{
	struct deadline deadline = deadline_in(ms);
	char bytes[4096];

	while (rds_wait(fd, POLLIN, deadline))
		if (recv(fd, bytes, sizeof(bytes), 0) <= 0)
			return true;
	return false;
}

struct frame {
	unsigned char bytes[HEADER + MAP_BYTES];
};

static void frame_make(struct frame *frame, uint32_t length, unsigned char flags)
{
	memset(frame, 0, sizeof(*frame));
	frame->bytes[16] = (unsigned char)(length >> 24);
	frame->bytes[17] = (unsigned char)(length >> 16);
	frame->bytes[18] = (unsigned char)(length >> 8);
	frame->bytes[19] = (unsigned char)length;
	frame->bytes[24] = flags;
}

static void frame_send(int fd, const struct frame *frame, size_t length)
{
	assert_int_equal(send(fd, frame->bytes, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* What an in-tree peer begins with. */
static void map_send(int fd)
{
	struct frame frame;

	frame_make(&frame, MAP_BYTES, 1);
	frame_send(fd, &frame, HEADER + MAP_BYTES);
}

/* The far end's map comes back: it has taken the connection. */
static void assert_map_comes(int fd)
{
	struct frame frame;
	size_t got = 0;
	ssize_t rc;

	while (got < sizeof(frame.bytes)) {
		assert_int_equal(rds_wait(fd, POLLIN, deadline_in(DEADLINE_USUAL_MS)) & POLLIN,
				 POLLIN);
		rc = recv(fd, frame.bytes + got, sizeof(frame.bytes) - got, 0);
		assert_true(rc > 0);
		got += (size_t)rc;
	}
	assert_int_equal(frame.bytes[24], 1);
}

/* ---- accept_from ---- */

static int write_list(const struct netns *ns, const char *text)
{
	int fd = netns_in(ns, open("/proc/sys/net/rds_zc/accept_from", O_WRONLY));
	ssize_t rc;
	int error;

	assert_true(fd >= 0);
	rc = write(fd, text, strlen(text));
	error = errno;
	close(fd);
	errno = error;
	return rc == (ssize_t)strlen(text) ? 0 : -1;
}

static void assert_list(const struct netns *ns, const char *expected)
{
	int fd = netns_in(ns, open("/proc/sys/net/rds_zc/accept_from", O_RDONLY));
	char text[512];
	ssize_t length;

	assert_true(fd >= 0);
	length = read(fd, text, sizeof(text) - 1);
	assert_true(length >= 0);
	text[length] = 0;
	text[strcspn(text, "\n")] = 0;
	assert_string_equal(text, expected);
	close(fd);
}

static void accept_from__is_text(void **state)
{
	static const char * const bad[] = {
		"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0",
		"abc", "fd00::/129", "fd00::1/64", "10.0.0.0/8 nonsense", "/8",
	};
	struct topology *topology = *state;
	const struct netns *ns = &topology->ns[0];
	size_t i;

	assert_list(ns, "");
	assert_int_equal(write_list(ns, "10.0.0.0/8, fd00::/8\t192.168.7.1\n"), 0);
	assert_list(ns, "10.0.0.0/8,fd00::/8,192.168.7.1/32");
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		errno = 0;
		assert_int_equal(write_list(ns, bad[i]), -1);
		assert_int_equal(errno, EINVAL);
	}
	assert_list(ns, "10.0.0.0/8,fd00::/8,192.168.7.1/32");
	assert_list(&topology->ns[1], "");
	assert_int_equal(write_list(ns, "::/0 0.0.0.0/0"), 0);
	assert_list(ns, "::/0,0.0.0.0/0");
	assert_int_equal(write_list(ns, "\n"), 0);
	assert_list(ns, "");
}

/* Who is not in the list is refused before there is a connection; who is gets through. */
static void accept_from__refuses_others(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	struct topology *topology = ends.topology;
	const struct netns *far = &topology->ns[1];
	bool v6 = topology->variant->v6;
	struct counters before;

	assert_int_equal(write_list(far, v6 ? "fd99::/16 0.0.0.0/0" : "10.78.0.0/16 ::/0"), 0);
	assert_int_equal(counters_read(far, &before), 0);
	assert_int_equal(stranger_from(topology, NULL), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(counter_moved(far, &before, "conn_refused_from"), 1);
	/* Our own peer is no better off, until it is let in. */
	send_pattern(ends.tx, 1000, 1, &ends.far);
	assert_true(counter_wait(far, &before, "conn_refused_from", 3,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(counter_moved(far, &before, "conn_up"), 0);
	assert_int_equal(write_list(far, v6 ? "fd77:1::/64" : "10.77.1.0/24"), 0);
	receive_pattern(ends.rx, 1000, 1, &ends.near);
}

/* ---- addresses that nobody is bound to ---- */

static void unbound__is_refused(void **state)
{
	struct topology *topology = *state;
	const struct netns *far = &topology->ns[1];
	union rds_addr other = rds_addr(topology->variant->v6 ? "fd77:1::33" : "10.77.1.33", 0);
	struct counters before;
	int fd;

	assert_int_equal(link_add_address(far, "w0", topology->variant->v6 ? "fd77:1::33" :
					  "10.77.1.33", topology->variant->v6 ? 64 : 24), 0);
	/* The listener is open, for another address. */
	fd = topology_socket(topology, far, &other);
	assert_int_equal(counters_read(far, &before), 0);
	assert_int_equal(stranger_from(topology, NULL), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(counter_moved(far, &before, "conn_refused_unbound"), 1);
	assert_int_equal(netns_sysctl_set(far, "tcp_listen", 1), 0);
	close(stranger(topology));
	assert_int_equal(netns_sysctl_set(far, "tcp_listen", 2), 0);
	assert_int_equal(stranger_from(topology, NULL), -1);
	topology_close(topology, fd);
}

/* The last socket of an address closes, its connection is lost, the peer goes on trying: refused,
 * until somebody binds again; then all of the peer's messages come.
 */
static void unbound__and_bound_again(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	struct topology *topology = ends.topology;
	const struct netns *far = &topology->ns[1];
	struct counters before;

	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	topology_close(topology, ends.rx);
	assert_int_equal(counters_read(far, &before), 0);
	assert_true(diag_kill(far, RDS_TCP_PORT) >= 1);
	send_pattern(ends.tx, 100, 2, &ends.far);
	assert_true(counter_wait(far, &before, "conn_refused_unbound", 3,
				 deadline_in(DEADLINE_USUAL_MS)));
	/* It backs off, up to a second. */
	assert_true(counter_moved(far, &before, "conn_refused_unbound") < 30);
	ends.rx = topology_socket(topology, far, &ends.far);
	receive_pattern(ends.rx, 100, 2, &ends.near);
}

/* ---- our own address ---- */

/* Who has our address is on this machine, where no TCP is needed, or lies. */
static void own_address__is_refused(void **state)
{
	struct topology *topology = *state;
	const struct netns *far = &topology->ns[1];
	union rds_addr own = rds_addr_port(&topology->far[0], 0);
	struct counters before;

	topology_socket(topology, far, &own);
	assert_int_equal(counters_read(far, &before), 0);
	assert_fails(stranger_in(far, topology, &topology->far[0]), ECONNREFUSED);
	assert_int_equal(counter_moved(far, &before, "conn_refused_local"), 1);
	assert_int_equal(counter_moved(far, &before, "tcp_accepts"), 0);
}

/* ---- before the first frame ---- */

static void pending__silent_one_is_closed(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const struct netns *far = &ends.topology->ns[1];
	struct counters before;
	int fd;

	assert_int_equal(netns_sysctl_set(far, "pending_ms", 300), 0);
	assert_int_equal(counters_read(far, &before), 0);
	fd = stranger(ends.topology);
	assert_true(is_closed_within(fd, 10000));
	assert_int_equal(counter_moved(far, &before, "conn_refused_silent"), 1);
	assert_int_equal(counter_moved(far, &before, "conn_up"), 0);
	assert_int_equal(counter_moved(far, &before, "tcp_accepts"), 0);
	close(fd);
}

/* A header that comes byte by byte has no more time than one that does not come. */
static void pending__slow_header_is_closed(void **state)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct ends ends = ends_open_one_lane(state);
	const struct netns *far = &ends.topology->ns[1];
	struct counters before;
	int fd, i;

	assert_int_equal(netns_sysctl_set(far, "pending_ms", 500), 0);
	assert_int_equal(counters_read(far, &before), 0);
	fd = stranger(ends.topology);
	for (i = 0; i < HEADER - 1; i++) {
		if (send(fd, "", 1, MSG_NOSIGNAL) < 0)
			break;
		nanosleep(&pause, NULL);
	}
	assert_true(is_closed_within(fd, 10000));
	assert_int_equal(counter_moved(far, &before, "conn_refused_silent"), 1);
	assert_int_equal(counter_moved(far, &before, "tcp_accepts"), 0);
	close(fd);
}

/* A slow one that gets there in time is a peer. */
static void pending__slow_header_in_time(void **state)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	struct ends ends = ends_open_one_lane(state);
	const struct netns *far = &ends.topology->ns[1];
	struct counters before;
	struct frame frame;
	int fd, i;

	assert_int_equal(netns_sysctl_set(far, "pending_ms", 20000), 0);
	assert_int_equal(counters_read(far, &before), 0);
	frame_make(&frame, MAP_BYTES, 1);
	fd = stranger(ends.topology);
	for (i = 0; i < HEADER; i++) {
		assert_int_equal(counter_moved(far, &before, "tcp_accepts"), 0);
		assert_int_equal(send(fd, frame.bytes + i, 1, MSG_NOSIGNAL), 1);
		nanosleep(&pause, NULL);
	}
	assert_int_equal(send(fd, frame.bytes + HEADER, MAP_BYTES, MSG_NOSIGNAL), MAP_BYTES);
	assert_map_comes(fd);
	assert_int_equal(counter_moved(far, &before, "tcp_accepts"), 1);
	assert_true(counter_wait(far, &before, "cong_update_received", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	close(fd);
}

static void pending__map_first_is_a_peer(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const struct netns *far = &ends.topology->ns[1];
	struct counters before;
	int fd;

	assert_int_equal(counters_read(far, &before), 0);
	fd = stranger(ends.topology);
	map_send(fd);
	assert_map_comes(fd);
	assert_int_equal(counter_moved(far, &before, "conn_up"), 1);
	close(fd);
}

static void pending__peer_that_ends_it(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const struct netns *far = &ends.topology->ns[1];
	struct counters before;

	assert_int_equal(counters_read(far, &before), 0);
	close(stranger(ends.topology));
	assert_true(counter_wait(far, &before, "conn_refused_closed", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(counter_moved(far, &before, "tcp_accepts"), 0);
}

/* A thousand at once from the address of a true peer, which gets through all the same. */
static void pending__a_thousand_idle_ones(void **state)
{
	const struct rlimit files = { 4096, 4096 };
	struct ends ends = ends_open_one_lane(state);
	struct topology *topology = ends.topology;
	const struct netns *far = &topology->ns[1];
	struct counters before;
	static int fds[1000];
	size_t i;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	assert_int_equal(netns_sysctl_set(far, "pending_ms", 20000), 0);
	assert_int_equal(netns_sysctl_set(far, "pending_per_peer", 16), 0);
	assert_int_equal(counters_read(far, &before), 0);
	for (i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = stranger(topology);
		if (i != ARRAY_SIZE(fds) / 2)
			continue;
		send_pattern(ends.tx, 1000, 1, &ends.far);
		receive_pattern(ends.rx, 1000, 1, &ends.near);
	}
	assert_true(counter_wait(far, &before, "conn_refused_peer_limit",
				 ARRAY_SIZE(fds) - 16, deadline_in(DEADLINE_USUAL_MS)));
	/* Ours was among them for a moment: then one more had to go. */
	assert_in_range(counter_moved(far, &before, "conn_refused_peer_limit"),
			ARRAY_SIZE(fds) - 16, ARRAY_SIZE(fds) - 15);
	assert_int_equal(counter_moved(far, &before, "tcp_accepts"), 1);
	assert_true(is_closed_within(fds[0], 1000));
	assert_int_equal(netns_sysctl_set(far, "pending_ms", 100), 0);
	close(stranger(topology));	/* the new limit is looked at */
	assert_true(counter_wait(far, &before, "conn_refused_silent", 14,
				 deadline_in(DEADLINE_USUAL_MS)));
	for (i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	send_pattern(ends.tx, 1000, 2, &ends.far);
	receive_pattern(ends.rx, 1000, 2, &ends.near);
}

#define SOURCES 40

static void add_sources(const struct topology *topology, char text[][64])
{
	bool v6 = topology->variant->v6;
	size_t i;

	for (i = 0; i < SOURCES; i++) {
		snprintf(text[i], 64, v6 ? "fd77:1::1:%zx" : "10.77.1.%zu", 100 + i);
		assert_int_equal(link_add_address(&topology->ns[0], "w0", text[i], v6 ? 64 : 24),
				 0);
	}
}

/* Each source comes to one of the two ends: on a slow host some still wait for theirs. */
static void wait_in_vain_or_refused(const struct netns *far, const struct counters *before)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint64_t ended;

	do {
		ended = counter_moved(far, before, "tcp_wakeups_vain") +
			counter_moved(far, before, "conn_refused_limit");
		if (ended < SOURCES)
			usleep(20000);
	} while (ended < SOURCES && !deadline_over(&deadline));
	assert_int_equal(ended, SOURCES);
}

/*
 * The small side's address is the smallest of the wire, so all of these are large: 10.77.1.2 is
 * not.
 */
static void pending__many_addresses(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	struct topology *topology = ends.topology;
	const struct netns *far = &topology->ns[1];
	static char from[SOURCES][64];
	struct counters before;
	size_t i;

	add_sources(topology, from);
	assert_int_equal(netns_sysctl_set(far, "pending_ms", 500), 0);
	assert_int_equal(netns_sysctl_set(far, "pending_max", 10), 0);
	assert_int_equal(counters_read(far, &before), 0);
	for (i = 0; i < SOURCES; i++)
		wake_up_from(topology, from[i]);
	/* They are larger than the far end: wake-ups. It dials each it has room for, in vain. */
	assert_true(counter_wait(far, &before, "tcp_wakeups_received", SOURCES,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_true(counter_wait(far, &before, "tcp_wakeups_vain", 10,
				 deadline_in(DEADLINE_USUAL_MS)));
	wait_in_vain_or_refused(far, &before);
	assert_int_equal(counter_moved(far, &before, "conn_up"), 0);
	/* Nothing is left of any of them. */
	assert_true(counter_wait(far, &before, "conn_reaped", SOURCES,
				 deadline_in(DEADLINE_USUAL_MS)));
	send_pattern(ends.tx, 1000, 2, &ends.far);
	receive_pattern(ends.rx, 1000, 2, &ends.near);
}

/* The same from addresses below the far end's. */
static void pending__many_small_addresses(void **state)
{
	struct topology *topology = *state;
	const struct netns *far = &topology->ns[1];
	union rds_addr top = rds_addr("10.77.1.250", 0);
	static char from[SOURCES][64];
	struct counters before;
	int fds[SOURCES];
	size_t i;

	add_sources(topology, from);
	assert_int_equal(link_add_address(far, "w0", "10.77.1.250", 24), 0);
	topology_socket(topology, far, &top);
	topology->far[0] = top;
	/* Longer than the next ten take, on any machine; so the limit ends most of them. */
	assert_int_equal(netns_sysctl_set(far, "pending_ms", 3000), 0);
	assert_int_equal(netns_sysctl_set(far, "pending_max", 10), 0);
	assert_int_equal(counters_read(far, &before), 0);
	for (i = 0; i < SOURCES; i++) {
		fds[i] = stranger_from(topology, from[i]);
		assert_true(fds[i] >= 0);
	}
	for (i = 0; i < SOURCES; i++)
		assert_true(is_closed_within(fds[i], 10000));
	assert_int_equal(counter_moved(far, &before, "conn_refused_silent") +
			 counter_moved(far, &before, "conn_refused_limit"), SOURCES);
	assert_true(counter_moved(far, &before, "conn_refused_limit") >= SOURCES / 2);
	assert_int_equal(counter_moved(far, &before, "tcp_accepts"), 0);
	for (i = 0; i < SOURCES; i++)
		close(fds[i]);
}

/* ---- malformed ---- */

struct malformed {
	uint32_t length;
	unsigned char flags;
	const char *counter;
};

static const struct malformed malformed[] = {
	{ 0x7fffffff, 0, "recv_drop_bad_len" },
	{ 0xffffffff, 0, "recv_drop_bad_len" },
	{ MAX_PAYLOAD + 1, 0, "recv_drop_bad_len" },
	{ 0xffffffff, 1, "recv_drop_bad_len" },
	{ MAP_BYTES - 1, 1, "recv_drop_bad_map" },
	{ MAP_BYTES + 1, 1, "recv_drop_bad_map" },
	{ 0, 1, "recv_drop_bad_map" },
};

static void malformed__first_header(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const struct netns *far = &ends.topology->ns[1];
	struct counters before;
	struct frame frame;
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(malformed); i++) {
		assert_int_equal(counters_read(far, &before), 0);
		frame_make(&frame, malformed[i].length, malformed[i].flags);
		fd = stranger(ends.topology);
		frame_send(fd, &frame, HEADER);
		assert_true(is_closed_within(fd, 10000));
		assert_int_equal(counter_moved(far, &before, "conn_drop_protocol"), 1);
		assert_int_equal(counter_moved(far, &before, malformed[i].counter), 1);
		assert_int_equal(counter_moved(far, &before, "conn_up"), 0);
		close(fd);
	}
}

/* After a good start: the connection goes, and the peer has to wait before it may try again. */
static void malformed__later_header(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	struct topology *topology = ends.topology;
	const struct netns *far = &topology->ns[1];
	struct counters before;
	struct frame frame;
	size_t i;
	int fd;

	assert_int_equal(netns_sysctl_set(far, "reconnect_max_delay_ms", 400L * time_scale()), 0);
	for (i = 0; i < ARRAY_SIZE(malformed); i++) {
		struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

		while ((fd = stranger_from(topology, NULL)) < 0 && !deadline_over(&deadline))
			deadline_step();
		assert_true(fd >= 0);
		assert_int_equal(counters_read(far, &before), 0);
		map_send(fd);
		assert_map_comes(fd);
		frame_make(&frame, malformed[i].length, malformed[i].flags);
		frame_send(fd, &frame, HEADER);
		assert_true(is_closed_within(fd, 10000));
		assert_int_equal(counter_moved(far, &before, "conn_drop_protocol"), 1);
		assert_int_equal(counter_moved(far, &before, malformed[i].counter), 1);
		close(fd);
		assert_int_equal(stranger_from(topology, NULL), -1);
		assert_int_equal(errno, ECONNREFUSED);
		assert_int_equal(counter_moved(far, &before, "conn_refused_backoff"), 1);
	}
}

/* ---- wake-ups ---- */

/* However many there are, they make one conn, and it is dialled at a bounded rate. */
static void wakeup__flood_from_one_address(void **state)
{
	struct topology *topology = *state;
	const struct netns *far = &topology->ns[1];
	uint64_t start = clock_ms(), seconds;
	struct counters before;
	union rds_addr own;
	int i;

	topology_far(topology, &own);
	assert_int_equal(netns_sysctl_set(far, "pending_ms", 300), 0);
	assert_int_equal(counters_read(far, &before), 0);
	for (i = 0; i < 200; i++)
		wake_up_from(topology, NULL);
	assert_true(counter_wait(far, &before, "tcp_wakeups_received", 200,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_true(counter_wait(far, &before, "tcp_wakeups_vain", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	seconds = (clock_ms() - start) / 1000 + 1;
	assert_true(counter_moved(far, &before, "tcp_connects") <= 40 * seconds);
	assert_int_equal(counter_moved(far, &before, "conn_up"), 0);
	assert_true(counter_wait(far, &before, "conn_reaped", 1, deadline_in(DEADLINE_USUAL_MS)));
}

/* The large side has lost its connection without a word: its wake-up makes the small side look. */
static void wakeup__finds_a_stale_connection(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	struct topology *topology = ends.topology;
	const struct netns *near = &topology->ns[0], *far = &topology->ns[1];
	struct counters before;

	topology_sysctl(topology, "keepalive_idle", 600);
	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	send_pattern(ends.rx, 100, 2, &ends.near);
	receive_pattern(ends.tx, 100, 2, &ends.far);
	assert_int_equal(counters_read(near, &before), 0);
	topology_blackhole(topology, 0, true);
	assert_true(diag_kill(near, RDS_TCP_PORT) >= 1);
	assert_true(counter_wait(near, &before, "conn_drop_peer", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	/* From here on each try of the near side may get there. */
	assert_int_equal(counters_read(far, &before), 0);
	topology_blackhole(topology, 0, false);
	send_pattern(ends.tx, 100, 3, &ends.far);
	receive_pattern(ends.rx, 100, 3, &ends.near);
	assert_int_equal(counter_moved(far, &before, "conn_drop_peer"), 1);
}

static const struct variant small_first[] = {
	{ "veth v4", WIRE_VETH, 0, 0, 0, 0 },
	{ "veth v6", WIRE_VETH, 1, 0, 0, 0 },
	{ 0 }
};

static const struct variant large_first[] = {
	{ "veth v4 large", WIRE_VETH, 0, 1, 0, 0 },
	{ "veth v6 large", WIRE_VETH, 1, 1, 0, 0 },
	{ 0 }
};

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "gate" };

	SUITE_ADD(&suite, accept_from__is_text, variants_one);
	SUITE_ADD(&suite, accept_from__refuses_others, small_first);
	SUITE_ADD(&suite, unbound__is_refused, small_first);
	SUITE_ADD(&suite, unbound__and_bound_again, small_first);
	SUITE_ADD(&suite, own_address__is_refused, small_first);
	SUITE_ADD(&suite, pending__silent_one_is_closed, small_first);
	SUITE_ADD(&suite, pending__slow_header_is_closed, variants_one);
	SUITE_ADD(&suite, pending__slow_header_in_time, variants_one);
	SUITE_ADD(&suite, pending__map_first_is_a_peer, small_first);
	SUITE_ADD(&suite, pending__peer_that_ends_it, variants_one);
	SUITE_ADD(&suite, pending__a_thousand_idle_ones, variants_one);
	SUITE_ADD(&suite, pending__many_addresses, small_first);
	SUITE_ADD(&suite, pending__many_small_addresses, variants_one);
	SUITE_ADD(&suite, malformed__first_header, small_first);
	SUITE_ADD(&suite, malformed__later_header, small_first);
	SUITE_ADD(&suite, wakeup__flood_from_one_address, large_first);
	SUITE_ADD(&suite, wakeup__finds_a_stale_connection, large_first);
	return suite_run(&suite, argc, argv);
}
