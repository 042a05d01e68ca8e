/* SPDX-License-Identifier: GPL-2.0 */
/*
 * addr.h - one internal form for IPv4 and IPv6 endpoints.
 *
 * IPv4 addresses are kept as ::ffff:a.b.c.d everywhere inside the module; a scope id is kept only
 * for link-local addresses. Pure code, built in userspace by tests/unit.
 */
#ifndef RDSZ_ADDR_H
#define RDSZ_ADDR_H

#ifdef __KERNEL__
#include <linux/in6.h>
#include <linux/socket.h>
#include <linux/types.h>
#else
#include "wire_user.h"
#endif

/**
 * struct rdsz_endpoint - an address and an RDS port
 * @ip: IPv6 address, or IPv4 in mapped form
 * @scope: interface index, 0 unless @ip is link-local
 * @port: RDS port, network order
 */
struct rdsz_endpoint {
	struct in6_addr	ip;
	__u32		scope;
	__be16		port;
};

/* Why a sockaddr is no endpoint. Each system call has its own errno for each of these. */
enum rdsz_addr_fault {
	RDSZ_ADDR_OK,
	RDSZ_ADDR_SHORT,	/* length too small for its family */
	RDSZ_ADDR_FAMILY,	/* neither AF_INET nor AF_INET6 */
	RDSZ_ADDR_ANY4,		/* 0.0.0.0 */
	RDSZ_ADDR_BAD4,		/* IPv4 broadcast or multicast */
	RDSZ_ADDR_BAD6,		/* IPv6 any or multicast, or a mapped form of the two above */
	RDSZ_ADDR_NO_SCOPE,	/* link-local without scope id */
};

enum rdsz_addr_fault rdsz_addr_parse(const struct sockaddr_storage *ss, int len,
				     struct rdsz_endpoint *ep);
int rdsz_addr_format(struct sockaddr_storage *ss, const struct rdsz_endpoint *ep);
bool rdsz_addr_is_v4(const struct in6_addr *ip);
bool rdsz_addr_is_loopback(const struct in6_addr *ip);
bool rdsz_addr_is_link_local(const struct in6_addr *ip);
__u32 rdsz_addr_scope(const struct in6_addr *ip, __u32 scope);
int rdsz_addr_cmp(const struct in6_addr *a, const struct in6_addr *b);

#endif /* RDSZ_ADDR_H */
