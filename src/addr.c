// SPDX-License-Identifier: GPL-2.0
/*
 * addr.c - converts between sockaddrs and the internal endpoint form, and compares addresses.
 */
#include "addr.h"

#ifdef __KERNEL__
#include <linux/in.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#endif

static const __u8 rdsz_mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

bool rdsz_addr_is_v4(const struct in6_addr *ip)
{
	return !memcmp(ip->s6_addr, rdsz_mapped_prefix, sizeof(rdsz_mapped_prefix));
}

bool rdsz_addr_is_loopback(const struct in6_addr *ip)
{
	static const __u8 loopback6[16] = { [15] = 1 };

	if (rdsz_addr_is_v4(ip))
		return ip->s6_addr[12] == 127;
	return !memcmp(ip->s6_addr, loopback6, sizeof(loopback6));
}

bool rdsz_addr_is_link_local(const struct in6_addr *ip)
{
	return ip->s6_addr[0] == 0xfe && (ip->s6_addr[1] & 0xc0) == 0x80;
}

/* The scope that belongs to an address of a conn: only link-local ones have one. */
__u32 rdsz_addr_scope(const struct in6_addr *ip, __u32 scope)
{
	return rdsz_addr_is_link_local(ip) ? scope : 0;
}

/* Numeric order of the 128-bit big-endian numbers: it decides who connects to whom. */
int rdsz_addr_cmp(const struct in6_addr *a, const struct in6_addr *b)
{
	return memcmp(a, b, sizeof(*a));
}

static enum rdsz_addr_fault rdsz_addr_check4(const __u8 *ip)
{
	static const __u8 any[4], broadcast[4] = { 255, 255, 255, 255 };

	if (!memcmp(ip, any, 4))
		return RDSZ_ADDR_ANY4;
	if (!memcmp(ip, broadcast, 4) || (ip[0] & 0xf0) == 0xe0)
		return RDSZ_ADDR_BAD4;
	return RDSZ_ADDR_OK;
}

static enum rdsz_addr_fault rdsz_addr_parse4(const struct sockaddr_in *sin, int len,
					     struct rdsz_endpoint *ep)
{
	if (len < (int)sizeof(*sin))
		return RDSZ_ADDR_SHORT;
	memcpy(ep->ip.s6_addr, rdsz_mapped_prefix, sizeof(rdsz_mapped_prefix));
	memcpy(ep->ip.s6_addr + 12, &sin->sin_addr, 4);
	ep->port = sin->sin_port;
	return rdsz_addr_check4(ep->ip.s6_addr + 12);
}

static enum rdsz_addr_fault rdsz_addr_parse6(const struct sockaddr_in6 *sin6, int len,
					     struct rdsz_endpoint *ep)
{
	static const struct in6_addr any;

	if (len < (int)sizeof(*sin6))
		return RDSZ_ADDR_SHORT;
	ep->ip = sin6->sin6_addr;
	ep->port = sin6->sin6_port;
	if (rdsz_addr_is_v4(&ep->ip))
		return rdsz_addr_check4(ep->ip.s6_addr + 12) ? RDSZ_ADDR_BAD6 : RDSZ_ADDR_OK;
	if (ep->ip.s6_addr[0] == 0xff || !rdsz_addr_cmp(&ep->ip, &any))
		return RDSZ_ADDR_BAD6;
	if (rdsz_addr_is_link_local(&ep->ip)) {
		if (!sin6->sin6_scope_id)
			return RDSZ_ADDR_NO_SCOPE;
		ep->scope = sin6->sin6_scope_id;
	}
	return RDSZ_ADDR_OK;
}

/**
 * rdsz_addr_parse() - read a user's sockaddr
 * @ss: the copied address; bytes past @len are not looked at
 * @len: its length in bytes
 * @ep: filled on success, undefined content otherwise
 *
 * Return: RDSZ_ADDR_OK or what is wrong with it.
 */
enum rdsz_addr_fault rdsz_addr_parse(const struct sockaddr_storage *ss, int len,
				     struct rdsz_endpoint *ep)
{
	memset(ep, 0, sizeof(*ep));
	if (len < (int)sizeof(ss->ss_family))
		return RDSZ_ADDR_SHORT;
	if (ss->ss_family == AF_INET)
		return rdsz_addr_parse4((const struct sockaddr_in *)ss, len, ep);
	if (ss->ss_family == AF_INET6)
		return rdsz_addr_parse6((const struct sockaddr_in6 *)ss, len, ep);
	return RDSZ_ADDR_FAMILY;
}

/**
 * rdsz_addr_format() - write an endpoint as the sockaddr that users see
 * @ss: zeroed and filled: AF_INET for mapped addresses, else AF_INET6
 * @ep: the endpoint
 *
 * Return: length of the sockaddr in bytes (16 or 28).
 */
int rdsz_addr_format(struct sockaddr_storage *ss, const struct rdsz_endpoint *ep)
{
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)ss;
	struct sockaddr_in *sin = (struct sockaddr_in *)ss;

	memset(ss, 0, sizeof(*ss));
	if (rdsz_addr_is_v4(&ep->ip)) {
		sin->sin_family = AF_INET;
		sin->sin_port = ep->port;
		memcpy(&sin->sin_addr, ep->ip.s6_addr + 12, 4);
		return sizeof(*sin);
	}
	sin6->sin6_family = AF_INET6;
	sin6->sin6_port = ep->port;
	sin6->sin6_addr = ep->ip;
	sin6->sin6_scope_id = ep->scope;
	return sizeof(*sin6);
}
