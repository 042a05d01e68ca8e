/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The peer program of the second VM (tests/peer/peer.c), seen from the tests. A remote is one
 * process there with one control connection and at most one RDS socket; its end ends them all.
 */
#ifndef TESTS_REMOTE_H
#define TESTS_REMOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "filter.h"
#include "flow.h"
#include "rds.h"

#define REMOTE_PORT 7077

enum remote_command {
	REMOTE_ADDRESS,		/* gives eth0 one more address: text */
	REMOTE_OPEN,		/* a socket bound to addr; value: bytes of buffers, 0 as it is */
	REMOTE_OPTION,		/* setsockopt(level, option, value) */
	REMOTE_SEND,		/* flow to addr */
	REMOTE_TRY,		/* the first message of flow to addr, without waiting */
	REMOTE_RECEIVE,		/* flow from addr, until it is complete */
	REMOTE_TAKE,		/* the same, and more may wait */
	REMOTE_ECHO,		/* the same, and each message goes back */
	REMOTE_PROGRESS,	/* while receiving: what came so far */
	REMOTE_STOP,		/* while receiving: the flow ends at flow.count */
	REMOTE_COUNTER,		/* the counter named text; in-tree tells it by the socket */
	REMOTE_KILL,		/* kill -9 of the process value, and wait until it is gone */
	REMOTE_CLOSE,		/* closes the socket */
	REMOTE_SYSCTL,		/* writes value to /proc/sys/text */
	REMOTE_FILTER,		/* filter_set() for RDS's port: value */
	REMOTE_LOG,		/* value: does the kernel's log have text? */
	REMOTE_SHOW,		/* what the command text prints goes to the log of the run */
};

/* Both VMs run the same build, so plain structs travel. */
struct remote_request {
	uint32_t command;
	int32_t level, option, value;
	uint32_t limit_ms;	/* of what it may take, stretched already */
	char text[64];
	union rds_addr addr;
	struct flow flow;
};

struct remote_reply {
	int32_t error;			/* errno, or 0 */
	uint64_t value;			/* OPEN: the process; COUNTER */
	union rds_addr addr;		/* OPEN: as bound */
	struct flow_result result;	/* of a flow */
};

struct remote {
	int fd;
	int32_t pid;
	union rds_addr addr;
};

/* A process of its own on the peer; waits for the peer to be there. */
int remote_connect(struct remote *remote);
void remote_close(struct remote *remote);

/* A socket there; *remote gets its address. */
int remote_open(struct remote *remote, const union rds_addr *addr, int buffers);

int remote_set(struct remote *remote, int level, int option, int value);
int remote_add_address(struct remote *remote, const char *address);
int remote_counter(struct remote *remote, const char *name, uint64_t *value);

/* filter_set() there, for RDS's port. */
int remote_filter(struct remote *remote, enum filter filter);

/* Writes to a file below /proc/sys. */
int remote_sysctl(struct remote *remote, const char *name, int value);

/* Does the peer's kernel log have this text: 1, 0, or -1. */
int remote_log_has(struct remote *remote, const char *text);

/* Runs a command of the shell; it prints to the peer's log (b/results). */
int remote_show(struct remote *remote, const char *command);

/* Kills the process of another remote. */
int remote_kill(struct remote *remote, struct remote *other);

/* One message, without waiting: -1 with the errno that its sender got. */
int remote_try(struct remote *remote, const union rds_addr *to, uint32_t seed, uint32_t length);

/* A flow is started there, goes on by itself, and is waited for at its end. */
int remote_send_start(struct remote *remote, const union rds_addr *to, const struct flow *flow,
		      unsigned int limit_ms);
int remote_receive_start(struct remote *remote, const union rds_addr *from,
			 const struct flow *flow, unsigned int limit_ms);

/* The same for a part of what waits: whether it is the end is not looked at. */
int remote_take_start(struct remote *remote, const union rds_addr *from, const struct flow *flow,
		      unsigned int limit_ms);

int remote_echo_start(struct remote *remote, const union rds_addr *from, const struct flow *flow,
		      unsigned int limit_ms);
int remote_finish(struct remote *remote, struct flow_result *result);

/* For one that receives: what came so far; the number at which to end. */
int remote_progress(struct remote *remote, struct flow_result *result);
int remote_stop(struct remote *remote, uint32_t count, unsigned int limit_ms);

/*
 * Has the peer's VM killed, without a word to its kernel, and started again with what `mode` says
 * (tests/vm/run --restarts). All remotes are gone; the next remote_connect() waits for its new
 * life.
 */
void remote_restart(const char *mode);

/* ---- the two ends of a test ---- */

/* An address for eth0 of either VM that no program has used, ours the larger or the smaller one. */
void remote_fresh_addresses(struct remote *remote, bool v6, bool larger, char near[64],
			    char far[64]);

struct pair {
	struct remote remote;
	int fd;
	union rds_addr near, far;
};

/*
 * A socket on each side, on two addresses that nobody has used: so it is a new connection, and
 * `larger` says which of the two has the larger address. Fails the test when that cannot be had.
 */
void pair_open(struct pair *pair, bool v6, bool larger);

/* One more pair of sockets on the same two addresses. */
void pair_open_beside(struct pair *pair, const struct pair *first);
void pair_close(struct pair *pair);

/* Waits until the peer's TCP has acknowledged all that the near socket has sent. */
void pair_wait_acked(const struct pair *pair);

/* The far socket of a pair again, on the same address and port, after the peer was restarted. */
void pair_reopen_far(struct pair *pair);

/* Room for this many bytes of messages in a socket of a pair. */
#define PAIR_BUFFERS (64 << 20)

#endif
