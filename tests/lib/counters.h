/* SPDX-License-Identifier: GPL-2.0 */
/* Statistics of one namespace, read from /proc/net/rds_zc/stats and compared as deltas. */
#ifndef TESTS_COUNTERS_H
#define TESTS_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deadline.h"
#include "netns.h"

#define COUNTERS_MAX 256
#define COUNTER_NAME_SIZE 64

/* The names that tools know, those of in-tree 7.x, in the order in which they know them. */
#define COUNTERS_IN_TREE 42
extern const char *const counters_in_tree[COUNTERS_IN_TREE];

struct counter {
	char name[COUNTER_NAME_SIZE];
	uint64_t value;
};

struct counters {
	size_t count;
	struct counter list[COUNTERS_MAX];
};

int counters_read(const struct netns *ns, struct counters *counters);

/* The same through a socket (RDS_INFO_COUNTERS), of whatever has that family. */
int counters_of_socket(int fd, struct counters *counters);

/* False when there is no counter of that name. */
bool counters_find(const struct counters *counters, const char *name, uint64_t *value);

/* The present value of one counter; a missing name fails the test. */
uint64_t counter_now(const struct netns *ns, const char *name);

/* How many segments the TCP of a namespace has sent again. */
uint64_t tcp_sent_again(const struct netns *ns);

/* How far a counter has moved since a snapshot; a missing name fails the test. */
uint64_t counter_moved(const struct netns *ns, const struct counters *since, const char *name);

/* Waits until the counter has moved by at least this much. */
bool counter_wait(const struct netns *ns, const struct counters *since, const char *name,
		  uint64_t by, struct deadline deadline);

#endif
