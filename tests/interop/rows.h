/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the rows of the interop checklist share: a pair of sockets, ours and one of the in-tree
 * peer's, and streams to it.
 */
#ifndef TESTS_ROWS_H
#define TESTS_ROWS_H

#include "counters.h"
#include "remote.h"
#include "role.h"

#define ROWS_LIMIT_MS 60000

#define ROWS_ROLES 2
extern const struct role rows_roles[ROWS_ROLES];

/* Taken when a pair is opened. */
extern struct counters rows_before;

/* Of the role that is the state. */
void open_pair(struct pair *pair, void **state);

/* Since then, in the namespace of the program. */
uint64_t moved(const char *counter);

/* Until all is with our kernel. */
void flow_there_start(struct pair *pair, const struct flow *flow);

/* Until all is with them, and nothing comes behind it. */
void flow_there_end(struct pair *pair, const struct flow *flow);

void flow_there(struct pair *pair, const struct flow *flow);

/* A few messages each way: all is well. */
void assert_settled(struct pair *pair, uint32_t seed);

#endif
