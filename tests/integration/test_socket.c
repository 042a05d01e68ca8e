// SPDX-License-Identifier: GPL-2.0
/* socket, bind, connect and names: the rows of rds-api.md section 15 about them. */
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "array.h"
#include "cred.h"
#include "link.h"
#include "module.h"
#include "suite.h"

static int unbound(struct topology *topology)
{
	int fd = netns_in(&topology->ns[0], rds_socket());

	assert_true(fd >= 0);
	assert_int_equal(rds_set_timeouts(fd, DEADLINE_USUAL_MS), 0);
	topology->open[topology->open_count++] = fd;
	return fd;
}

static int bind_length(int fd, const union rds_addr *addr, socklen_t length)
{
	return bind(fd, &addr->sa, length);
}

static int bind_text(int fd, const char *text, uint16_t port)
{
	union rds_addr addr = rds_addr(text, port);

	return rds_bind(fd, &addr);
}

static int connect_text(int fd, const char *text, uint16_t port)
{
	union rds_addr addr = rds_addr(text, port);

	return rds_connect(fd, &addr);
}

static int get_int(int fd, int level, int option)
{
	socklen_t length = sizeof(int);
	int value = -12345;

	assert_int_equal(getsockopt(fd, level, option, &value, &length), 0);
	return value;
}

/* Rows 1 and 2. */
static void socket__types_and_protocols(void **state)
{
	struct topology *topology = *state;
	int family = module_family();

	unbound(topology);
	assert_fails(socket(family, SOCK_DGRAM, 0), ESOCKTNOSUPPORT);
	assert_fails(socket(family, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
	assert_fails(socket(family, SOCK_RAW, 0), ESOCKTNOSUPPORT);
	assert_fails(socket(family, SOCK_SEQPACKET, 6), ESOCKTNOSUPPORT);
}

/* Rows 3 and 4. */
static void socket__defaults(void **state)
{
	int fd = unbound(*state);

	assert_int_equal(get_int(fd, SOL_SOCKET, SO_DOMAIN), 21);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_TYPE), SOCK_SEQPACKET);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_PROTOCOL), 0);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_SNDBUF), 2 * RDS_DEFAULT_SPACE);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_RCVBUF), 2 * RDS_DEFAULT_SPACE);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_ERROR), 0);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_ZEROCOPY), 0);
}

/* Row 5. */
static void socket__calls_of_other_families(void **state)
{
	int fd = unbound(*state);
	int pair[2];

	assert_fails(listen(fd, 1), EOPNOTSUPP);
	assert_fails(accept(fd, NULL, NULL), EOPNOTSUPP);
	assert_fails(shutdown(fd, SHUT_RDWR), EOPNOTSUPP);
	assert_fails(socketpair(module_family(), SOCK_SEQPACKET, 0, pair), EOPNOTSUPP);
	errno = 0;
	assert_ptr_equal(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, ENODEV);
}

/* Row 8. */
static void bind__short_address(void **state)
{
	struct topology *topology = *state;
	union rds_addr v4 = topology->near[0];
	union rds_addr v6 = rds_addr("::1", 0);
	int fd = unbound(topology);

	assert_fails(bind_length(fd, &v4, 0), EINVAL);
	assert_fails(bind_length(fd, &v4, 1), EINVAL);
	assert_fails(bind_length(fd, &v4, 15), EINVAL);
	assert_fails(bind_length(fd, &v6, 27), EINVAL);
}

/* Row 9. */
static void bind__impossible_address(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "::ffff:0.0.0.0",
		"::ffff:224.0.0.1", "::ffff:255.255.255.255",
	};
	union rds_addr other = { 0 };
	int fd = unbound(*state);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(texts); i++) {
		if (!bind_text(fd, texts[i], 0) || errno != EINVAL)
			fail_msg("bind %s: %s", texts[i], strerror(errno));
	}
	assert_fails(bind_length(fd, &other, sizeof(other)), EINVAL);
	other.sa.sa_family = AF_UNIX;
	assert_fails(bind_length(fd, &other, sizeof(struct sockaddr_un)), EINVAL);
}

/* Row 10. */
static void bind__address_of_somebody_else(void **state)
{
	struct topology *topology = *state;
	int fd = unbound(topology);

	assert_fails(rds_bind(fd, &topology->far[0]), EADDRNOTAVAIL);
	assert_int_equal(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), 0);
	assert_fails(rds_bind(fd, &topology->far[0]), ENOPROTOOPT);
	/* The choice outlives the failure (section 14, row 25). */
	assert_int_equal(get_int(fd, SOL_RDS, SO_RDS_TRANSPORT), RDS_TRANS_TCP);
	assert_int_equal(rds_bind(fd, &topology->near[0]), 0);
}

/* Row 11. */
static void bind__low_ports(void **state)
{
	struct topology *topology = *state;
	union rds_addr one = rds_addr_port(&topology->near[0], 1);
	union rds_addr two = rds_addr_port(&topology->near[0], 2);
	union rds_addr eighty = rds_addr_port(&topology->near[0], 80);

	assert_fails(rds_bind(unbound(topology), &one), EINVAL);
	assert_int_equal(rds_bind(unbound(topology), &two), 0);
	assert_int_equal(rds_bind(unbound(topology), &eighty), 0);
}

/* Row 12. */
static void bind__ephemeral_ports(void **state)
{
	union rds_addr addr[8];
	size_t i, j;

	for (i = 0; i < 8; i++) {
		topology_near(*state, &addr[i]);
		assert_in_range(rds_port(&addr[i]), 2, 65535);
		for (j = 0; j < i; j++)
			assert_int_not_equal(rds_port(&addr[i]), rds_port(&addr[j]));
	}
}

#define FIRST_PORT 2	/* 0 asks for any, 1 is reserved */
#define PORTS 65536

/* All that an address has, each by its number; too many for teardown to know. */
static void take_all_ports(struct topology *topology, int fds[PORTS])
{
	const struct rlimit files = { PORTS + 1000, PORTS + 1000 };
	int family = module_family(), port, rc = 0;
	union rds_addr addr;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	assert_int_equal(netns_enter(&topology->ns[0]), 0);
	for (port = FIRST_PORT; port < PORTS && !rc; port++) {
		addr = rds_addr(topology->near_text[0], (uint16_t)port);
		fds[port] = socket(family, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
		rc = rds_bind(fds[port], &addr);
	}
	netns_home();
	assert_int_equal(rc, 0);
}

/* Of these the one that is free is found, and then there is none. */
static void bind__no_port_is_left(void **state)
{
	struct topology *topology = *state;
	union rds_addr any = rds_addr(topology->near_text[0], 0), addr;
	int none = unbound(topology), one = unbound(topology), port;
	socklen_t length = sizeof(addr);
	static int fds[PORTS];

	take_all_ports(topology, fds);
	assert_fails(rds_bind(none, &any), EADDRINUSE);
	close(fds[54321]);
	assert_int_equal(rds_bind(one, &any), 0);
	assert_int_equal(getsockname(one, &addr.sa, &length), 0);
	assert_int_equal(rds_port(&addr), 54321);
	assert_fails(rds_bind(none, &any), EADDRINUSE);
	for (port = FIRST_PORT; port < PORTS; port++)
		if (port != 54321)
			close(fds[port]);
	assert_int_equal(rds_bind(none, &any), 0);
}

/* Row 13. */
static void bind__only_once(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr;
	int fd = topology_near(topology, &addr);

	assert_fails(rds_bind(fd, &topology->near[0]), EINVAL);
	assert_fails(rds_bind(fd, &addr), EINVAL);
}

/* Row 14. */
static void bind__taken_pair(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr, elsewhere;
	int first = topology_near(topology, &addr);
	int second = unbound(topology);

	assert_fails(rds_bind(second, &addr), EADDRINUSE);
	assert_int_equal(rds_set(second, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	assert_fails(rds_bind(second, &addr), EADDRINUSE);
	elsewhere = rds_addr("127.0.0.1", rds_port(&addr));
	assert_int_equal(rds_bind(unbound(topology), &elsewhere), 0);
	topology_close(topology, first);
	assert_int_equal(rds_bind(second, &addr), 0);
}

/* Row 15. */
static void bind__mapped_address_is_the_ipv4_one(void **state)
{
	struct topology *topology = *state;
	union rds_addr name = { 0 };
	socklen_t length = sizeof(name);
	char text[96];
	int fd = unbound(topology);

	snprintf(text, sizeof(text), "::ffff:%s", topology->near_text[0]);
	assert_int_equal(bind_text(fd, text, 4000), 0);
	assert_int_equal(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 16);
	assert_int_equal(name.sa.sa_family, AF_INET);
	assert_int_equal(rds_port(&name), 4000);
	assert_int_equal(name.in.sin_addr.s_addr, topology->near[0].in.sin_addr.s_addr);
	assert_fails(rds_bind(unbound(topology), &name), EADDRINUSE);
}

/* Row 16. */
static void bind__link_local_scope(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr = rds_addr("fe80::77", 4001);
	unsigned int index = (unsigned int)link_index(&topology->ns[0], "w0");
	socklen_t length = sizeof(addr);
	int fd = unbound(topology);

	assert_int_equal(link_add_address(&topology->ns[0], "w0", "fe80::77", 64), 0);
	assert_fails(rds_bind(fd, &addr), EINVAL);
	addr.in6.sin6_scope_id = index + 100;
	assert_fails(rds_bind(fd, &addr), EADDRNOTAVAIL);
	addr.in6.sin6_scope_id = index;
	assert_int_equal(rds_bind(fd, &addr), 0);
	memset(&addr, 0, sizeof(addr));
	assert_int_equal(getsockname(fd, &addr.sa, &length), 0);
	assert_int_equal(length, 28);
	assert_int_equal(addr.in6.sin6_scope_id, index);
}

/* Row 17; in-tree answers EADDRINUSE. */
static void bind__same_pair_in_two_namespaces(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr = rds_addr("127.0.0.1", 5000);

	topology_socket(topology, &topology->ns[0], &addr);
	topology_socket(topology, &topology->ns[1], &addr);
}

struct binder {
	pthread_t thread;
	pthread_barrier_t *start;
	const union rds_addr *addr;
	int fd;
	int error;
};

static void *bind_at_start(void *argument)
{
	struct binder *binder = argument;

	pthread_barrier_wait(binder->start);
	binder->error = rds_bind(binder->fd, binder->addr) ? errno : 0;
	return NULL;
}

/* One round: four threads bind the same pair at the same moment. Returns how many won. */
static int race_to_bind(struct topology *topology, const union rds_addr *addr)
{
	struct binder binders[4] = { 0 };
	pthread_barrier_t start;
	int wins = 0;
	size_t i;

	pthread_barrier_init(&start, NULL, 4);
	for (i = 0; i < 4; i++) {
		binders[i].fd = netns_in(&topology->ns[0], rds_socket());
		binders[i].start = &start;
		binders[i].addr = addr;
		assert_int_equal(pthread_create(&binders[i].thread, NULL, bind_at_start,
						&binders[i]), 0);
	}
	for (i = 0; i < 4; i++) {
		pthread_join(binders[i].thread, NULL);
		wins += !binders[i].error;
		assert_true(!binders[i].error || binders[i].error == EADDRINUSE);
	}
	for (i = 0; i < 4; i++)
		close(binders[i].fd);
	pthread_barrier_destroy(&start);
	return wins;
}

/* Section 14, row 30: look-up and insert are one step. */
static void bind__one_of_many_threads_wins(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr = rds_addr_port(&topology->near[0], 4100);
	int round;

	for (round = 0; round < 100; round++)
		assert_int_equal(race_to_bind(topology, &addr), 1);
}

/* Row 18. */
static void connect__impossible_address(void **state)
{
	struct topology *topology = *state;
	union rds_addr v4 = topology->far[0];
	union rds_addr v6 = rds_addr("fd77::9", 9);
	union rds_addr none = { 0 };
	int fd = unbound(topology);

	assert_fails(connect_text(fd, "0.0.0.0", 9), EDESTADDRREQ);
	assert_fails(connect_text(fd, "224.0.0.1", 9), EINVAL);
	assert_fails(connect_text(fd, "255.255.255.255", 9), EINVAL);
	assert_fails(connect_text(fd, "::", 9), EPROTOTYPE);
	assert_fails(connect_text(fd, "ff02::1", 9), EPROTOTYPE);
	assert_fails(connect_text(fd, "::ffff:0.0.0.0", 9), EPROTOTYPE);
	assert_fails(connect_text(fd, "fe80::1", 9), EINVAL);
	assert_fails(connect(fd, &none.sa, sizeof(none)), EAFNOSUPPORT);
	assert_fails(connect(fd, &v4.sa, 1), EINVAL);
	assert_fails(connect(fd, &v4.sa, 15), EINVAL);
	assert_fails(connect(fd, &v6.sa, 27), EINVAL);
}

/* Row 19. */
static void connect__before_bind_and_again(void **state)
{
	struct topology *topology = *state;
	union rds_addr first = rds_addr_port(&topology->far[0], 9);
	union rds_addr second = rds_addr_port(&topology->far[0], 0);
	union rds_addr peer = { 0 };
	socklen_t length = sizeof(peer);
	int fd = unbound(topology);

	assert_int_equal(rds_connect(fd, &first), 0);
	assert_int_equal(rds_connect(fd, &second), 0);
	assert_int_equal(getpeername(fd, &peer.sa, &length), 0);
	assert_int_equal(length, 16);
	assert_true(rds_addr_equal(&peer, &second));
	assert_int_equal(rds_bind(fd, &topology->near[0]), 0);
}

/* Row 20. */
static void names__of_a_new_socket(void **state)
{
	static const char zero[28];
	union rds_addr name;
	socklen_t length = sizeof(name);
	int fd = unbound(*state);

	memset(&name, 0xff, sizeof(name));
	assert_fails(getpeername(fd, &name.sa, &length), ENOTCONN);
	length = sizeof(name);
	assert_int_equal(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 16);
	assert_memory_equal(&name, zero, 16);

	assert_int_equal(connect_text(fd, "10.1.2.3", 9), 0);
	memset(&name, 0xff, sizeof(name));
	length = sizeof(name);
	assert_int_equal(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 16);
	assert_int_equal(name.sa.sa_family, AF_INET);
	assert_memory_equal((char *)&name + 2, zero, 14);

	assert_int_equal(connect_text(fd, "fd77::9", 9), 0);
	memset(&name, 0xff, sizeof(name));
	length = sizeof(name);
	assert_int_equal(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 28);
	assert_int_equal(name.sa.sa_family, AF_INET6);
	assert_memory_equal((char *)&name + 2, zero, 26);
}

/* Row 70 for names: the length of a bound IPv6 socket, its padding and a short caller's buffer. */
static void names__of_a_bound_ipv6_socket(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr, name;
	socklen_t length = sizeof(name);
	int fd = topology_near(topology, &addr);

	memset(&name, 0xff, sizeof(name));
	assert_int_equal(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 28);
	assert_int_equal(name.in6.sin6_flowinfo, 0);
	assert_int_equal(name.in6.sin6_scope_id, 0);
	memset(&name, 0xff, sizeof(name));
	length = 8;
	assert_int_equal(getsockname(fd, &name.sa, &length), 0);
	assert_int_equal(length, 28);
	assert_int_equal(((unsigned char *)&name)[8], 0xff);
}

/* Row 21. */
static void send__without_bind_or_destination(void **state)
{
	struct topology *topology = *state;
	union rds_addr to = rds_addr_port(&topology->far[0], 9);
	union rds_addr addr;

	assert_fails(rds_send(unbound(topology), "x", 1, &to, 0), ENOTCONN);
	assert_fails(rds_send(topology_near(topology, &addr), "x", 1, NULL, 0), ENOTCONN);
}

/* Row 22. */
static void send__impossible_destination(void **state)
{
	struct topology *topology = *state;
	union rds_addr to = rds_addr_port(&topology->far[0], 9);
	union rds_addr v6 = rds_addr("fd77::9", 9);
	union rds_addr none = { 0 };
	union rds_addr any = rds_addr("0.0.0.0", 9);
	union rds_addr multicast = rds_addr("224.0.0.1", 9);
	union rds_addr addr;
	int fd = topology_near(topology, &addr);

	assert_fails(sendto(fd, "x", 1, 0, &to.sa, 8), EINVAL);
	assert_fails(sendto(fd, "x", 1, 0, &v6.sa, 16), EINVAL);
	assert_fails(sendto(fd, "x", 1, 0, &v6.sa, 27), EINVAL);
	assert_fails(sendto(fd, "x", 1, 0, &none.sa, sizeof(none)), EINVAL);
	assert_fails(rds_send(fd, "x", 1, &any, 0), EINVAL);
	assert_fails(rds_send(fd, "x", 1, &multicast, 0), EINVAL);
}

/* Row 23, and row 24 of section 14: a default destination is no better than a named one. */
static void send__to_the_other_family(void **state)
{
	struct topology *topology = *state;
	union rds_addr v6 = rds_addr("fd77:1::2", 9);
	union rds_addr near, far, from, mapped;
	int fd = topology_near(topology, &near);
	int peer = topology_far(topology, &far);
	char text[96];
	char byte;

	assert_fails(rds_send(fd, "x", 1, &v6, 0), EOPNOTSUPP);
	assert_int_equal(rds_connect(fd, &v6), 0);
	assert_fails(rds_send(fd, "x", 1, NULL, 0), EOPNOTSUPP);
	snprintf(text, sizeof(text), "::ffff:%s", topology->far_text[0]);
	mapped = rds_addr(text, rds_port(&far));
	assert_int_equal(rds_send(fd, "x", 1, &mapped, 0), 1);
	assert_int_equal(rds_recv(peer, &byte, 1, &from, 0), 1);
	assert_true(rds_addr_equal(&from, &near));
}

static void send__from_ipv6_to_ipv4(void **state)
{
	union rds_addr v4 = rds_addr("10.77.1.2", 9);
	union rds_addr near;
	int fd = topology_near(*state, &near);

	assert_fails(rds_send(fd, "x", 1, &v4, 0), EOPNOTSUPP);
}

/* Row 24. */
static void send__scope_conflict(void **state)
{
	struct topology *topology = *state;
	unsigned int index = (unsigned int)link_index(&topology->ns[0], "w0");
	union rds_addr local = rds_addr("fe80::77", 0);
	union rds_addr to = rds_addr("fe80::78", 9);
	union rds_addr global = rds_addr("fd77:1::99", 9);
	int fd;

	assert_int_equal(link_add_address(&topology->ns[0], "w0", "fe80::77", 64), 0);
	local.in6.sin6_scope_id = index;
	fd = topology_socket(topology, &topology->ns[0], &local);
	assert_fails(rds_send(fd, "x", 1, &to, 0), EINVAL);
	to.in6.sin6_scope_id = index + 1;
	assert_fails(rds_send(fd, "x", 1, &to, 0), EINVAL);
	to.in6.sin6_scope_id = index;
	assert_int_equal(rds_send(fd, "x", 1, &to, 0), 1);
	assert_int_equal(rds_send(fd, "x", 1, &global, 0), 1);
}

/* Rows 85 and 86. */
static void transport__option(void **state)
{
	struct topology *topology = *state;
	long long wide = RDS_TRANS_TCP;
	int fd = unbound(topology);
	union rds_addr addr;
	int loop;

	assert_int_equal(get_int(fd, SOL_RDS, SO_RDS_TRANSPORT), -1);
	assert_fails(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, 3), EINVAL);
	assert_fails(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, -1), EINVAL);
	assert_fails(setsockopt(fd, SOL_RDS, SO_RDS_TRANSPORT, &wide, sizeof(wide)), EINVAL);
	assert_fails(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_IB), EPROTOTYPE);
	assert_int_equal(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), 0);
	assert_int_equal(get_int(fd, SOL_RDS, SO_RDS_TRANSPORT), RDS_TRANS_TCP);
	assert_fails(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), EOPNOTSUPP);
	fd = topology_near(topology, &addr);
	assert_int_equal(get_int(fd, SOL_RDS, SO_RDS_TRANSPORT), RDS_TRANS_TCP);
	assert_fails(rds_set(fd, SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP), EOPNOTSUPP);
	loop = unbound(topology);
	assert_int_equal(bind_text(loop, "127.0.0.1", 0), 0);
	assert_int_equal(get_int(loop, SOL_RDS, SO_RDS_TRANSPORT), 3);
}

/* Row 46. */
static void zerocopy__option(void **state)
{
	int fd = unbound(*state);

	assert_int_equal(rds_set(fd, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_ZEROCOPY), 1);
	assert_int_equal(rds_set(fd, SOL_SOCKET, SO_ZEROCOPY, 0), 0);
	assert_int_equal(get_int(fd, SOL_SOCKET, SO_ZEROCOPY), 0);
	assert_fails(rds_set(fd, SOL_SOCKET, SO_ZEROCOPY, 2), EINVAL);
	assert_fails(rds_set(fd, SOL_SOCKET, SO_ZEROCOPY, -1), EINVAL);
}

/* Row 84. */
static void recverr__option(void **state)
{
	int fd = unbound(*state);
	socklen_t length = 8;
	long long wide = 0;
	short narrow = 1;
	int value;

	assert_int_equal(rds_set(fd, SOL_RDS, RDS_RECVERR, 5), 0);
	assert_int_equal(getsockopt(fd, SOL_RDS, RDS_RECVERR, &wide, &length), 0);
	assert_int_equal(length, 4);
	memcpy(&value, &wide, sizeof(value));
	assert_int_equal(value, 1);
	length = 3;
	assert_fails(getsockopt(fd, SOL_RDS, RDS_RECVERR, &value, &length), EINVAL);
	length = (socklen_t)-1;
	assert_fails(getsockopt(fd, SOL_RDS, RDS_RECVERR, &value, &length), EINVAL);
	assert_fails(setsockopt(fd, SOL_RDS, RDS_RECVERR, &narrow, sizeof(narrow)), EINVAL);
}

/* Rows 80 and 88. */
static void options__unknown(void **state)
{
	static const int numbers[] = { 4, 9, 11, 10018, 10020, 10002, 10009, 10010 };
	socklen_t length;
	int fd = unbound(*state);
	char space[64];
	size_t i;
	int value;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		length = sizeof(space);
		assert_fails(rds_set(fd, SOL_RDS, numbers[i], 1), ENOPROTOOPT);
		assert_fails(getsockopt(fd, SOL_RDS, numbers[i], space, &length), ENOPROTOOPT);
	}
	length = sizeof(value);
	assert_fails(rds_set(fd, 275, 1, 1), ENOPROTOOPT);
	assert_fails(getsockopt(fd, 275, 1, &value, &length), ENOPROTOOPT);
	assert_fails(getsockopt(fd, SOL_RDS, RDS_CONG_MONITOR, &value, &length), ENOPROTOOPT);
	assert_fails(setsockopt(fd, SOL_RDS, RDS_CONG_MONITOR, &value, 3), EINVAL);
	assert_fails(rds_set(fd, SOL_RDS, RDS_INFO_COUNTERS, 1), ENOPROTOOPT);
}

/* Row 98. */
static void close__last_descriptor_frees_the_pair(void **state)
{
	struct topology *topology = *state;
	union rds_addr addr;
	int fd = topology_near(topology, &addr);
	int copy = dup(fd);

	assert_true(copy >= 0);
	topology_close(topology, fd);
	assert_fails(rds_bind(unbound(topology), &addr), EADDRINUSE);
	assert_int_equal(close(copy), 0);
	assert_int_equal(rds_bind(unbound(topology), &addr), 0);
}

static const struct variant v6_each[] = {
	{ "veth v6, root", WIRE_VETH, 1, 0, 0, 0 },
	{ "veth v6, nobody", WIRE_VETH, 1, 0, 1, 0 },
	{ 0 }
};

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "socket" };

	SUITE_ADD(&suite, socket__types_and_protocols, variants_one_each);
	SUITE_ADD(&suite, socket__defaults, variants_one_each);
	SUITE_ADD(&suite, socket__calls_of_other_families, variants_one_each);
	SUITE_ADD(&suite, bind__short_address, variants_one_each);
	SUITE_ADD(&suite, bind__impossible_address, variants_one_each);
	SUITE_ADD(&suite, bind__address_of_somebody_else, variants_one_each);
	SUITE_ADD(&suite, bind__low_ports, variants_one_each);
	SUITE_ADD(&suite, bind__ephemeral_ports, variants_basic);
	/* As root: it needs more descriptors than others may have. */
	SUITE_ADD(&suite, bind__no_port_is_left, variants_one);
	SUITE_ADD(&suite, bind__only_once, variants_one_each);
	SUITE_ADD(&suite, bind__taken_pair, variants_one_each);
	SUITE_ADD(&suite, bind__mapped_address_is_the_ipv4_one, variants_one_each);
	SUITE_ADD(&suite, bind__link_local_scope, v6_each);
	SUITE_ADD(&suite, bind__same_pair_in_two_namespaces, variants_one_each);
	SUITE_ADD(&suite, bind__one_of_many_threads_wins, variants_one_each);
	SUITE_ADD(&suite, connect__impossible_address, variants_one_each);
	SUITE_ADD(&suite, connect__before_bind_and_again, variants_one_each);
	SUITE_ADD(&suite, names__of_a_new_socket, variants_one_each);
	SUITE_ADD(&suite, names__of_a_bound_ipv6_socket, v6_each);
	SUITE_ADD(&suite, send__without_bind_or_destination, variants_one_each);
	SUITE_ADD(&suite, send__impossible_destination, variants_one_each);
	SUITE_ADD(&suite, send__to_the_other_family, variants_one_each);
	SUITE_ADD(&suite, send__from_ipv6_to_ipv4, v6_each);
	SUITE_ADD(&suite, send__scope_conflict, v6_each);
	SUITE_ADD(&suite, transport__option, variants_one_each);
	SUITE_ADD(&suite, zerocopy__option, variants_one_each);
	SUITE_ADD(&suite, recverr__option, variants_one_each);
	SUITE_ADD(&suite, options__unknown, variants_one_each);
	SUITE_ADD(&suite, close__last_descriptor_frees_the_pair, variants_one_each);
	return suite_run(&suite, argc, argv);
}
