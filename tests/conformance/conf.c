// SPDX-License-Identifier: GPL-2.0
/* What the rows share. */
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <linux/rds_zc.h>
#include <linux/sockios.h>

#include "conf.h"
#include "cred.h"
#include "diag.h"
#include "link.h"
#include "module.h"
#include "reap.h"

bool in_tree(void)
{
	int error = errno;
	bool answer = getenv("RDSZ_FAMILY") && !module_loaded();

	errno = error;
	return answer;
}

bool in_tree_before(unsigned int major, unsigned int minor)
{
	return in_tree() && kernel_before(major, minor);
}

bool in_tree_stable_before(unsigned int major, unsigned int minor, unsigned int stable)
{
	unsigned int is_major = 0, is_minor = 0, is_stable = 0;
	struct utsname name;
	const char *debian;

	if (!in_tree() || uname(&name))
		return false;
	debian = strstr(name.version, "Debian ");
	if (!debian || sscanf(debian, "Debian %u.%u.%u", &is_major, &is_minor, &is_stable) != 3)
		return in_tree_before(major, minor + 1);
	return is_major == major && is_minor == minor && is_stable < stable;
}

static const char *told(long value, int error, char *space, size_t size)
{
	if (value == -1 && error)
		return strerrorname_np(error) ? strerrorname_np(error) : "an unknown errno";
	snprintf(space, size, "%ld", value);
	return space;
}

void conf_answer(long got, int error, long want, int want_error, const char *call,
		 const char *file, int line)
{
	bool right = got == want;
	char a[32], b[32];

	if (want_error)
		right = got == -1 && error == want_error;
	else if (want == -1)
		right = got >= 0;
	if (right)
		return;
	print_error("%s: got %s, expected %s (%s)\n", call, told(got, error, a, sizeof(a)),
		       want == -1 && !want_error ? "success" :
		       told(want, want_error, b, sizeof(b)), EITHER("ours", "in-tree"));
	_fail(file, line);
}

/* ---- scenery ---- */

void conf_add_v6(struct topology *topology)
{
	assert_int_equal(link_add_address(&topology->ns[0], "w0", "fd77:1::1", 64), 0);
	assert_int_equal(link_add_address(&topology->ns[1], "w0", "fd77:1::2", 64), 0);
	assert_int_equal(link_add_address(&topology->ns[0], "w0", "fe80::77:1", 64), 0);
	assert_int_equal(link_add_address(&topology->ns[1], "w0", "fe80::77:2", 64), 0);
}

union rds_addr conf_link_local(const struct topology *topology, int which, uint16_t port)
{
	union rds_addr addr = rds_addr(which == 1 ? "fe80::77:1" : "fe80::77:2", port);

	addr.in6.sin6_scope_id = (uint32_t)link_index(&topology->ns[0], "w0");
	return addr;
}

int conf_socket(struct topology *topology, const struct netns *ns)
{
	int fd = netns_in(ns, rds_socket());

	if (fd < 0)
		fail_msg("no socket: %s", strerror(errno));
	assert_true(topology->open_count < ARRAY_SIZE(topology->open));
	topology->open[topology->open_count++] = fd;
	return fd;
}

#define LANES 8

/* All of them are there, and have been for a while. */
static void wait_lanes(const struct netns *ns)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	int quiet = 0;

	while (quiet < 5 && !deadline_over(&deadline)) {
		quiet = diag_count(ns, RDS_TCP_PORT) == LANES ? quiet + 1 : 0;
		usleep(20000);
	}
}

/* POLLIN alone says nothing in-tree. */
static bool wait_pong(int fd)
{
	struct deadline deadline = deadline_in(500);

	while (rds_recv(fd, NULL, 0, NULL, MSG_DONTWAIT) < 0) {
		if (deadline_over(&deadline))
			return false;
		deadline_step();
	}
	return true;
}

struct ends conf_ends(void **state)
{
	struct ends ends = ends_open(state);
	union rds_addr ping = rds_addr_port(&ends.far, 0);
	int tries;

	if (!in_tree() || ends.topology->variant->wire != WIRE_VETH)
		return ends;
	for (tries = 0; tries < 10; tries++) {
		assert_int_equal(rds_send(ends.tx, NULL, 0, &ping, MSG_DONTWAIT), 0);
		if (wait_pong(ends.tx))
			break;
	}
	wait_lanes(&ends.topology->ns[0]);
	while (rds_recv(ends.tx, NULL, 0, NULL, MSG_DONTWAIT) == 0)
		continue;
	return ends;
}

/* In-tree's first receive returns 0 once in some thousand times, with the message still to come. */
static void receive_first(int fd, uint32_t seed, const union rds_addr *from)
{
	char byte;

	if (in_tree() && !rds_recv(fd, &byte, 1, NULL, MSG_PEEK))
		print_message("# in-tree: 0 bytes before a message\n");
	receive_pattern(fd, 10, seed, from);
}

struct ends conf_ends_talked(void **state)
{
	struct ends ends = conf_ends(state);

	send_pattern(ends.tx, 10, 1, &ends.far);
	receive_first(ends.rx, 1, &ends.near);
	send_pattern(ends.rx, 10, 2, &ends.near);
	receive_first(ends.tx, 2, &ends.far);
	conf_wait_drained(ends.tx);
	conf_wait_drained(ends.rx);
	return ends;
}

struct ends conf_ends_cut(void **state)
{
	struct ends ends = conf_ends_talked(state);

	topology_link(ends.topology, 0, false);
	return ends;
}

/* Sysctls of netns_here() that this test has written, and what was in them. */
static struct change {
	char path[128], old[64];
} changes[8];
static size_t changes_count;

static void remember(const char *full, int fd)
{
	struct change *change = &changes[changes_count];
	size_t i;

	for (i = 0; i < changes_count; i++)
		if (!strcmp(changes[i].path, full))
			return;
	assert_true(changes_count < ARRAY_SIZE(changes));
	memset(change, 0, sizeof(*change));
	assert_true(strlen(full) < sizeof(change->path));
	strcpy(change->path, full);
	if (pread(fd, change->old, sizeof(change->old) - 1, 0) > 0)
		changes_count++;
}

/* The last one first. */
void conf_put_back(void)
{
	bool raised = cred_raise();
	int fd;

	while (changes_count) {
		const struct change *change = &changes[--changes_count];

		fd = open(change->path, O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, change->old, strlen(change->old)) < 0)
			perror(change->path);
		if (fd >= 0)
			close(fd);
	}
	cred_lower(raised);
}

int conf_sysctl(const struct netns *ns, const char *path, long value)
{
	bool raised = cred_raise();
	char full[160], text[32];
	int error = 0, fd;

	snprintf(full, sizeof(full), "/proc/sys/%s", path);
	snprintf(text, sizeof(text), "%ld\n", value);
	assert_int_equal(netns_enter(ns), 0);
	fd = open(full, O_RDWR | O_CLOEXEC);
	if (fd >= 0 && ns == netns_here())
		remember(full, fd);
	if (fd < 0 || pwrite(fd, text, strlen(text), 0) < 0)
		error = errno;
	if (fd >= 0)
		close(fd);
	assert_int_equal(netns_home(), 0);
	cred_lower(raised);
	errno = error;
	return error ? -1 : 0;
}

uint64_t conf_counter(int fd, const char *name)
{
	struct info info = info_read(fd, RDS_INFO_COUNTERS);
	struct rds_info_counter counter;
	size_t i;

	for (i = 0; i < info.count; i++) {
		memcpy(&counter, info_record(&info, i), sizeof(counter));
		if (!strcmp((char *)counter.name, name)) {
			info_free(&info);
			return counter.value;
		}
	}
	fail_msg("no counter %s", name);
	return 0;
}

/* Bytes in the list that are from an address and port. */
static long listed_bytes(int fd, int option, const union rds_addr *local)
{
	struct info info = info_read(fd, option);
	struct rds6_info_message message;
	long bytes = 0;
	size_t i;

	for (i = 0; i < info.count; i++) {
		memcpy(&message, info_record(&info, i), sizeof(message));
		if (message.lport == local->in.sin_port)
			bytes += message.len;
	}
	info_free(&info);
	return bytes;
}

long conf_unacknowledged(int fd)
{
	socklen_t length = sizeof(union rds_addr);
	union rds_addr local;
	int bytes;

	if (!in_tree()) {
		assert_int_equal(ioctl(fd, SIOCOUTQ, &bytes), 0);
		return bytes;
	}
	assert_int_equal(getsockname(fd, &local.sa, &length), 0);
	return listed_bytes(fd, RDS6_INFO_SEND_MESSAGES, &local) +
	       listed_bytes(fd, RDS6_INFO_RETRANS_MESSAGES, &local);
}

void conf_wait_drained(int fd)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	while (conf_unacknowledged(fd)) {
		if (deadline_over(&deadline))
			fail_msg("%ld bytes are still not acknowledged", conf_unacknowledged(fd));
		deadline_step();
	}
}

/* ---- messages with control data ---- */

void control_add(struct control *control, int level, int type, const void *data, size_t length)
{
	struct cmsghdr *cmsg = (struct cmsghdr *)(control->space + control->used);

	assert_true(control->used + CMSG_SPACE(length) <= sizeof(control->space));
	memset(cmsg, 0, CMSG_SPACE(length));
	cmsg->cmsg_level = level;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(length);
	if (length)
		memcpy(CMSG_DATA(cmsg), data, length);
	control->used += CMSG_SPACE(length);
}

void control_add_cookie(struct control *control, uint32_t cookie)
{
	control_add(control, SOL_RDS, RDS_CMSG_ZCOPY_COOKIE, &cookie, sizeof(cookie));
}

ssize_t control_send(int fd, const void *buffer, size_t length, const union rds_addr *to,
		     const struct control *control, int flags)
{
	struct iovec iov = { .iov_base = (void *)buffer, .iov_len = length };
	struct msghdr message = {
		.msg_name = (void *)to,
		.msg_namelen = to ? rds_addr_len(to) : 0,
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control ? (void *)control->space : NULL,
		.msg_controllen = control ? control->used : 0,
	};

	return sendmsg(fd, &message, flags);
}

struct got get(int fd, void *buffer, size_t room, size_t control_room, int flags)
{
	struct got got = { 0 };
	struct iovec iov = { .iov_base = buffer, .iov_len = room };
	struct msghdr message = {
		.msg_name = &got.from,
		.msg_namelen = sizeof(got.from),
		.msg_iov = &iov,
		.msg_iovlen = buffer ? 1 : 0,
		.msg_control = control_room ? got.control.space : NULL,
		.msg_controllen = control_room,
	};

	got.bytes = recvmsg(fd, &message, flags);
	got.flags = message.msg_flags;
	got.name_length = message.msg_namelen;
	got.control.used = got.bytes < 0 ? 0 : message.msg_controllen;
	return got;
}

static struct cmsghdr *next_cmsg(struct got *got, struct cmsghdr *cmsg)
{
	struct msghdr message = {
		.msg_control = got->control.space,
		.msg_controllen = got->control.used,
	};

	return cmsg ? CMSG_NXTHDR(&message, cmsg) : CMSG_FIRSTHDR(&message);
}

struct cmsghdr *got_cmsg(struct got *got, int level, int type)
{
	struct cmsghdr *cmsg = next_cmsg(got, NULL);

	while (cmsg && (cmsg->cmsg_level != level || cmsg->cmsg_type != type))
		cmsg = next_cmsg(got, cmsg);
	return cmsg;
}

unsigned int got_cmsgs(struct got *got)
{
	struct cmsghdr *cmsg = NULL;
	unsigned int count = 0;

	while ((cmsg = next_cmsg(got, cmsg)))
		count++;
	return count;
}

/* ---- info lists ---- */

struct info info_read(int fd, int option)
{
	struct info info = { 0 };
	socklen_t length = 0;
	int each, tries;

	for (tries = 0; tries < 20; tries++) {
		errno = 0;
		each = getsockopt(fd, SOL_RDS, option, info.data, &length);
		if (each > 0) {
			info.each = (size_t)each;
			info.bytes = length;
			info.count = length / (size_t)each;
			assert_int_equal(length % (size_t)each, 0);
			return info;
		}
		if (each != -1 || errno != ENOSPC)
			break;
		info.data = realloc(info.data, length);
		assert_non_null(info.data);
	}
	fail_msg("info list %d: %s", option, errno ? strerror(errno) : "returned 0");
	return info;
}

void info_free(struct info *info)
{
	free(info->data);
	info->data = NULL;
	info->count = 0;
}

void *info_record(const struct info *info, size_t index)
{
	return info->data + index * info->each;
}

/* ---- zerocopy ---- */

void conf_zerocopy(int fd, int mode)
{
	answers(rds_set(fd, SOL_SOCKET, SO_ZEROCOPY, 1), 0);
	if (in_tree())
		return;
	answers(rds_set(fd, SOL_RDS, RDSZC_COMPLETION_MODE, mode), 0);
	answers(rds_set(fd, SOL_RDS, RDSZC_ZC_THRESHOLD, 0), 0);
}

void conf_send_zc(const struct ends *ends, const void *buffer, size_t length, uint32_t cookie)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);
	ssize_t sent = rds_send_zc(ends->tx, buffer, length, &ends->far, cookie, 0);

	while (sent < 0 && errno == ENOMEM && cred_is_nobody() && !deadline_over(&deadline)) {
		deadline_step();
		sent = rds_send_zc(ends->tx, buffer, length, &ends->far, cookie, 0);
	}
	returns(sent, length);
}

static size_t reap_cmsgs(int fd, uint32_t *list, size_t want, struct deadline deadline)
{
	uint32_t found[RDS_MAX_ZCOOKIES];
	struct reap_cmsg reap;
	size_t count = 0;

	while (count < want) {
		reap = reap_by_cmsg(fd, NULL, 0, found, 1, MSG_DONTWAIT);
		if (reap.bytes < 0) {
			if (errno != EAGAIN || deadline_over(&deadline))
				break;
			rds_wait(fd, POLLIN, (struct deadline){ .end_ms = clock_ms() + 5 });
			continue;
		}
		assert_true(reap.well_formed);
		assert_true(count + reap.cookies <= want);
		memcpy(list + count, found, reap.cookies * sizeof(*found));
		count += reap.cookies;
	}
	return count;
}

size_t conf_reap(int fd, int mode, uint32_t *list, size_t want)
{
	struct deadline deadline = deadline_in(DEADLINE_USUAL_MS);

	if (mode == RDSZC_COMPLETION_CMSG)
		return reap_cmsgs(fd, list, want, deadline);
	return reap_until(fd, list, want, NULL, deadline);
}

void conf_no_cookie(int fd, int mode)
{
	uint32_t list[RDS_MAX_ZCOOKIES];

	if (mode == RDSZC_COMPLETION_CMSG)
		answers(reap_by_cmsg(fd, NULL, 0, list, 1, MSG_DONTWAIT).bytes, EAGAIN);
	answers(reap_errqueue(fd, list, sizeof(list), 0).bytes, EAGAIN);
}

short conf_events(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = (short)~0 };

	assert_true(poll(&pollfd, 1, 0) >= 0);
	return pollfd.revents;
}

short conf_cookie_event(int mode)
{
	return mode == RDSZC_COMPLETION_CMSG ? POLLIN : POLLERR;
}
