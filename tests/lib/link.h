/* SPDX-License-Identifier: GPL-2.0 */
/* Links, addresses and neighbours of a namespace, through rtnetlink. */
#ifndef TESTS_LINK_H
#define TESTS_LINK_H

#include <stdbool.h>

struct netns;

int link_veth(const struct netns *a, const char *name_a,
	      const struct netns *b, const char *name_b);
int link_set_up(const struct netns *ns, const char *name, bool up);
int link_set_mtu(const struct netns *ns, const char *name, unsigned int mtu);
int link_delete(const struct netns *ns, const char *name);

/* Address in text form, IPv4 or IPv6 (no duplicate address detection). */
int link_add_address(const struct netns *ns, const char *name, const char *address,
		     unsigned int prefix);
int link_del_address(const struct netns *ns, const char *name, const char *address,
		     unsigned int prefix);

/*
 * Swallows what we send to one neighbour while the link stays up: its hardware address is pinned
 * to one that nobody has. Off forgets the neighbour, and it is looked up afresh.
 */
int link_blackhole(const struct netns *ns, const char *name, const char *neighbour, bool on);

/* Scatter-gather of a device, through ethtool. */
int link_set_sg(const struct netns *ns, const char *name, bool on);
int link_get_sg(const struct netns *ns, const char *name);	/* 1 on, 0 off, -1 failure */

int link_index(const struct netns *ns, const char *name);

#endif
