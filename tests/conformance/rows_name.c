// SPDX-License-Identifier: GPL-2.0
/* Rows 8 to 24: bind, connect, names, and the destination of a message. */
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "conf.h"
#include "cred.h"
#include "link.h"

/* A fresh socket of A for each attempt, since one that is bound stays bound. */
static int try_bind(struct topology *topology, const void *addr, socklen_t length)
{
	int fd = netns_in(&topology->ns[0], rds_socket());
	int rc = bind(fd, addr, length), error = errno;

	close(fd);
	errno = error;
	return rc;
}

static int try_bind_text(struct topology *topology, const char *text, uint16_t port)
{
	union rds_addr addr = rds_addr(text, port);

	return try_bind(topology, &addr, rds_addr_len(&addr));
}

static void row_008__bind_lengths(void **state)
{
	struct topology *topology = *state;
	union rds_addr v4 = topology->near[0], v6 = rds_addr("fd77:1::1", 0);

	conf_add_v6(topology);
	answers(try_bind(topology, &v4, 0), EINVAL);
	answers(try_bind(topology, &v4, 1), EINVAL);
	answers(try_bind(topology, &v4, 15), EINVAL);
	answers(try_bind(topology, &v6, 27), EINVAL);
	answers(try_bind(topology, &v4, 16), 0);
	answers(try_bind(topology, &v6, 28), 0);
}

static void row_009__bind_of_no_unicast_address_is_einval(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:0.0.0.0",
		"::ffff:224.0.0.1",
	};
	struct topology *topology = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "x" };
	union rds_addr none = { 0 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++)
		answers(try_bind_text(topology, texts[i], 0), EINVAL);
	answers(try_bind(topology, &none, 16), EINVAL);
	answers(try_bind(topology, &un, sizeof(un)), EINVAL);
}

static void row_010__bind_of_a_foreign_address(void **state)
{
	struct topology *topology = *state;
	union rds_addr foreign = rds_addr("10.99.99.99", 0);
	int fd = conf_socket(topology, &topology->ns[0]);

	answers(rds_bind(fd, &foreign), EADDRNOTAVAIL);
	answers(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), 0);
	answers(rds_bind(fd, &foreign), ENOPROTOOPT);
	answers(rds_bind(fd, &topology->near[0]), 0);
}

static void row_011__reserved_and_low_ports(void **state)
{
	struct topology *topology = *state;

	answers(try_bind_text(topology, topology->near_text[0], 1), EINVAL);
	assert_int_equal(cred_become_nobody(), 0);
	answers(try_bind_text(topology, topology->near_text[0], 2), 0);
	answers(try_bind_text(topology, topology->near_text[0], 80), 0);
	assert_int_equal(cred_become_root(), 0);
}

static void row_012__port_0_picks_one(void **state)
{
	struct topology *topology = *state;
	uint16_t ports[8];
	union rds_addr addr;
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(ports); i++) {
		topology_near(topology, &addr);
		ports[i] = rds_port(&addr);
		assert_true(ports[i] >= 2);
		for (j = 0; j < i; j++)
			assert_int_not_equal(ports[i], ports[j]);
	}
}

static void row_013__binding_twice_is_einval(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr;
	int fd = topology_near(topology, &addr);

	answers(rds_bind(fd, &topology->near[0]), EINVAL);
	answers(rds_bind(fd, &addr), EINVAL);
}

static void row_014__a_pair_is_bound_once(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr = rds_addr_port(&topology->near[0], 5000), other;
	int first = topology_socket(topology, &topology->ns[0], &addr);
	int second = conf_socket(topology, &topology->ns[0]);

	assert_int_equal(link_add_address(&topology->ns[0], "w0", "10.77.1.3", 24), 0);
	answers(rds_bind(second, &addr), EADDRINUSE);
	answers(rds_set(second, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	answers(rds_bind(second, &addr), EADDRINUSE);
	topology_close(topology, first);
	answers(rds_bind(second, &addr), 0);
	other = rds_addr("10.77.1.3", 5000);
	topology_socket(topology, &topology->ns[0], &other);
}

static void row_015__a_mapped_address_is_the_ipv4_one(void **state)
{
	struct topology *topology = *state;
	union rds_addr mapped = rds_addr("::ffff:10.77.1.1", 5001), name;
	int fd = conf_socket(topology, &topology->ns[0]);
	socklen_t length = sizeof(name);

	answers(rds_bind(fd, &mapped), 0);
	answers(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 16);
	assert_int_equal(name.sa.sa_family, AF_INET);
	assert_int_equal(name.in.sin_addr.s_addr, topology->near[0].in.sin_addr.s_addr);
	answers(try_bind_text(topology, "10.77.1.1", 5001), EADDRINUSE);
}

static void row_016__link_local_addresses_need_their_scope(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr, name;
	socklen_t length = sizeof(name);
	int fd;

	conf_add_v6(topology);
	addr = conf_link_local(topology, 1, 5002);
	addr.in6.sin6_scope_id = 0;
	answers(try_bind(topology, &addr, sizeof(addr.in6)), EINVAL);
	addr.in6.sin6_scope_id = 4711;
	answers(try_bind(topology, &addr, sizeof(addr.in6)), EADDRNOTAVAIL);
	addr = conf_link_local(topology, 1, 5002);
	fd = conf_socket(topology, &topology->ns[0]);
	answers(rds_bind(fd, &addr), 0);
	answers(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 28);
	assert_int_equal(name.in6.sin6_scope_id, addr.in6.sin6_scope_id);
	/* A connected socket is bound in the scope of its destination, or nowhere. */
	fd = conf_socket(topology, &topology->ns[0]);
	name = conf_link_local(topology, 2, 9);
	answers(rds_connect(fd, &name), 0);
	addr.in6.sin6_port = htons(5004);
	addr.in6.sin6_scope_id = 4711;
	answers(rds_bind(fd, &addr), EINVAL);
	addr.in6.sin6_scope_id = name.in6.sin6_scope_id;
	answers(rds_bind(fd, &addr), 0);
}

static void row_017__two_namespaces_bind_the_same_pair(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr = rds_addr("127.0.0.1", 5003);
	int a = conf_socket(topology, &topology->ns[0]);
	int b = conf_socket(topology, &topology->ns[1]);

	answers(rds_bind(a, &addr), 0);
	answers(rds_bind(b, &addr), EITHER(0, EADDRINUSE));
}

static int try_connect(int fd, const char *text, socklen_t length)
{
	union rds_addr addr = rds_addr(text, 9);

	return connect(fd, &addr.sa, length ? length : rds_addr_len(&addr));
}

static void row_018__connect_errnos(void **state)
{
	struct topology *topology = *state;
	int fd = conf_socket(topology, &topology->ns[0]);
	union rds_addr none = { 0 }, near, far;
	socklen_t length = sizeof(far);

	answers(try_connect(fd, "0.0.0.0", 0), EDESTADDRREQ);
	answers(try_connect(fd, "224.0.0.1", 0), EINVAL);
	answers(try_connect(fd, "255.255.255.255", 0), EINVAL);
	answers(try_connect(fd, "::", 0), EPROTOTYPE);
	answers(try_connect(fd, "ff02::1", 0), EPROTOTYPE);
	answers(try_connect(fd, "::ffff:0.0.0.0", 0), EPROTOTYPE);
	answers(try_connect(fd, "fe80::1", 0), EINVAL);
	answers(connect(fd, &none.sa, 16), EAFNOSUPPORT);
	answers(try_connect(fd, "10.77.1.2", 1), EINVAL);
	answers(try_connect(fd, "10.77.1.2", 15), EINVAL);
	answers(try_connect(fd, "fd77:1::2", 27), EINVAL);
	/* A bound one is connected in the scope of its own address, or to one that has none. */
	conf_add_v6(topology);
	near = conf_link_local(topology, 1, 0);
	fd = topology_socket(topology, &topology->ns[0], &near);
	far = conf_link_local(topology, 2, 9);
	far.in6.sin6_scope_id++;
	answers(rds_connect(fd, &far), EINVAL);
	answers(getpeername(fd, &far.sa, &length), ENOTCONN);
	far = conf_link_local(topology, 2, 9);
	answers(rds_connect(fd, &far), 0);
	answers(try_connect(fd, "fd77:1::2", 0), 0);
}

static void row_019__connect_is_only_remembered(void **state)
{
	struct topology *topology = *state;
	int fd = conf_socket(topology, &topology->ns[0]);
	union rds_addr first = rds_addr("10.77.1.77", 0), second = rds_addr("10.77.1.2", 1), name;
	socklen_t length = sizeof(name);

	answers(rds_connect(fd, &first), 0);
	answers(rds_connect(fd, &second), 0);
	answers(getpeername(fd, &name.sa, &length), 0);
	assert_int_equal(length, 16);
	assert_true(rds_addr_equal(&name, &second));
	answers(rds_bind(fd, &topology->near[0]), 0);
}

static void row_020__names_of_new_sockets(void **state)
{
	struct topology *topology = *state;
	int fd = conf_socket(topology, &topology->ns[0]);
	union rds_addr name, zero = { 0 };
	socklen_t length = sizeof(name);

	answers(getpeername(fd, &name.sa, &length), ENOTCONN);
	memset(&name, 0x5a, sizeof(name));
	answers(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 16);
	assert_memory_equal(&name, &zero, 16);
	answers(try_connect(fd, "10.77.1.2", 0), 0);
	length = sizeof(name);
	answers(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 16);
	assert_int_equal(name.sa.sa_family, AF_INET);
	answers(try_connect(fd, "fd77:1::2", 0), 0);
	length = sizeof(name);
	answers(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 28);
	zero.sa.sa_family = AF_INET6;
	assert_memory_equal(&name, &zero, 28);
}

static void row_021__sends_need_a_name_and_a_destination(void **state)
{
	struct topology *topology = *state;
	int fd = conf_socket(topology, &topology->ns[0]);
	union rds_addr to = rds_addr_port(&topology->far[0], 9), near;

	answers(rds_send(fd, "x", 1, &to, 0), ENOTCONN);
	fd = topology_near(topology, &near);
	answers(rds_send(fd, "x", 1, NULL, 0), ENOTCONN);
}

static int try_send(int fd, const char *text, socklen_t length)
{
	union rds_addr addr = rds_addr(text, 9);

	return (int)sendto(fd, "x", 1, MSG_DONTWAIT, &addr.sa, length);
}

static void row_022__bad_destinations_are_einval(void **state)
{
	struct ends ends = conf_ends(state);
	union rds_addr none = { 0 };

	answers(try_send(ends.tx, "10.77.1.2", 8), EINVAL);
	answers(try_send(ends.tx, "10.77.1.2", 15), EINVAL);
	answers(try_send(ends.tx, "fd77:1::2", 16), EINVAL);
	answers(try_send(ends.tx, "fd77:1::2", 27), EINVAL);
	answers(sendto(ends.tx, "x", 1, 0, &none.sa, 16), EINVAL);
	answers(try_send(ends.tx, "0.0.0.0", 16), EINVAL);
	answers(try_send(ends.tx, "224.0.0.1", 16), EINVAL);
	answers(try_send(ends.tx, "255.255.255.255", 16), EINVAL);
	answers(try_send(ends.tx, "ff02::1", 28), EINVAL);
	answers(try_send(ends.tx, "::", 28), EINVAL);
	answers(try_send(ends.tx, "fe80::1", 28), EINVAL);
}

/* In-tree looks only when there is a name; there, a v6 default destination is taken and lost. */
static void row_023__ipv4_and_ipv6_do_not_mix(void **state)
{
	struct ends ends = conf_ends(state);
	union rds_addr near6 = rds_addr("fd77:1::1", 0), mapped;
	int v6;

	conf_add_v6(ends.topology);
	v6 = topology_socket(ends.topology, &ends.topology->ns[0], &near6);
	answers(try_send(ends.tx, "fd77:1::2", 28), EOPNOTSUPP);
	answers(try_send(v6, "10.77.1.2", 16), EOPNOTSUPP);
	mapped = rds_addr("::ffff:10.77.1.2", rds_port(&ends.far));
	send_pattern(ends.tx, 50, 3, &mapped);
	receive_pattern(ends.rx, 50, 3, &ends.near);
	answers(try_connect(ends.tx, "fd77:1::2", 0), 0);
	answers(rds_send(ends.tx, "x", 1, NULL, MSG_DONTWAIT), EITHER(EOPNOTSUPP, 0));
}

static void row_024__scopes_of_both_ends(void **state)
{
	struct topology *topology = *state;
	union rds_addr near, far;
	int fd;

	conf_add_v6(topology);
	near = conf_link_local(topology, 1, 0);
	fd = topology_socket(topology, &topology->ns[0], &near);
	far = conf_link_local(topology, 2, 9);
	far.in6.sin6_scope_id++;
	answers(rds_send(fd, "x", 1, &far, MSG_DONTWAIT), EINVAL);
	far = rds_addr("fd77:1::2", 9);
	answers(rds_send(fd, "x", 1, &far, MSG_DONTWAIT), 0);
}

const struct row rows_name[] = {
	ROW(STAGE_WIRE, row_008__bind_lengths),
	ROW(STAGE_WIRE, row_009__bind_of_no_unicast_address_is_einval),
	ROW(STAGE_WIRE, row_010__bind_of_a_foreign_address),
	ROW(STAGE_WIRE, row_011__reserved_and_low_ports),
	ROW(STAGE_WIRE, row_012__port_0_picks_one),
	ROW(STAGE_WIRE, row_013__binding_twice_is_einval),
	ROW(STAGE_WIRE, row_014__a_pair_is_bound_once),
	ROW(STAGE_WIRE, row_015__a_mapped_address_is_the_ipv4_one),
	ROW(STAGE_WIRE, row_016__link_local_addresses_need_their_scope),
	ROW(STAGE_WIRE, row_017__two_namespaces_bind_the_same_pair),
	ROW(STAGE_WIRE, row_018__connect_errnos),
	ROW(STAGE_WIRE, row_019__connect_is_only_remembered),
	ROW(STAGE_WIRE, row_020__names_of_new_sockets),
	ROW(STAGE_WIRE, row_021__sends_need_a_name_and_a_destination),
	ROW(STAGE_WIRE, row_022__bad_destinations_are_einval),
	ROW(STAGE_WIRE, row_023__ipv4_and_ipv6_do_not_mix),
	ROW(STAGE_WIRE, row_024__scopes_of_both_ends),
	{ 0 }
};
