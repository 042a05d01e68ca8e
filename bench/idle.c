// SPDX-License-Identifier: GPL-2.0
/*
 * rdsz-idle FAMILY SOCKETS PEERS: what sockets and connections cost while nothing happens.
 * Namespaces a and b exist, 10.9.0.1 in a, and in b 10.9.1.1 and the PEERS - 1 addresses after it.
 * All in one kernel, so a connection here is both ends of it, with their TCP sockets.
 *
 * Not a time but a count, so an emulated CPU tells the truth.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT	5000
#define SETTLE	5			/* s, for what is freed by and by */

#define CACHES	600
#define WORTH	32			/* bytes each, to be named */

struct cache {
	char name[40];
	long bytes;			/* of objects in use */
};

struct memory {
	struct cache caches[CACHES];
	int nr_caches;
	long slab, percpu, free;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

/* Objects that each CPU keeps for the next one count as used, until they are given back. */
static void shrink(void)
{
	glob_t found;
	size_t i;

	write_to("/proc/sys/vm/drop_caches", "3");
	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &found))
		die("/sys/kernel/slab");
	for (i = 0; i < found.gl_pathc; i++)
		write_to(found.gl_pathv[i], "1");
	globfree(&found);
}

static void read_slab(struct memory *m)
{
	FILE *f = fopen("/proc/slabinfo", "r");
	long objects, size;
	char line[512];

	if (!f)
		die("/proc/slabinfo");
	while (fgets(line, sizeof(line), f) && m->nr_caches < CACHES) {
		struct cache *c = &m->caches[m->nr_caches];

		if (sscanf(line, "%39s %ld %*d %ld", c->name, &objects, &size) != 3)
			continue;
		c->bytes = objects * size;
		m->slab += c->bytes;
		m->nr_caches++;
	}
	fclose(f);
}

static long meminfo(const char *name)
{
	FILE *f = fopen("/proc/meminfo", "r");
	long value, found = 0;
	char word[64];

	if (!f)
		die("/proc/meminfo");
	while (fscanf(f, "%63s %ld%*[^\n]", word, &value) == 2)
		if (!strcmp(word, name))
			found = value * 1024;
	fclose(f);
	return found;
}

static struct memory *measure(void)
{
	struct memory *m = calloc(1, sizeof(*m));

	sleep(SETTLE);
	shrink();
	sleep(1);
	read_slab(m);
	m->percpu = meminfo("Percpu:");
	m->free = meminfo("MemFree:");
	return m;
}

static long before_that(const struct memory *m, const char *name)
{
	int i;

	for (i = 0; i < m->nr_caches; i++)
		if (!strcmp(m->caches[i].name, name))
			return m->caches[i].bytes;
	return 0;
}

static void report(const char *what, int family, int n, struct memory *before)
{
	struct memory *after = measure();
	const char *comma = "";
	int i;

	printf("{\"idle\":\"%s\",\"family\":%d,\"count\":%d,\"slab_each\":%ld,\"percpu_each\":%ld,"
	       "\"all_each\":%ld,\"caches\":{", what, family, n, (after->slab - before->slab) / n,
	       (after->percpu - before->percpu) / n, (before->free - after->free) / n);
	for (i = 0; i < after->nr_caches; i++) {
		const struct cache *c = &after->caches[i];
		long each = (c->bytes - before_that(before, c->name)) / n;

		if (labs(each) < WORTH)
			continue;
		printf("%s\"%s\":%ld", comma, c->name, each);
		comma = ",";
	}
	printf("}}\n");
	fflush(stdout);
	free(before);
	free(after);
}

static void enter(const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/run/netns/%s", name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		die(path);
	close(fd);
}

static struct sockaddr_in address(uint32_t host, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(host) };
}

static int bound(int family, uint32_t host, uint16_t port)
{
	struct sockaddr_in sin = address(host, port);
	struct timeval patience = { .tv_sec = 120 };
	int fd = socket(family, SOCK_SEQPACKET, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		die("socket");
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)))
		die("bind");
	return fd;
}

static void sockets(int family, int n)
{
	int *fd = calloc(n, sizeof(*fd)), i;
	struct memory *before;

	enter("a");
	close(bound(family, 0x0a090001, 0));
	before = measure();
	for (i = 0; i < n; i++)
		fd[i] = bound(family, 0x0a090001, 0);
	report("socket", family, n, before);
	for (i = 0; i < n; i++)
		close(fd[i]);
	free(fd);
}

static void send_and_receive(int from, int to, uint32_t host)
{
	struct sockaddr_in sin = address(host, PORT);
	char text[64] = "idle from now on";

	if (sendto(from, text, sizeof(text), 0, (struct sockaddr *)&sin, sizeof(sin)) !=
	    sizeof(text))
		die("sendto");
	if (recv(to, text, sizeof(text), 0) != sizeof(text))
		die("recv");
}

/* The sockets are there before, and what the first connection brings with it. */
static void connections(int family, int n)
{
	int *to = calloc(n + 1, sizeof(*to)), from, i;
	struct memory *before;

	enter("b");
	for (i = 0; i <= n; i++)
		to[i] = bound(family, 0x0a090101 + i, PORT);
	enter("a");
	from = bound(family, 0x0a090001, 0);
	send_and_receive(from, to[n], 0x0a090101 + n);
	before = measure();
	for (i = 0; i < n; i++)
		send_and_receive(from, to[i], 0x0a090101 + i);
	report("connection", family, n, before);
	for (i = 0; i <= n; i++)
		close(to[i]);
	close(from);
	free(to);
}

int main(int argc, char **argv)
{
	struct rlimit many = { 65536, 65536 };
	int family, n, peers;

	if (argc != 4)
		return fprintf(stderr, "rdsz-idle FAMILY SOCKETS PEERS\n"), 2;
	family = atoi(argv[1]);
	n = atoi(argv[2]);
	peers = atoi(argv[3]);
	if (setrlimit(RLIMIT_NOFILE, &many))
		die("RLIMIT_NOFILE");
	if (n > 0)
		sockets(family, n);
	if (peers > 1)
		connections(family, peers - 1);
	return 0;
}
