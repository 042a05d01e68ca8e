// SPDX-License-Identifier: GPL-2.0
/* The TCP port that the module listens on and dials. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "counters.h"
#include "cred.h"
#include "diag.h"
#include "ends.h"
#include "module.h"
#include "suite.h"

/* An ordinary TCP listener that was there first. */
static int take_port(const struct netns *ns, uint16_t port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = netns_in(ns, socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* Can a TCP client from the near end reach this port of the far end? A reset comes after that. */
static bool reachable(const struct topology *topology, uint16_t port)
{
	union rds_addr to = rds_addr_port(&topology->far[0], port);
	int fd = netns_in(&topology->ns[0], socket(to.sa.sa_family, SOCK_STREAM, 0));
	int rc;

	assert_true(fd >= 0);
	rc = connect(fd, &to.sa, rds_addr_len(&to));
	if (rc && errno == ECONNRESET)
		rc = 0;
	if (rc)
		assert_int_equal(errno, ECONNREFUSED);
	close(fd);
	return !rc;
}

/* The log says why; each variant has a port of its own, for the log is the machine's. */
static void bind__port_taken_is_enetdown(void **state)
{
	struct topology *topology = *state;
	uint16_t port = 17010 + 2 * topology->variant->v6 + cred_is_nobody();
	union rds_addr loop = rds_addr("127.0.0.1", 0);
	int owner = take_port(&topology->ns[0], port);
	int fd = netns_in(&topology->ns[0], rds_socket());
	char line[96];

	assert_int_equal(netns_sysctl_set(&topology->ns[0], "tcp_port", port), 0);
	snprintf(line, sizeof(line),
		 "rds_zc: cannot listen on TCP port %u: error -98, the port is taken\n", port);
	assert_false(kernel_log_says(line));
	assert_fails(rds_bind(fd, &topology->near[0]), ENETDOWN);
	assert_true(kernel_log_says(line));
	/* The loop transport needs no port, and another namespace has its own. */
	topology_socket(topology, &topology->ns[0], &loop);
	topology_far(topology, &topology->far[0]);
	close(owner);
	assert_int_equal(rds_bind(fd, &topology->near[0]), 0);
	close(fd);
}

static void listen__on_first_use_and_from_then_on(void **state)
{
	struct topology *topology = *state;
	union rds_addr loop = rds_addr("127.0.0.1", 0), far;
	int fd;

	assert_false(reachable(topology, RDS_TCP_PORT));
	topology_socket(topology, &topology->ns[1], &loop);
	assert_false(reachable(topology, RDS_TCP_PORT));
	fd = topology_far(topology, &far);
	assert_true(reachable(topology, RDS_TCP_PORT));
	/* It goes on listening, but not for an address that nobody is bound to. */
	topology_close(topology, fd);
	assert_false(reachable(topology, RDS_TCP_PORT));
	topology_far(topology, &far);
	assert_true(reachable(topology, RDS_TCP_PORT));
}

/* In-tree asks the namespace's bindv6only, and is cut off from IPv4 by it, as others are. */
static void listen__takes_ipv4_whatever_bindv6only_says(void **state)
{
	struct topology *topology = *state;
	struct ends ends;
	int other;

	assert_int_equal(netns_write(&topology->ns[1], "/proc/sys/net/ipv6/bindv6only", "1\n"), 0);
	other = take_port(&topology->ns[1], 17004);
	assert_false(reachable(topology, 17004));
	close(other);
	ends = ends_open(state);
	assert_true(reachable(topology, RDS_TCP_PORT));
	ends_there_and_back(&ends, 100, 1);
}

static void listen__sysctl_switches_it(void **state)
{
	struct topology *topology = *state;
	struct netns *far = &topology->ns[1];

	assert_int_equal(netns_sysctl_set(far, "tcp_listen", 1), 0);
	assert_true(reachable(topology, RDS_TCP_PORT));
	assert_int_equal(netns_sysctl_set(far, "tcp_listen", 0), 0);
	assert_false(reachable(topology, RDS_TCP_PORT));
	assert_int_equal(netns_sysctl_set(far, "tcp_listen", 3), -1);
	assert_int_equal(netns_sysctl_set(far, "tcp_listen", -1), -1);
}

/* Without a listener we still dial: small reaches large, as long as large listens. */
static void listen__never_still_dials(void **state)
{
	struct topology *topology = *state;
	struct ends ends;

	assert_int_equal(netns_sysctl_set(&topology->ns[0], "tcp_listen", 0), 0);
	ends = ends_open(state);
	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	send_pattern(ends.rx, 100, 2, &ends.near);
	receive_pattern(ends.tx, 100, 2, &ends.far);
}

static void port__sysctl_moves_both_directions(void **state)
{
	struct topology *topology = *state;
	struct ends ends;

	topology_sysctl(topology, "tcp_port", 17000);
	ends = ends_open(state);
	assert_true(reachable(topology, 17000));
	assert_false(reachable(topology, RDS_TCP_PORT));
	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
	assert_true(diag_count(&topology->ns[0], 17000) >= 1);
	assert_int_equal(netns_sysctl_set(&topology->ns[0], "tcp_port", 0), -1);
	assert_int_equal(netns_sysctl_set(&topology->ns[0], "tcp_port", 65536), -1);
}

/* The listener moves at once when there is one. */
static void port__sysctl_moves_a_live_listener(void **state)
{
	struct topology *topology = *state;
	union rds_addr far;

	topology_far(topology, &far);
	assert_true(reachable(topology, RDS_TCP_PORT));
	assert_int_equal(netns_sysctl_set(&topology->ns[1], "tcp_port", 17001), 0);
	assert_true(reachable(topology, 17001));
	assert_false(reachable(topology, RDS_TCP_PORT));
}

/* Somebody who connects and says nothing, or nonsense, gets no harm done. */
static void stranger__sends_nonsense(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr to = rds_addr_port(&ends.far, RDS_TCP_PORT);
	struct topology *topology = ends.topology;
	const struct netns *far = topology_far_ns(topology, 0);
	struct counters before;
	char nonsense[200];
	int fd;

	/* From an address that our own messages do not come from. */
	assert_int_equal(counters_read(far, &before), 0);
	memset(nonsense, 0xee, sizeof(nonsense));
	fd = netns_in(&topology->ns[0], socket(to.sa.sa_family, SOCK_STREAM, 0));
	assert_int_equal(connect(fd, &to.sa, rds_addr_len(&to)), 0);
	assert_int_equal(send(fd, nonsense, sizeof(nonsense), MSG_NOSIGNAL), sizeof(nonsense));
	assert_true(counter_wait(far, &before, "conn_drop_protocol", 1,
				 deadline_in(DEADLINE_USUAL_MS)));
	assert_int_equal(counter_moved(far, &before, "recv_drop_bad_len"), 1);
	close(fd);
	send_pattern(ends.tx, 100, 1, &ends.far);
	receive_pattern(ends.rx, 100, 1, &ends.near);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "port" };

	SUITE_ADD(&suite, bind__port_taken_is_enetdown, variants_wire);
	SUITE_ADD(&suite, bind__port_taken_is_enetdown, variants_one_nobody);
	SUITE_ADD(&suite, listen__on_first_use_and_from_then_on, variants_wire);
	SUITE_ADD(&suite, listen__takes_ipv4_whatever_bindv6only_says, variants_one);
	SUITE_ADD(&suite, listen__sysctl_switches_it, variants_wire);
	SUITE_ADD(&suite, listen__never_still_dials, variants_one);
	SUITE_ADD(&suite, port__sysctl_moves_both_directions, variants_wire);
	SUITE_ADD(&suite, port__sysctl_moves_a_live_listener, variants_wire);
	SUITE_ADD(&suite, stranger__sends_nonsense, variants_one);
	return suite_run(&suite, argc, argv);
}
