/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where a test plays. Two or three namespaces on one wire each:
 *
 *   ns[0] w0 ------- w0 ns[1]        ns[0] w1 ------- w0 ns[2]     (three only)
 *   10.77.1.1 / .2, fd77:1::1 / ::2  10.77.2.1 / .2, fd77:2::1 / ::2
 *
 * A loop topology is one namespace, and both ends have its own address or 127.0.0.1 / ::1.
 */
#ifndef TESTS_TOPOLOGY_H
#define TESTS_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>

#include "netns.h"
#include "rds.h"

enum wire { WIRE_VETH, WIRE_OWN_ADDRESS, WIRE_LOOPBACK };

struct variant {
	const char *name;
	enum wire wire;
	bool v6;
	bool swap;	/* ns[0] has the larger address: it waits for the peer to connect */
	bool nobody;	/* as uid 65534 without capabilities */
	bool three;
};

#define TOPOLOGY_PEERS 2

struct topology {
	const struct variant *variant;
	struct netns ns[TOPOLOGY_PEERS + 1];
	size_t count;			/* namespaces that exist */
	/* Address of ns[0] towards peer i, and of peer i (ns[i + 1]); port 0. */
	union rds_addr near[TOPOLOGY_PEERS];
	union rds_addr far[TOPOLOGY_PEERS];
	char near_text[TOPOLOGY_PEERS][64];
	char far_text[TOPOLOGY_PEERS][64];
	size_t open_count;		/* sockets that teardown closes */
	int open[512];
	long old_optmem;		/* what teardown gives back; 0: nothing to do */
};

int topology_setup(void **state);
int topology_teardown(void **state);

/* The namespace the far end lives in: ns[1 + peer], or ns[0] on a loop. */
const struct netns *topology_far_ns(const struct topology *topology, size_t peer);

/* Bound sockets that teardown closes; they fail the test when they cannot be had. */
int topology_near(struct topology *topology, union rds_addr *addr);
int topology_far(struct topology *topology, union rds_addr *addr);
int topology_socket(struct topology *topology, const struct netns *ns, union rds_addr *addr);

/* Closes one of them early. */
void topology_close(struct topology *topology, int fd);

/* Cuts and mends the wire to a peer; black hole: the link stays up and swallows, both ways. */
void topology_link(struct topology *topology, size_t peer, bool up);
void topology_blackhole(struct topology *topology, size_t peer, bool on);

/*
 * The first peer's namespace ends, and a new one gets its address and the wire: only for two
 * namespaces, with no socket open in the far one.
 */
void topology_end_far(struct topology *topology);
void topology_renew_far(struct topology *topology);

/* Sets net.rds_zc.NAME in every namespace. */
void topology_sysctl(struct topology *topology, const char *name, long value);

/*
 * Sets net.core.optmem_max: of ns[0] where each has its own (7.x), else of the machine. Teardown
 * puts back what it was.
 */
void topology_optmem(struct topology *topology, long value);

/* Ready made lists. */
extern const struct variant variants_basic[];	/* veth v4, veth v6, own address, 127.0.0.1 */
extern const struct variant variants_wire[];	/* veth v4, veth v6 larger side */
extern const struct variant variants_loop[];	/* 127.0.0.1, own address */
extern const struct variant variants_one[];	/* veth v4 */
extern const struct variant variants_one_each[];	/* veth v4, as root and as nobody */
extern const struct variant variants_one_nobody[];	/* veth v4, as nobody */
extern const struct variant variants_wire_each[];	/* small and large side, root and nobody */
extern const struct variant variants_wire_nobody[];	/* small and large side, as nobody */
extern const struct variant variants_loop_each[];	/* own address, root and nobody */
extern const struct variant variants_any_each[];	/* veth and own address, root and nobody */
extern const struct variant variants_any_nobody[];	/* veth and own address, as nobody */
extern const struct variant variants_three[];	/* three namespaces, v4 */
extern const struct variant variants_three_each[];	/* the same, as root and as nobody */

#endif
