// SPDX-License-Identifier: GPL-2.0
/* Builds and takes down the namespaces, links and addresses of a test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "array.h"
#include "cred.h"
#include "deadline.h"
#include "link.h"
#include "topology.h"

const struct variant variants_basic[] = {
	{ "veth v4", WIRE_VETH, 0, 0, 0, 0 },
	{ "veth v6 large", WIRE_VETH, 1, 1, 0, 0 },
	{ "own address", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ "own address v6", WIRE_OWN_ADDRESS, 1, 0, 0, 0 },
	{ "loopback", WIRE_LOOPBACK, 0, 0, 0, 0 },
	{ 0 }
};

const struct variant variants_wire[] = {
	{ "veth v4", WIRE_VETH, 0, 0, 0, 0 },
	{ "veth v6 large", WIRE_VETH, 1, 1, 0, 0 },
	{ 0 }
};

const struct variant variants_loop[] = {
	{ "loopback", WIRE_LOOPBACK, 0, 0, 0, 0 },
	{ "own address", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ 0 }
};

const struct variant variants_one[] = {
	{ "veth v4", WIRE_VETH, 0, 0, 0, 0 },
	{ 0 }
};

const struct variant variants_one_each[] = {
	{ "veth v4, root", WIRE_VETH, 0, 0, 0, 0 },
	{ "veth v4, nobody", WIRE_VETH, 0, 0, 1, 0 },
	{ 0 }
};

const struct variant variants_one_nobody[] = {
	{ "veth v4, nobody", WIRE_VETH, 0, 0, 1, 0 },
	{ 0 }
};

const struct variant variants_wire_each[] = {
	{ "veth small, root", WIRE_VETH, 0, 0, 0, 0 },
	{ "veth small, nobody", WIRE_VETH, 0, 0, 1, 0 },
	{ "veth v6 large, root", WIRE_VETH, 1, 1, 0, 0 },
	{ "veth v6 large, nobody", WIRE_VETH, 1, 1, 1, 0 },
	{ 0 }
};

const struct variant variants_wire_nobody[] = {
	{ "veth small, nobody", WIRE_VETH, 0, 0, 1, 0 },
	{ "veth v6 large, nobody", WIRE_VETH, 1, 1, 1, 0 },
	{ 0 }
};

const struct variant variants_loop_each[] = {
	{ "own address, root", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ "own address, nobody", WIRE_OWN_ADDRESS, 0, 0, 1, 0 },
	{ 0 }
};

const struct variant variants_any_each[] = {
	{ "veth v4, root", WIRE_VETH, 0, 0, 0, 0 },
	{ "veth v4, nobody", WIRE_VETH, 0, 0, 1, 0 },
	{ "own address, root", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ "own address, nobody", WIRE_OWN_ADDRESS, 0, 0, 1, 0 },
	{ 0 }
};

const struct variant variants_any_nobody[] = {
	{ "veth v4, nobody", WIRE_VETH, 0, 0, 1, 0 },
	{ "own address, nobody", WIRE_OWN_ADDRESS, 0, 0, 1, 0 },
	{ 0 }
};

const struct variant variants_three[] = {
	{ "three hosts", WIRE_VETH, 0, 0, 0, 1 },
	{ 0 }
};

const struct variant variants_three_each[] = {
	{ "three hosts, root", WIRE_VETH, 0, 0, 0, 1 },
	{ "three hosts, nobody", WIRE_VETH, 0, 0, 1, 1 },
	{ 0 }
};

static void name_ends(struct topology *topology, size_t peer)
{
	const struct variant *variant = topology->variant;
	const char *format = variant->v6 ? "fd77:%zu::%d" : "10.77.%zu.%d";
	int near = variant->swap ? 2 : 1;

	if (variant->wire == WIRE_LOOPBACK) {
		strcpy(topology->near_text[peer], variant->v6 ? "::1" : "127.0.0.1");
		strcpy(topology->far_text[peer], topology->near_text[peer]);
	} else {
		snprintf(topology->near_text[peer], 64, format, peer + 1, near);
		snprintf(topology->far_text[peer], 64, format, peer + 1, 3 - near);
	}
	topology->near[peer] = rds_addr(topology->near_text[peer], 0);
	topology->far[peer] = rds_addr(topology->far_text[peer], 0);
}

/*
 * IPv6 has the address of a link that came up only when a worker has seen to it. Where the link
 * goes down while that worker waits, the next time up finds it done, and nobody answers at the
 * address, not even a ping (7.x; a busy host). Down and up once more, and it is there.
 */
static int bring_up(const struct netns *ns, const char *name, const char *address)
{
	struct deadline deadline;
	int try;

	for (try = 0; try < 5; try++) {
		if (link_set_up(ns, name, true))
			return -1;
		for (deadline = deadline_in(2000); !deadline_over(&deadline); deadline_step())
			if (link_owns(ns, address))
				return 0;
		if (link_set_up(ns, name, false))
			return -1;
	}
	errno = EADDRNOTAVAIL;
	return -1;
}

static int build_wire(struct topology *topology, size_t peer)
{
	const struct netns *near = &topology->ns[0];
	const struct netns *far = &topology->ns[peer + 1];
	unsigned int prefix = topology->variant->v6 ? 64 : 24;
	/* All that ns[0] has is on the wire, as seen from there: no routes needed. */
	unsigned int far_prefix = topology->variant->three ? 16 : prefix;
	char name[8];

	snprintf(name, sizeof(name), "w%zu", peer);
	if (netns_create(&topology->ns[peer + 1]))
		return -1;
	topology->count++;
	if (link_veth(near, name, far, "w0") ||
	    link_add_address(near, name, topology->near_text[peer], prefix) ||
	    link_add_address(far, "w0", topology->far_text[peer], far_prefix))
		return -1;
	return bring_up(near, name, topology->near_text[peer]) ||
	       bring_up(far, "w0", topology->far_text[peer]) ? -1 : 0;
}

/* Both ends are addresses of lo, so that one can be sent to from the other. */
static int build_loop(struct topology *topology)
{
	unsigned int prefix = topology->variant->v6 ? 128 : 32;

	if (topology->variant->wire == WIRE_LOOPBACK)
		return 0;
	return link_add_address(&topology->ns[0], "lo", topology->near_text[0], prefix) ||
	       link_add_address(&topology->ns[0], "lo", topology->far_text[0], prefix) ? -1 : 0;
}

static int build(struct topology *topology)
{
	size_t peers = topology->variant->three ? 2 : 1;
	size_t peer;

	if (netns_create(&topology->ns[0]))
		return -1;
	topology->count = 1;
	for (peer = 0; peer < peers; peer++) {
		name_ends(topology, peer);
		if (topology->variant->wire != WIRE_VETH)
			return build_loop(topology);
		if (build_wire(topology, peer))
			return -1;
	}
	return 0;
}

int topology_setup(void **state)
{
	struct topology *topology = calloc(1, sizeof(*topology));

	if (!topology)
		return -1;
	topology->variant = *state;
	*state = topology;
	if (build(topology)) {
		fprintf(stderr, "topology %s: %s\n", topology->variant->name, strerror(errno));
		return -1;
	}
	if (topology->variant->nobody && cred_become_nobody())
		return -1;
	return 0;
}

/* The old value, -1 on failure. */
static long change_optmem(const struct netns *ns, long value)
{
	static const char path[] = "/proc/sys/net/core/optmem_max";
	bool raised = cred_raise();
	FILE *file = netns_in(ns, fopen(path, "r+"));
	long old = -1;

	if (!file)
		file = fopen(path, "r+");
	if (file) {
		if (fscanf(file, "%ld", &old) != 1)
			old = -1;
		rewind(file);
		if (fprintf(file, "%ld\n", value) < 0)
			old = -1;
		if (fclose(file))
			old = -1;
	}
	cred_lower(raised);
	return old;
}

void topology_optmem(struct topology *topology, long value)
{
	long old = change_optmem(&topology->ns[0], value);

	assert_true(old > 0);
	if (!topology->old_optmem)
		topology->old_optmem = old;
}

int topology_teardown(void **state)
{
	struct topology *topology = *state;
	size_t i;
	int rc;

	for (i = 0; i < topology->open_count; i++)
		if (topology->open[i] >= 0)
			close(topology->open[i]);
	rc = cred_become_root();
	if (topology->old_optmem && change_optmem(&topology->ns[0], topology->old_optmem) < 0)
		rc = -1;
	netns_home();
	for (i = 0; i < topology->count; i++)
		netns_destroy(&topology->ns[i]);
	free(topology);
	return rc;
}

const struct netns *topology_far_ns(const struct topology *topology, size_t peer)
{
	return topology->variant->wire == WIRE_VETH ? &topology->ns[peer + 1] : &topology->ns[0];
}

int topology_socket(struct topology *topology, const struct netns *ns, union rds_addr *addr)
{
	int fd = rds_open(ns, addr);

	if (fd < 0)
		fail_msg("no bound socket: %s", strerror(errno));
	assert_true(topology->open_count < ARRAY_SIZE(topology->open));
	topology->open[topology->open_count++] = fd;
	return fd;
}

int topology_near(struct topology *topology, union rds_addr *addr)
{
	*addr = topology->near[0];
	return topology_socket(topology, &topology->ns[0], addr);
}

int topology_far(struct topology *topology, union rds_addr *addr)
{
	*addr = topology->far[0];
	return topology_socket(topology, topology_far_ns(topology, 0), addr);
}

void topology_close(struct topology *topology, int fd)
{
	size_t i;

	for (i = 0; i < topology->open_count; i++)
		if (topology->open[i] == fd)
			topology->open[i] = -1;
	assert_int_equal(close(fd), 0);
}

void topology_link(struct topology *topology, size_t peer, bool up)
{
	const struct netns *far = &topology->ns[peer + 1];

	assert_int_equal(up ? bring_up(far, "w0", topology->far_text[peer])
			    : link_set_up(far, "w0", false), 0);
}

void topology_blackhole(struct topology *topology, size_t peer, bool on)
{
	char name[8];

	snprintf(name, sizeof(name), "w%zu", peer);
	assert_int_equal(link_blackhole(&topology->ns[0], name, topology->far_text[peer], on), 0);
	assert_int_equal(link_blackhole(&topology->ns[peer + 1], "w0", topology->near_text[peer],
					on), 0);
}

void topology_end_far(struct topology *topology)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	assert_int_equal(topology->count, 2);
	netns_destroy(&topology->ns[1]);
	topology->count = 1;
	while (link_index(&topology->ns[0], "w0") > 0) {
		assert_false(deadline_over(&deadline));
		deadline_step();
	}
}

void topology_renew_far(struct topology *topology)
{
	assert_int_equal(topology->count, 1);
	assert_int_equal(build_wire(topology, 0), 0);
}

void topology_sysctl(struct topology *topology, const char *name, long value)
{
	size_t i;

	for (i = 0; i < topology->count; i++)
		assert_int_equal(netns_sysctl_set(&topology->ns[i], name, value), 0);
}
