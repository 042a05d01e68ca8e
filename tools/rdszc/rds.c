// SPDX-License-Identifier: GPL-2.0
/*
 * rds.c - addresses, sockets, numbers and times.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rdszc.h"

volatile bool interrupted;

/* Cuts ADDR, ADDR:PORT or [ADDR]:PORT in two; false if it is none of them. */
static bool split(char *text, char **host, char **port)
{
	char *colon = strchr(text, ':');

	*host = text;
	*port = NULL;
	if (*text == '[') {
		char *end = strchr(text, ']');

		if (!end || (end[1] && end[1] != ':'))
			return false;
		*host = text + 1;
		*end = '\0';
		if (end[1])
			*port = end + 2;
	} else if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
		*port = colon + 1;
	}
	return true;
}

static uint32_t parse_zone(const char *zone)
{
	unsigned long index = if_nametoindex(zone);
	char *end;

	if (index)
		return index;
	index = strtoul(zone, &end, 10);
	if (!index || index > UINT32_MAX || *end)
		die(EXIT_USAGE, "there is no interface '%s'", zone);
	return index;
}

static bool parse_v6(char *host, struct sockaddr_in6 *in6)
{
	char *zone = strchr(host, '%');

	if (zone) {
		*zone++ = '\0';
		in6->sin6_scope_id = parse_zone(zone);
	}
	in6->sin6_family = AF_INET6;
	return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1;
}

union address address_parse(const char *text, uint16_t port)
{
	union address address = { .storage = { 0 } };
	char copy[128], *host, *number;
	bool ok;

	snprintf(copy, sizeof(copy), "%s", text);
	ok = split(copy, &host, &number);
	if (ok && inet_pton(AF_INET, host, &address.in.sin_addr) == 1)
		address.sa.sa_family = AF_INET;
	else if (ok)
		ok = parse_v6(host, &address.in6);
	if (!ok)
		die(EXIT_USAGE, "'%s' is no IPv4 or IPv6 address", text);
	if (number)
		port = number_parse(number, "port", 0, 65535);
	address_set_port(&address, port);
	return address;
}

const char *address_text(const union address *address, bool with_port)
{
	static char ring[4][96];
	static unsigned int next;
	char *out = ring[next++ % ARRAY_SIZE(ring)], host[INET6_ADDRSTRLEN] = "?";
	bool v6 = address->sa.sa_family == AF_INET6;

	if (v6)
		inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof(host));
	if (with_port)
		snprintf(out, sizeof(ring[0]), v6 ? "[%s]:%u" : "%s:%u", host,
			 address_port(address));
	else
		snprintf(out, sizeof(ring[0]), "%s", host);
	return out;
}

socklen_t address_length(const union address *address)
{
	return address->sa.sa_family == AF_INET6 ? sizeof(address->in6) : sizeof(address->in);
}

uint16_t address_port(const union address *address)
{
	return ntohs(address->sa.sa_family == AF_INET6 ? address->in6.sin6_port :
							 address->in.sin_port);
}

void address_set_port(union address *address, uint16_t port)
{
	if (address->sa.sa_family == AF_INET6)
		address->in6.sin6_port = htons(port);
	else
		address->in.sin_port = htons(port);
}

size_t address_bytes(const union address *address, uint8_t bytes[16])
{
	if (address->sa.sa_family == AF_INET6) {
		memcpy(bytes, &address->in6.sin6_addr, 16);
		return 16;
	}
	memcpy(bytes, &address->in.sin_addr, 4);
	return 4;
}

/* The kernel tells an address alone, and beside it the scope of those that are link-local. */
bool address_in_scope(const union address *wanted, uint64_t scope)
{
	return wanted->sa.sa_family != AF_INET6 || !wanted->in6.sin6_scope_id ||
	       !IN6_IS_ADDR_LINKLOCAL(&wanted->in6.sin6_addr) ||
	       wanted->in6.sin6_scope_id == scope;
}

/* The route decides; a UDP socket asks for it without sending anything. */
union address address_towards(const union address *to)
{
	union address target = *to, own = { .storage = { 0 } };
	socklen_t length = sizeof(own.storage);
	int fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	address_set_port(&target, 9);
	if (fd < 0 || connect(fd, &target.sa, address_length(&target)) < 0 ||
	    getsockname(fd, &own.sa, &length) < 0)
		die(EXIT_SYSTEM, "no route to %s: %s", address_text(to, false), strerror(errno));
	close(fd);
	address_set_port(&own, 0);
	return own;
}

int rds_family(void)
{
	FILE *file = fopen("/sys/module/rds_zc/parameters/family", "re");
	int family = RDSZC_FAMILY_DEFAULT;

	if (file) {
		if (fscanf(file, "%d", &family) != 1)
			family = RDSZC_FAMILY_DEFAULT;
		fclose(file);
	}
	return family;
}

int rds_socket(const union address *local)
{
	int fd = socket(rds_family(), SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		die(EXIT_NO_MODULE, "rds_zc is not loaded (modprobe rds_zc; rdszc doctor)");
	if (fd < 0)
		die(exit_status(errno), "no socket: %s", strerror(errno));
	if (bind(fd, &local->sa, address_length(local)) < 0)
		die(exit_status(errno), "cannot bind to %s: %s%s", address_text(local, true),
		    strerror(errno),
		    errno == ENETDOWN ? " (the TCP port is taken: rdszc doctor)" : "");
	return fd;
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* Or until a signal comes; usleep() takes no more than 4294 s. */
void sleep_seconds(double seconds)
{
	struct timespec time = { .tv_sec = seconds };

	time.tv_nsec = (seconds - time.tv_sec) * 1e9;
	nanosleep(&time, NULL);
}

/* A number with an optional K, M or G behind it. */
uint64_t number_parse(const char *text, const char *what, uint64_t low, uint64_t high)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	switch (*end) {
	case 'G':
	case 'g':
		value <<= 10;
		/* fallthrough */
	case 'M':
	case 'm':
		value <<= 10;
		/* fallthrough */
	case 'K':
	case 'k':
		value <<= 10;
		end++;
	}
	if (errno || end == text || *end || *text == '-' || value < low || value > high)
		die(EXIT_USAGE, "%s: '%s' is not a number from %llu to %llu", what, text,
		    (unsigned long long)low, (unsigned long long)high);
	return value;
}

double seconds_parse(const char *text, const char *what)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= 0) || value > 1e7)
		die(EXIT_USAGE, "%s: '%s' is not a number of seconds", what, text);
	return value;
}

const char *bytes_text(uint64_t bytes)
{
	static const char units[] = "\0KMGTPE";
	static char ring[4][24];
	static unsigned int next;
	char *out = ring[next++ % ARRAY_SIZE(ring)];
	double value = bytes;
	int unit = 0;

	for (; value >= 1024 && unit < 6; unit++)
		value /= 1024;
	if (unit)
		snprintf(out, sizeof(ring[0]), "%.1f%ciB", value, units[unit]);
	else
		snprintf(out, sizeof(ring[0]), "%llu", (unsigned long long)bytes);
	return out;
}

const char *time_text(uint64_t ns)
{
	static char ring[4][24];
	static unsigned int next;
	char *out = ring[next++ % ARRAY_SIZE(ring)];

	if (ns < 1000)
		snprintf(out, sizeof(ring[0]), "%uns", (unsigned int)ns);
	else if (ns < 1000000)
		snprintf(out, sizeof(ring[0]), "%.1fus", ns / 1e3);
	else if (ns < 1000000000)
		snprintf(out, sizeof(ring[0]), "%.1fms", ns / 1e6);
	else
		snprintf(out, sizeof(ring[0]), "%.2fs", ns / 1e9);
	return out;
}

static void on_signal(int signal)
{
	(void)signal;
	interrupted = true;
}

/* Ctrl-C ends the loop, not the program: the summary still comes. The second one does not wait. */
void catch_interrupts(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

/* For what must be removed at the end, whatever ends it. */
void catch_all_endings(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGPIPE };
	struct sigaction action = { .sa_handler = on_signal };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaction(signals[i], &action, NULL);
}
