// SPDX-License-Identifier: GPL-2.0
/* What zerocopy tests share. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "cred.h"
#include "reap.h"
#include "zc.h"

int zc_force(int fd)
{
	if (rds_set(fd, SOL_SOCKET, SO_ZEROCOPY, 1))
		return -1;
	return rds_set(fd, SOL_RDS, RDSZC_ZC_THRESHOLD, 0);
}

struct ends zc_ends(void **state, int buffers)
{
	struct ends ends = ends_open(state);

	assert_int_equal(zc_force(ends.tx), 0);
	assert_int_equal(rds_set_buffers(ends.tx, buffers, buffers), 0);
	assert_int_equal(rds_set_buffers(ends.rx, buffers, buffers), 0);
	return ends;
}

unsigned char *zc_buffer(size_t length)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Pages of its own: the kernel does not pin the zero page, and does not count it. */
	memset(memory, 0x11, length);
	return memory;
}

void zc_buffer_free(unsigned char *buffer, size_t length)
{
	munmap(buffer, length);
}

unsigned char *zc_half_buffer(void)
{
	unsigned char *pages = zc_buffer(8192);

	if (!pages)
		return NULL;
	memset(pages, 1, 8192);
	munmap(pages + 4096, 4096);
	return pages;
}

void zc_send(const struct ends *ends, const void *buffer, size_t length, uint32_t cookie)
{
	if (rds_send_zc(ends->tx, buffer, length, &ends->far, cookie, 0) != (ssize_t)length)
		fail_msg("zerocopy send %u of %zu bytes: %s", cookie, length, strerror(errno));
}

size_t zc_reap_exactly(int fd, uint32_t *list, size_t want)
{
	size_t copied = 0, got;
	uint32_t extra;

	got = reap_until(fd, list, want, &copied, deadline_in(DEADLINE_USUAL_MS));
	if (got != want)
		fail_msg("%zu cookies of %zu", got, want);
	if (reap_errqueue(fd, &extra, sizeof(extra), 0).bytes != -1)
		fail_msg("a cookie too many: %u", extra);
	assert_int_equal(errno, EAGAIN);
	return copied;
}

void zc_expect_none(int fd, unsigned int ms)
{
	uint32_t cookie;

	if (reap_until(fd, &cookie, 1, NULL, deadline_in(ms)))
		fail_msg("cookie %u came too early", cookie);
}

/* The numbers are kept per CPU and lag; this folds them. */
static void refresh_vmstat(void)
{
	bool raised = cred_raise();
	FILE *file = fopen("/proc/sys/vm/stat_refresh", "w");

	if (file) {
		fputs("1\n", file);
		fclose(file);
	}
	cred_lower(raised);
}

long zc_pinned_pages(void)
{
	long pinned = 0, value;
	char name[64];
	FILE *file;

	refresh_vmstat();
	file = fopen("/proc/vmstat", "r");
	if (!file)
		return -1;
	while (fscanf(file, "%63s %ld", name, &value) == 2) {
		if (!strcmp(name, "nr_foll_pin_acquired"))
			pinned += value;
		else if (!strcmp(name, "nr_foll_pin_released"))
			pinned -= value;
	}
	fclose(file);
	return pinned;
}

int zc_wait_unpinned(long left, struct deadline deadline)
{
	long pinned;

	while ((pinned = zc_pinned_pages()) > left || pinned < 0) {
		if (deadline_over(&deadline))
			return -1;
		deadline_step();
	}
	return 0;
}
