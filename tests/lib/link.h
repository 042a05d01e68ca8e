/* SPDX-License-Identifier: GPL-2.0 */
/* Links, addresses, routes, neighbours and delays of a namespace, through rtnetlink. */
#ifndef TESTS_LINK_H
#define TESTS_LINK_H

#include <stdbool.h>

struct netns;

int link_veth(const struct netns *a, const char *name_a,
	      const struct netns *b, const char *name_b);
/*
 * A macvlan (bridge mode) over a device of one namespace, in another one, with this hardware
 * address.
 */
int link_macvlan(const struct netns *over, const char *device, const struct netns *in,
		 const char *name, const unsigned char address[6]);
int link_set_up(const struct netns *ns, const char *name, bool up);
int link_set_mtu(const struct netns *ns, const char *name, unsigned int mtu);
int link_delete(const struct netns *ns, const char *name);

/* Address in text form, IPv4 or IPv6 (no duplicate address detection). */
int link_add_address(const struct netns *ns, const char *name, const char *address,
		     unsigned int prefix);
int link_del_address(const struct netns *ns, const char *name, const char *address,
		     unsigned int prefix);

/* What is sent to the address inside the namespace stays there: the kernel has it as its own. */
bool link_owns(const struct netns *ns, const char *address);

/* IPv4 or IPv6, by a gateway that a link of the namespace reaches. */
int link_add_route(const struct netns *ns, const char *network, unsigned int prefix,
		   const char *gateway);

/*
 * Swallows what we send to one neighbour while the link stays up: its hardware address is pinned
 * to one that nobody has. Off forgets the neighbour, and it is looked up afresh.
 */
int link_blackhole(const struct netns *ns, const char *name, const char *neighbour, bool on);

/* All that we send by a device is so late, by netem; 0 takes that away again. */
int link_delay(const struct netns *ns, const char *name, unsigned int ms);

/* Scatter-gather of a device, through ethtool. */
int link_set_sg(const struct netns *ns, const char *name, bool on);
int link_get_sg(const struct netns *ns, const char *name);	/* 1 on, 0 off, -1 failure */

int link_index(const struct netns *ns, const char *name);

#endif
