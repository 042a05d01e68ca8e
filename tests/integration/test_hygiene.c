// SPDX-License-Identifier: GPL-2.0
/*
 * How connections are kept: who may open sockets, pings, keep-alive, buffers, addresses, the log.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "counters.h"
#include "cred.h"
#include "diag.h"
#include "ends.h"
#include "link.h"
#include "suite.h"

#define UNPRIVILEGED "/sys/module/rds_zc/parameters/unprivileged"

static void assert_sysctl(const struct netns *ns, const char *name, long expected)
{
	long value = -1;

	assert_int_equal(netns_sysctl_get(ns, name, &value), 0);
	assert_int_equal(value, expected);
}

/* ---- who may open a socket ---- */

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void unprivileged__0_needs_cap_net_raw(void **state)
{
	int fd, as_nobody, error;

	(void)state;
	write_file(UNPRIVILEGED, "0");
	fd = rds_socket();
	assert_int_equal(cred_become_nobody(), 0);
	errno = 0;
	as_nobody = rds_socket();
	error = errno;
	assert_int_equal(cred_become_root(), 0);
	write_file(UNPRIVILEGED, "1");
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(as_nobody, -1);
	assert_int_equal(error, EPERM);
}

static bool opens(int error)
{
	int fd;

	errno = 0;
	fd = rds_socket();
	if (fd >= 0)
		close(fd);
	return error ? fd < 0 && errno == error : fd >= 0;
}

/*
 * Nobody, who then has every capability in a user namespace of his own, but not in that of the
 * network; and then a network of his own, too. Returns the step that went wrong, 0 for none.
 */
static int open_in_own_namespaces(void)
{
	if (setresuid(CRED_NOBODY, CRED_NOBODY, CRED_NOBODY) || !opens(EPERM))
		return 1;
	if (unshare(CLONE_NEWUSER))
		return 2;
	if (!opens(EPERM))
		return 3;
	if (unshare(CLONE_NEWNET))
		return 4;
	return opens(0) ? 0 : 5;
}

static void unprivileged__0_looks_at_the_owner_of_the_network(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	write_file(UNPRIVILEGED, "0");
	pid = fork();
	if (!pid)
		_exit(open_in_own_namespaces());
	if (pid > 0 && waitpid(pid, &status, 0) != pid)
		status = -1;
	write_file(UNPRIVILEGED, "1");
	assert_true(pid > 0);
	assert_int_equal(status, 0);
}

static void unprivileged__1_is_the_default(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(cred_become_nobody(), 0);
	fd = rds_socket();
	assert_int_equal(cred_become_root(), 0);
	assert_true(fd >= 0);
	close(fd);
}

/* ---- pings ---- */

/*
 * Of a flood, at most what one second allows is answered at once; messages are not held up by it.
 */
static void ping__flood_is_limited(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const struct netns *far = topology_far_ns(ends.topology, 0);
	union rds_addr ping = rds_addr_port(&ends.far, 0);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	const unsigned int rate = 20, flood = 400;
	uint64_t start, seconds, answered;
	struct counters before;
	unsigned int i;

	assert_sysctl(far, "ping_rate", 1000);
	assert_int_equal(netns_sysctl_set(far, "ping_rate", rate), 0);
	ends_there_and_back(&ends, 100, 1);
	start = clock_ms();
	assert_int_equal(counters_read(far, &before), 0);
	for (i = 0; i < flood; i++)
		assert_int_equal(rds_send(ends.tx, NULL, 0, &ping, 0), 0);
	send_pattern(ends.tx, 5000, 3, &ends.far);
	receive_pattern(ends.rx, 5000, 3, &ends.near);
	do {	/* the message was not behind all of them */
		seconds = (clock_ms() - start) / 1000 + 1;
		answered = counter_moved(far, &before, "recv_ping");
		assert_true(answered <= rate * (seconds + 1));
		assert_false(deadline_over(&deadline));
		deadline_step();
	} while (answered + counter_moved(far, &before, "recv_drop_ping_rate") < flood);
	assert_true(answered >= 8);
	assert_int_equal(netns_sysctl_set(far, "ping_rate", 15), -1);
}

/* ---- keep-alive ---- */

/* The wire goes dead while nothing is under way: the probes find out. */
static void keepalive__idle_dead_peer_is_noticed(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const struct netns *near = &ends.topology->ns[0];
	struct counters before;

	topology_sysctl(ends.topology, "keepalive_idle", 1);
	topology_sysctl(ends.topology, "keepalive_interval", 1);
	topology_sysctl(ends.topology, "keepalive_count", 2);
	ends_there_and_back(&ends, 100, 1);
	/*
	 * Idle means that the last acknowledgement of either side has come: else TCP repeats it
	 * instead.
	 */
	usleep(500 * 1000 * time_scale());
	assert_int_equal(counters_read(near, &before), 0);
	topology_blackhole(ends.topology, 0, true);
	assert_true(counter_wait(near, &before, "conn_drop_peer", 1, deadline_in(15000)));
	topology_blackhole(ends.topology, 0, false);
	ends_there_and_back(&ends, 100, 1);
}

static void keepalive__defaults_and_ranges(void **state)
{
	struct topology *topology = *state;
	const struct netns *ns = &topology->ns[0];

	assert_sysctl(ns, "keepalive_idle", 5);
	assert_sysctl(ns, "keepalive_interval", 5);
	assert_sysctl(ns, "keepalive_count", 5);
	assert_int_equal(netns_sysctl_set(ns, "keepalive_idle", 0), -1);
	assert_int_equal(netns_sysctl_set(ns, "keepalive_idle", 32768), -1);
	assert_int_equal(netns_sysctl_set(ns, "keepalive_interval", 0), -1);
	assert_int_equal(netns_sysctl_set(ns, "keepalive_count", 128), -1);
}

/* ---- buffers of TCP ---- */

static void buffers__bounds(void **state)
{
	struct topology *topology = *state;
	const struct netns *ns = &topology->ns[0];

	assert_sysctl(ns, "tcp_sndbuf", 0);
	assert_sysctl(ns, "tcp_rcvbuf", 0);
	assert_int_equal(netns_sysctl_set(ns, "tcp_sndbuf", 1000), -1);
	assert_int_equal(netns_sysctl_set(ns, "tcp_rcvbuf", 1000), -1);
	assert_int_equal(netns_sysctl_set(ns, "tcp_rcvbuf", -1), -1);
	assert_sysctl(ns, "tcp_sndbuf", 0);
	assert_int_equal(netns_sysctl_set(ns, "tcp_sndbuf", 100000), 0);
	assert_int_equal(netns_sysctl_set(ns, "tcp_rcvbuf", 100000), 0);
	assert_int_equal(netns_sysctl_set(ns, "tcp_sndbuf", 0), 0);
	assert_int_equal(netns_sysctl_set(ns, "tcp_rcvbuf", 0), 0);
}

/* Written again and again in mid-stream: every message arrives once, in order. */
static void buffers__written_under_load(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const struct netns *near = &ends.topology->ns[0];
	struct counters before;
	uint32_t sent = 0, got = 0, writes = 0;
	const uint32_t count = 300;
	char byte;

	assert_int_equal(rds_set_buffers(ends.tx, 1 << 20, 0), 0);
	ends_there_and_back(&ends, 100, 1);
	assert_int_equal(counters_read(near, &before), 0);
	while (got < count) {
		while (sent < count && sent < got + 10) {
			send_pattern(ends.tx, 1 + sent * 37 % 9000, sent, &ends.far);
			sent++;
		}
		if (got % 60 == 30) {
			assert_int_equal(netns_sysctl_set(near, "tcp_sndbuf", 20000 + got), 0);
			writes++;
		}
		receive_pattern(ends.rx, 1 + got * 37 % 9000, got, &ends.near);
		got++;
	}
	assert_int_equal(rds_recv(ends.rx, &byte, 1, NULL, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(writes >= 5);
	assert_true(counter_moved(near, &before, "conn_drop_sysctl") >= 1);
	assert_true(counter_moved(near, &before, "conn_drop_sysctl") <= writes);
}

/* The namespace is that of the file, not that of who writes. */
static void buffers__of_the_namespace_of_the_file(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const struct netns *near = &ends.topology->ns[0], *far = &ends.topology->ns[1];
	struct counters at_near, at_far;
	int fd;

	ends_there_and_back(&ends, 100, 1);
	assert_int_equal(counters_read(near, &at_near), 0);
	assert_int_equal(counters_read(far, &at_far), 0);
	fd = netns_in(far, open("/proc/sys/net/rds_zc/tcp_rcvbuf", O_WRONLY));
	assert_true(fd >= 0);
	assert_int_equal(netns_in(near, write(fd, "50000", 5)), 5);
	close(fd);
	assert_true(counter_wait(far, &at_far, "conn_drop_sysctl", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(counter_moved(near, &at_near, "conn_drop_sysctl"), 0);
	assert_sysctl(far, "tcp_rcvbuf", 50000);
	assert_sysctl(near, "tcp_rcvbuf", 0);
	ends_there_and_back(&ends, 100, 1);
}

/* ---- addresses ---- */

/* The address goes and comes back: its connection goes down at once, and no message is lost. */
static void address__removed_and_back(const struct ends *ends, size_t which)
{
	const struct netns *ns = &ends->topology->ns[which];
	const char *text = which ? ends->topology->far_text[0] : ends->topology->near_text[0];
	unsigned int prefix = ends->topology->variant->v6 ? 64 : 24;
	struct counters before;

	ends_there_and_back(ends, 100, 1);
	assert_int_equal(counters_read(ns, &before), 0);
	assert_int_equal(link_del_address(ns, "w0", text, prefix), 0);
	assert_true(counter_wait(ns, &before, "conn_drop_address", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(counter_moved(ns, &before, "conn_drop_address"), 1);
	send_pattern(ends->tx, 3000, 3, &ends->far);
	send_pattern(ends->rx, 3000, 4, &ends->near);
	assert_int_equal(link_add_address(ns, "w0", text, prefix), 0);
	receive_pattern(ends->rx, 3000, 3, &ends->near);
	receive_pattern(ends->tx, 3000, 4, &ends->far);
}

static void address__of_the_near_end(void **state)
{
	struct ends ends = ends_open_one_lane(state);

	address__removed_and_back(&ends, 0);
}

static void address__of_the_far_end(void **state)
{
	struct ends ends = ends_open_one_lane(state);

	address__removed_and_back(&ends, 1);
}

/* One that another device has too is still there. */
static void address__another_one_goes(void **state)
{
	struct ends ends = ends_open_one_lane(state);
	const struct netns *near = &ends.topology->ns[0];
	struct counters before;

	assert_int_equal(link_add_address(near, "w0", "10.99.0.1", 24), 0);
	assert_int_equal(link_add_address(near, "lo", ends.topology->near_text[0], 32), 0);
	ends_there_and_back(&ends, 100, 1);
	assert_int_equal(counters_read(near, &before), 0);
	assert_int_equal(link_del_address(near, "w0", "10.99.0.1", 24), 0);
	assert_int_equal(link_del_address(near, "lo", ends.topology->near_text[0], 32), 0);
	ends_there_and_back(&ends, 100, 1);
	assert_int_equal(counter_moved(near, &before, "conn_drop_address"), 0);
	assert_int_equal(counter_moved(near, &before, "conn_reset"), 0);
}

/* ---- the kernel log ---- */

struct log {
	int fd;
	const struct topology *topology;
	int up, down, reasons;
};

static struct log log_open(const struct topology *topology)
{
	struct log log = { .fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK), .topology = topology };

	assert_true(log.fd >= 0);
	assert_true(lseek(log.fd, 0, SEEK_END) >= 0);
	return log;
}

/* Is it a line about one of the test's own namespaces? */
static bool log_is_ours(const struct log *log, const char *line)
{
	struct stat stat;
	char start[64];
	size_t i;

	for (i = 0; i < log->topology->count; i++) {
		assert_int_equal(fstat(log->topology->ns[i].fd, &stat), 0);
		snprintf(start, sizeof(start), "rds_zc: netns %lu: ", (unsigned long)stat.st_ino);
		if (strstr(line, start))
			return true;
	}
	return false;
}

/* Counts our lines; one read gives one line. */
static void log_read(struct log *log, const char *reason)
{
	char line[2048];
	ssize_t length;

	for (;;) {
		length = read(log->fd, line, sizeof(line) - 1);
		if (length < 0 && errno == EPIPE)
			continue;
		if (length <= 0)
			return;
		line[length] = 0;
		if (!log_is_ours(log, line))
			continue;
		log->up += !!strstr(line, " up\n");
		log->down += !!strstr(line, " down: ");
		log->reasons += !!strstr(line, reason);
	}
}

/* The line is written after the counter has moved. */
static void log_read_until(struct log *log, const char *reason, int up)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (log_read(log, reason), log->up < up && !deadline_over(&deadline))
		deadline_step();
}

static void log__up_and_down_with_the_reason(void **state)
{
	const char *reason = "down: buffer sizes changed by sysctl";
	struct ends ends = ends_open_one_lane(state);
	struct log log = log_open(ends.topology);
	struct counters before[2];
	size_t i;

	ends_there_and_back(&ends, 100, 1);
	log_read_until(&log, reason, 2);
	assert_int_equal(log.up, 2);
	assert_int_equal(log.down, 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(counters_read(&ends.topology->ns[i], &before[i]), 0);
	assert_int_equal(netns_sysctl_set(&ends.topology->ns[0], "tcp_sndbuf", 0), 0);
	for (i = 0; i < 2; i++)
		assert_true(counter_wait(&ends.topology->ns[i], &before[i], "conn_up", 1,
					 deadline_in(DEADLINE_USUAL_MS)));
	log_read_until(&log, reason, 4);
	assert_int_equal(log.up, 4);
	assert_int_equal(log.down, 2);
	assert_int_equal(log.reasons, 1);
	close(log.fd);
}

/* Two namespaces, 32 lines each in five seconds. */
static uint64_t log_allows(uint64_t start)
{
	return 2 * 32 * ((clock_ms() - start) / 5000 + 1);
}

/* What both namespaces would have said of their connections. */
static uint64_t ups_and_downs(const struct topology *topology)
{
	uint64_t count = 0;
	size_t i;

	for (i = 0; i < 2; i++)
		count += counter_now(&topology->ns[i], "conn_up") +
			 counter_now(&topology->ns[i], "conn_reset");
	return count;
}

/*
 * However often a peer makes its connections go up and down, the log grows slowly: they do so more
 * often than may be said, even of the next five seconds. All lanes do, for a slow machine.
 */
static void log__is_limited(void **state)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	struct ends ends = ends_open(state);
	struct log log = log_open(ends.topology);
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	uint64_t start = clock_ms(), lines, allowed;

	ends_there_and_back(&ends, 100, 1);
	while (ups_and_downs(ends.topology) <= log_allows(start) + 2 * 32) {
		assert_false(deadline_over(&deadline));
		assert_int_equal(netns_sysctl_set(&ends.topology->ns[0], "tcp_sndbuf", 0), 0);
		nanosleep(&pause, NULL);
	}
	ends_there_and_back(&ends, 100, 1);
	log_read(&log, " ");
	allowed = log_allows(start);
	lines = (uint64_t)log.up + (uint64_t)log.down;
	print_message("# %u times up or down, %u lines of %u\n",
		      (unsigned int)ups_and_downs(ends.topology), (unsigned int)lines,
		      (unsigned int)allowed);
	assert_in_range(lines, 32, allowed);
	assert_true(ups_and_downs(ends.topology) > allowed);
	close(log.fd);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "hygiene" };

	SUITE_ADD_PLAIN(&suite, unprivileged__0_needs_cap_net_raw);
	SUITE_ADD_PLAIN(&suite, unprivileged__0_looks_at_the_owner_of_the_network);
	SUITE_ADD_PLAIN(&suite, unprivileged__1_is_the_default);
	SUITE_ADD(&suite, ping__flood_is_limited, variants_one);
	SUITE_ADD(&suite, keepalive__idle_dead_peer_is_noticed, variants_wire);
	SUITE_ADD(&suite, keepalive__defaults_and_ranges, variants_one);
	SUITE_ADD(&suite, buffers__bounds, variants_one);
	SUITE_ADD(&suite, buffers__written_under_load, variants_wire);
	SUITE_ADD(&suite, buffers__of_the_namespace_of_the_file, variants_one);
	SUITE_ADD(&suite, address__of_the_near_end, variants_wire);
	SUITE_ADD(&suite, address__of_the_far_end, variants_wire);
	SUITE_ADD(&suite, address__another_one_goes, variants_one);
	SUITE_ADD(&suite, log__up_and_down_with_the_reason, variants_one);
	SUITE_ADD(&suite, log__is_limited, variants_one);
	return suite_run(&suite, argc, argv);
}
