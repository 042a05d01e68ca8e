/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rows of the conformance checklist: each is one test, which says what ours must do and, where
 * that differs, what in-tree RDS does. The same program runs against both.
 */
#ifndef TESTS_CONFORMANCE_CONF_H
#define TESTS_CONFORMANCE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "array.h"
#include "deadline.h"
#include "ends.h"
#include "interrupt.h"
#include "module.h"
#include "rds.h"
#include "suite.h"
#include "topology.h"

/* ---- which of the two is under test ---- */

/* In-tree RDS, the oracle: a family number was given, and rds_zc is not loaded. */
bool in_tree(void);

/* In-tree RDS of a kernel older than this; that of any RDS is kernel_before(). */
bool in_tree_before(unsigned int major, unsigned int minor);

/* In-tree RDS of this line, of an older stable version than this, as Debian's kernels tell it. */
bool in_tree_stable_before(unsigned int major, unsigned int minor, unsigned int stable);

#define EITHER(ours, oracle) (in_tree() ? (oracle) : (ours))

/* ---- expectations that tell what came instead ---- */

void conf_answer(long got, int error, long want, int want_error, const char *call,
		 const char *file, int line);

/* The call succeeds where error is 0, else it returns -1 with that errno. */
#define answers(call, error)						\
do {									\
	long answer_got;						\
	int answer_errno;						\
									\
	errno = 0;							\
	answer_got = (long)(call);					\
	answer_errno = errno;						\
	conf_answer(answer_got, answer_errno, -1, error, #call,		\
		    __FILE__, __LINE__);				\
} while (0)

/* The call returns this. */
#define returns(call, value)					\
do {									\
	long answer_got;						\
	int answer_errno;						\
									\
	errno = 0;							\
	answer_got = (long)(call);					\
	answer_errno = errno;						\
	conf_answer(answer_got, answer_errno, value, 0, #call,		\
		    __FILE__, __LINE__);				\
} while (0)

/* ---- rows ---- */

enum stage {
	STAGE_NONE,	/* no namespace, no addresses */
	STAGE_WIRE,	/* A and B */
	STAGE_COOKIES,	/* A and B, once in completion mode 2 and, ours, once in mode 0 */
	STAGE_THREE,	/* A with two peers */
	STAGE_LOCAL,	/* two addresses of one namespace, both completion modes */
};

struct row {
	const char *name;
	CMUnitTestFunction function;
	enum stage stage;
};

#define ROW(stage, function) { #function, function, stage }

#define SUBJECTS 12

/* Each ends with a NULL name. */
extern const struct row rows_socket[], rows_name[], rows_send[], rows_control[], rows_zerocopy[],
	rows_receive[], rows_poll[], rows_option[], rows_info[], rows_more[],
	rows_core[], rows_uring[];

/* The completion mode of a test of STAGE_COOKIES or STAGE_LOCAL: 0 or 2. */
int conf_mode(const struct topology *topology);

/* ---- scenery ---- */

/* IPv6 addresses beside the IPv4 ones: fd77:1::1 and fe80::77:1 on A, ...2 on B. */
void conf_add_v6(struct topology *topology);

/* A link-local address of A (1) or B (2), with the scope of A's end of the wire. */
union rds_addr conf_link_local(const struct topology *topology, int which, uint16_t port);

/* A socket in a namespace that teardown closes, not bound. */
int conf_socket(struct topology *topology, const struct netns *ns);

/*
 * As ends_open(); in-tree, after the first contact: there, what is sent while the lanes open may be
 * lost with one that the peer refuses.
 */
struct ends conf_ends(void **state);

/* Both ends have talked, and nothing is on its way any more. */
struct ends conf_ends_talked(void **state);

/* The same, and then nothing that A sends is ever acknowledged. */
struct ends conf_ends_cut(void **state);

/*
 * A sysctl by its path below /proc/sys, as seen in a namespace; -1 with errno. The end of the test
 * puts back what it was in netns_here(), which all tests are in.
 */
int conf_sysctl(const struct netns *ns, const char *path, long value);
void conf_put_back(void);

/* One of the counters that both have, from any socket of the namespace. */
uint64_t conf_counter(int fd, const char *name);

/* Payload bytes of a socket that its peer has not acknowledged. */
long conf_unacknowledged(int fd);
void conf_wait_drained(int fd);

/* ---- messages with control data ---- */

struct control {
	size_t used;
	union {
		char space[2048];
		struct cmsghdr align;
	};
};

void control_add(struct control *control, int level, int type, const void *data, size_t length);
void control_add_cookie(struct control *control, uint32_t cookie);

/* Sends this many bytes; NULL control sends none. */
ssize_t control_send(int fd, const void *buffer, size_t length, const union rds_addr *to,
		     const struct control *control, int flags);

struct got {
	ssize_t bytes;
	int flags;
	socklen_t name_length;
	union rds_addr from;
	struct control control;
};

/* One recvmsg with that much room for data and for control data. */
struct got get(int fd, void *buffer, size_t room, size_t control_room, int flags);

/* A control message of what was got, NULL when there is none. */
struct cmsghdr *got_cmsg(struct got *got, int level, int type);
unsigned int got_cmsgs(struct got *got);

/* ---- info lists ---- */

struct info {
	unsigned char *data;
	size_t each, bytes, count;
};

/* As stock tools read them: with what they have, and again after ENOSPC. */
struct info info_read(int fd, int option);
void info_free(struct info *info);
void *info_record(const struct info *info, size_t index);

/* ---- zerocopy ---- */

/* SO_ZEROCOPY, and for ours the completion mode and "always". */
void conf_zerocopy(int fd, int mode);

/*
 * Sends all of it. The RLIMIT_MEMLOCK of nobody may be one of a few messages (5.10): then it waits
 * for the earlier ones to be acknowledged.
 */
void conf_send_zc(const struct ends *ends, const void *buffer, size_t length, uint32_t cookie);

/* Takes this many cookies, in the way of the mode; returns how many came. */
size_t conf_reap(int fd, int mode, uint32_t *list, size_t want);

/* No cookie waits. */
void conf_no_cookie(int fd, int mode);

/* All that poll says now. */
short conf_events(int fd);

/* What of it is said while a cookie waits in a mode. */
short conf_cookie_event(int mode);

/* Room of one completion in a control buffer. */
#define COMPLETION_SPACE CMSG_SPACE(sizeof(struct rds_zcopy_cookies))

#endif
