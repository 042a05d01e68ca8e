/* SPDX-License-Identifier: GPL-2.0 */
/* Requests to the generic netlink family of rds_zc, for tests that look at messages themselves. */
#ifndef TESTS_GENL_H
#define TESTS_GENL_H

#include <stdint.h>

#include <libmnl/libmnl.h>

#include "netns.h"

/* A socket of a namespace. */
struct mnl_socket *genl_open(const struct netns *ns);

/* Begins a request in @buffer, numbered 0; its command's attributes are the caller's. */
struct nlmsghdr *genl_request(void *buffer, uint16_t family, uint8_t command, uint16_t flags);

/* The number of the family; with @groups also those of its groups, paths and congestion. */
uint16_t genl_family(struct mnl_socket *socket, uint32_t groups[2]);

#endif
