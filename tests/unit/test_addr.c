// SPDX-License-Identifier: GPL-2.0
/* Addresses of both families: what is one, what is wrong with the others, and back again. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "addr.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PORT htons(4711)

/* Parses exactly the bytes that it is told of: the sanitizer sees a look at any other. */
static enum rdsz_addr_fault parse_bytes(const void *bytes, int length, struct rdsz_endpoint *ep)
{
	size_t size = length < 0 ? 0 : (size_t)length;
	struct sockaddr_storage *ss = malloc(size);
	enum rdsz_addr_fault fault;

	assert_non_null(ss);
	memcpy(ss, bytes, size);
	memset(ep, 0xff, sizeof(*ep));
	fault = rdsz_addr_parse(ss, length, ep);
	free(ss);
	return fault;
}

static struct sockaddr_in sin_of(const char *text)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = PORT };

	assert_int_equal(inet_pton(AF_INET, text, &sin.sin_addr), 1);
	return sin;
}

static struct sockaddr_in6 sin6_of(const char *text, uint32_t scope)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6, .sin6_port = PORT, .sin6_scope_id = scope,
	};

	assert_int_equal(inet_pton(AF_INET6, text, &sin6.sin6_addr), 1);
	return sin6;
}

static struct in6_addr ip_of(const char *text)
{
	return sin6_of(text, 0).sin6_addr;
}

static enum rdsz_addr_fault parse4(const char *text, struct rdsz_endpoint *ep)
{
	struct sockaddr_in sin = sin_of(text);

	return parse_bytes(&sin, sizeof(sin), ep);
}

static enum rdsz_addr_fault parse6(const char *text, uint32_t scope, struct rdsz_endpoint *ep)
{
	struct sockaddr_in6 sin6 = sin6_of(text, scope);

	return parse_bytes(&sin6, sizeof(sin6), ep);
}

static void assert_endpoint(const struct rdsz_endpoint *ep, const char *ip, uint32_t scope)
{
	struct in6_addr want = ip_of(ip);

	assert_memory_equal(&ep->ip, &want, sizeof(want));
	assert_int_equal(ep->scope, scope);
	assert_int_equal(ep->port, PORT);
}

static void rdsz_addr_parse__ipv4_becomes_mapped(void **state)
{
	struct rdsz_endpoint ep;

	(void)state;
	assert_int_equal(parse4("10.77.1.2", &ep), RDSZ_ADDR_OK);
	assert_endpoint(&ep, "::ffff:10.77.1.2", 0);
	assert_int_equal(parse4("127.0.0.1", &ep), RDSZ_ADDR_OK);
	assert_endpoint(&ep, "::ffff:127.0.0.1", 0);
	assert_int_equal(parse4("0.0.0.1", &ep), RDSZ_ADDR_OK);
	assert_int_equal(parse4("223.255.255.255", &ep), RDSZ_ADDR_OK);
	assert_int_equal(parse4("240.0.0.1", &ep), RDSZ_ADDR_OK);
	assert_int_equal(parse4("255.255.255.254", &ep), RDSZ_ADDR_OK);
	assert_endpoint(&ep, "::ffff:255.255.255.254", 0);
}

static void rdsz_addr_parse__ipv4_that_is_nobody(void **state)
{
	struct rdsz_endpoint ep;

	(void)state;
	assert_int_equal(parse4("0.0.0.0", &ep), RDSZ_ADDR_ANY4);
	assert_int_equal(parse4("255.255.255.255", &ep), RDSZ_ADDR_BAD4);
	assert_int_equal(parse4("224.0.0.1", &ep), RDSZ_ADDR_BAD4);
	assert_int_equal(parse4("239.255.255.255", &ep), RDSZ_ADDR_BAD4);
}

static void rdsz_addr_parse__ipv6(void **state)
{
	static const char *const good[] = {
		"fd77::1", "::1", "::2", "2001:db8::ffff:0:1", "::fffe:10.0.0.1", "::10.0.0.1",
		"1:0:0:0:0:ffff:0a00:1", "fec0::1", "fe00::1", "feff::1",
	};
	struct rdsz_endpoint ep;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		assert_int_equal(parse6(good[i], 0, &ep), RDSZ_ADDR_OK);
		assert_endpoint(&ep, good[i], 0);
	}
}

static void rdsz_addr_parse__ipv6_that_is_nobody(void **state)
{
	static const char *const bad[] = { "::", "ff02::1", "ff00::", "ffff::1" };
	struct rdsz_endpoint ep;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		assert_int_equal(parse6(bad[i], 1, &ep), RDSZ_ADDR_BAD6);
}

static void rdsz_addr_parse__mapped_is_the_ipv4_address(void **state)
{
	struct rdsz_endpoint mapped, plain;

	(void)state;
	assert_int_equal(parse6("::ffff:10.77.1.2", 0, &mapped), RDSZ_ADDR_OK);
	assert_int_equal(parse4("10.77.1.2", &plain), RDSZ_ADDR_OK);
	assert_memory_equal(&mapped.ip, &plain.ip, sizeof(plain.ip));
	assert_int_equal(mapped.port, plain.port);
	/* No interface belongs to it, whatever the caller wrote. */
	assert_int_equal(parse6("::ffff:10.77.1.2", 7, &mapped), RDSZ_ADDR_OK);
	assert_endpoint(&mapped, "::ffff:10.77.1.2", 0);
}

static void rdsz_addr_parse__mapped_that_is_nobody(void **state)
{
	struct rdsz_endpoint ep;

	(void)state;
	assert_int_equal(parse6("::ffff:0.0.0.0", 0, &ep), RDSZ_ADDR_BAD6);
	assert_int_equal(parse6("::ffff:255.255.255.255", 0, &ep), RDSZ_ADDR_BAD6);
	assert_int_equal(parse6("::ffff:224.0.0.1", 0, &ep), RDSZ_ADDR_BAD6);
}

static void rdsz_addr_parse__scope_of_link_local(void **state)
{
	struct rdsz_endpoint ep;

	(void)state;
	assert_int_equal(parse6("fe80::1", 3, &ep), RDSZ_ADDR_OK);
	assert_endpoint(&ep, "fe80::1", 3);
	assert_int_equal(parse6("febf:ffff::1", UINT32_MAX, &ep), RDSZ_ADDR_OK);
	assert_endpoint(&ep, "febf:ffff::1", UINT32_MAX);
	assert_int_equal(parse6("fe80::1", 0, &ep), RDSZ_ADDR_NO_SCOPE);
	assert_int_equal(parse6("febf::1", 0, &ep), RDSZ_ADDR_NO_SCOPE);
}

static void rdsz_addr_parse__scope_of_others_is_dropped(void **state)
{
	struct rdsz_endpoint ep;

	(void)state;
	assert_int_equal(parse6("fd77::1", 3, &ep), RDSZ_ADDR_OK);
	assert_endpoint(&ep, "fd77::1", 0);
	assert_int_equal(parse6("fec0::1", 3, &ep), RDSZ_ADDR_OK);
	assert_endpoint(&ep, "fec0::1", 0);
}

static void rdsz_addr_parse__too_short(void **state)
{
	struct sockaddr_in6 sin6 = sin6_of("fd77::1", 0);
	struct sockaddr_in sin = sin_of("10.0.0.1");
	struct rdsz_endpoint ep;
	int length;

	(void)state;
	for (length = -1; length < 16; length++)
		assert_int_equal(parse_bytes(&sin, length, &ep), RDSZ_ADDR_SHORT);
	for (length = -1; length < 28; length++)
		assert_int_equal(parse_bytes(&sin6, length, &ep), RDSZ_ADDR_SHORT);
}

static void rdsz_addr_parse__too_long_is_fine(void **state)
{
	struct sockaddr_storage ss;
	struct rdsz_endpoint ep;

	(void)state;
	memset(&ss, 0xff, sizeof(ss));
	*(struct sockaddr_in *)&ss = sin_of("10.0.0.1");
	assert_int_equal(parse_bytes(&ss, sizeof(ss), &ep), RDSZ_ADDR_OK);
	assert_endpoint(&ep, "::ffff:10.0.0.1", 0);
	*(struct sockaddr_in6 *)&ss = sin6_of("fd77::1", 0);
	assert_int_equal(parse_bytes(&ss, sizeof(ss), &ep), RDSZ_ADDR_OK);
	assert_endpoint(&ep, "fd77::1", 0);
}

static void rdsz_addr_parse__other_families(void **state)
{
	static const sa_family_t families[] = { AF_UNSPEC, AF_UNIX, AF_RDS, AF_NETLINK, 0xffff };
	struct sockaddr_storage ss = { 0 };
	struct rdsz_endpoint ep;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(families); i++) {
		ss.ss_family = families[i];
		assert_int_equal(parse_bytes(&ss, sizeof(ss), &ep), RDSZ_ADDR_FAMILY);
		assert_int_equal(parse_bytes(&ss, 2, &ep), RDSZ_ADDR_FAMILY);
	}
}

/* There and back: the same bytes, in a buffer that was not clean. */
static void assert_round_trip(const void *sockaddr, size_t length)
{
	static const char zero[sizeof(struct sockaddr_storage)];
	struct sockaddr_storage ss;
	struct rdsz_endpoint ep;

	memset(&ss, 0xff, sizeof(ss));
	assert_int_equal(parse_bytes(sockaddr, (int)length, &ep), RDSZ_ADDR_OK);
	assert_int_equal(rdsz_addr_format(&ss, &ep), length);
	assert_memory_equal(&ss, sockaddr, length);
	assert_memory_equal((char *)&ss + length, zero, sizeof(ss) - length);
}

static void rdsz_addr_format__gives_back_what_was_parsed(void **state)
{
	static const char *const v4[] = { "10.77.1.2", "127.0.0.1", "192.0.2.255" };
	static const char *const v6[] = { "fd77::1", "::1", "2001:db8::1:0:0:1" };
	struct sockaddr_in6 sin6;
	struct sockaddr_in sin;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(v4); i++) {
		sin = sin_of(v4[i]);
		assert_round_trip(&sin, 16);
	}
	for (i = 0; i < COUNT(v6); i++) {
		sin6 = sin6_of(v6[i], 0);
		assert_round_trip(&sin6, 28);
	}
	sin6 = sin6_of("fe80::1", 9);
	assert_round_trip(&sin6, 28);
}

static void rdsz_addr_format__mapped_is_shown_as_ipv4(void **state)
{
	struct sockaddr_in want = sin_of("10.77.1.2");
	struct sockaddr_storage ss;
	struct rdsz_endpoint ep;

	(void)state;
	assert_int_equal(parse6("::ffff:10.77.1.2", 0, &ep), RDSZ_ADDR_OK);
	assert_int_equal(rdsz_addr_format(&ss, &ep), 16);
	assert_memory_equal(&ss, &want, sizeof(want));
}

static void rdsz_addr_format__drops_the_flow(void **state)
{
	struct sockaddr_in6 sin6 = sin6_of("fd77::1", 0);
	struct sockaddr_storage ss;
	struct rdsz_endpoint ep;

	(void)state;
	sin6.sin6_flowinfo = htonl(0x12345);
	assert_int_equal(parse_bytes(&sin6, sizeof(sin6), &ep), RDSZ_ADDR_OK);
	assert_int_equal(rdsz_addr_format(&ss, &ep), 28);
	assert_int_equal(((struct sockaddr_in6 *)&ss)->sin6_flowinfo, 0);
}

static void rdsz_addr_is_v4__only_mapped(void **state)
{
	static const char *const no[] = {
		"::", "::1", "::10.0.0.1", "::fffe:10.0.0.1", "::feff:10.0.0.1",
		"0:0:0:0:1:ffff:a00:1", "8000::ffff:a00:1", "fd77::1",
	};
	struct in6_addr ip = ip_of("::ffff:10.0.0.1");
	size_t i;

	(void)state;
	assert_true(rdsz_addr_is_v4(&ip));
	for (i = 0; i < COUNT(no); i++) {
		ip = ip_of(no[i]);
		assert_false(rdsz_addr_is_v4(&ip));
	}
}

static void rdsz_addr_is_loopback__both_families(void **state)
{
	static const char *const yes[] = {
		"::1", "::ffff:127.0.0.1", "::ffff:127.0.0.0", "::ffff:127.255.255.255",
	};
	static const char *const no[] = {
		"::", "::2", "::127.0.0.1", "::ffff:126.255.255.255", "::ffff:128.0.0.1",
		"::1:0:1", "8000::1", "fe80::1", "::ffff:10.0.0.127",
	};
	struct in6_addr ip;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(yes); i++) {
		ip = ip_of(yes[i]);
		assert_true(rdsz_addr_is_loopback(&ip));
	}
	for (i = 0; i < COUNT(no); i++) {
		ip = ip_of(no[i]);
		assert_false(rdsz_addr_is_loopback(&ip));
	}
}

static void rdsz_addr_scope__only_link_local_has_one(void **state)
{
	struct in6_addr local = ip_of("febf::1"), global = ip_of("fd77::1");
	struct in6_addr v4 = ip_of("::ffff:169.254.1.1");

	(void)state;
	assert_int_equal(rdsz_addr_scope(&local, 7), 7);
	assert_int_equal(rdsz_addr_scope(&local, 0), 0);
	assert_int_equal(rdsz_addr_scope(&global, 7), 0);
	assert_int_equal(rdsz_addr_scope(&v4, 7), 0);
}

static void rdsz_addr_is_link_local__ten_bits(void **state)
{
	static const char *const yes[] = { "fe80::", "fe80::1", "fe90::1", "febf:ffff::1" };
	static const char *const no[] = { "fe7f::1", "fec0::1", "fd80::1", "ff80::1", "80fe::",
					  "::ffff:169.254.1.1" };
	struct in6_addr ip;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(yes); i++) {
		ip = ip_of(yes[i]);
		assert_true(rdsz_addr_is_link_local(&ip));
	}
	for (i = 0; i < COUNT(no); i++) {
		ip = ip_of(no[i]);
		assert_false(rdsz_addr_is_link_local(&ip));
	}
}

/* Ascending; each pair is tried both ways. */
static void rdsz_addr_cmp__is_numeric(void **state)
{
	static const char *const order[] = {
		"::", "::1", "::100", "::ffff:9.255.255.255", "::ffff:10.0.0.1", "::ffff:10.0.0.2",
		"::ffff:10.0.1.0", "::ffff:128.0.0.1", "::ffff:255.255.255.255", "::1:0:0:0",
		"7fff::", "8000::", "fd77::1", "fd77::2", "fe80::1", "ffff::",
	};
	struct in6_addr a, b;
	size_t i, j;
	int got;

	(void)state;
	for (i = 0; i < COUNT(order); i++) {
		for (j = 0; j < COUNT(order); j++) {
			a = ip_of(order[i]);
			b = ip_of(order[j]);
			got = rdsz_addr_cmp(&a, &b);
			assert_int_equal(got < 0, i < j);
			assert_int_equal(got > 0, i > j);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rdsz_addr_parse__ipv4_becomes_mapped),
		cmocka_unit_test(rdsz_addr_parse__ipv4_that_is_nobody),
		cmocka_unit_test(rdsz_addr_parse__ipv6),
		cmocka_unit_test(rdsz_addr_parse__ipv6_that_is_nobody),
		cmocka_unit_test(rdsz_addr_parse__mapped_is_the_ipv4_address),
		cmocka_unit_test(rdsz_addr_parse__mapped_that_is_nobody),
		cmocka_unit_test(rdsz_addr_parse__scope_of_link_local),
		cmocka_unit_test(rdsz_addr_parse__scope_of_others_is_dropped),
		cmocka_unit_test(rdsz_addr_parse__too_short),
		cmocka_unit_test(rdsz_addr_parse__too_long_is_fine),
		cmocka_unit_test(rdsz_addr_parse__other_families),
		cmocka_unit_test(rdsz_addr_format__gives_back_what_was_parsed),
		cmocka_unit_test(rdsz_addr_format__mapped_is_shown_as_ipv4),
		cmocka_unit_test(rdsz_addr_format__drops_the_flow),
		cmocka_unit_test(rdsz_addr_is_v4__only_mapped),
		cmocka_unit_test(rdsz_addr_is_loopback__both_families),
		cmocka_unit_test(rdsz_addr_is_link_local__ten_bits),
		cmocka_unit_test(rdsz_addr_scope__only_link_local_has_one),
		cmocka_unit_test(rdsz_addr_cmp__is_numeric),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
