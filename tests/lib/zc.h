/* SPDX-License-Identifier: GPL-2.0 */
/* Sockets that send by zerocopy, page-aligned buffers, and the number of pages pinned. */
#ifndef TESTS_ZC_H
#define TESTS_ZC_H

#include <stddef.h>
#include <stdint.h>

#include "deadline.h"
#include "ends.h"

#include <linux/rds_zc.h>

/* SO_ZEROCOPY on, threshold 0: every zerocopy send goes by the user's pages. */
int zc_force(int fd);

/* ends_open() with a forced sender and buffers of this many bytes both ways. */
struct ends zc_ends(void **state, int buffers);

/* Anonymous memory of its own mapping; NULL when there is none. */
unsigned char *zc_buffer(size_t length);
void zc_buffer_free(unsigned char *buffer, size_t length);

/* Two pages, the second of which cannot be touched; free with munmap(.., 4096). */
unsigned char *zc_half_buffer(void);

/* One message sent by zerocopy; a refusal fails the test. */
void zc_send(const struct ends *ends, const void *buffer, size_t length, uint32_t cookie);

/* Exactly `want` cookies within the usual time, and no more. Returns how many were "copied". */
size_t zc_reap_exactly(int fd, uint32_t *list, size_t want);

/* No cookie comes for this long. */
void zc_expect_none(int fd, unsigned int ms);

/* Pages pinned in the whole machine by pin_user_pages(), from /proc/vmstat. */
long zc_pinned_pages(void);
int zc_wait_unpinned(long left, struct deadline deadline);

#endif
