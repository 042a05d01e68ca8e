/* SPDX-License-Identifier: GPL-2.0 */
/* What the code under test calls in the kernel; each test program defines it, faults included. */
#ifndef TESTS_SHIM_KERNEL_H
#define TESTS_SHIM_KERNEL_H

#include <errno.h>

#include <linux/kernel.h>
#include <linux/socket.h>
#include <linux/types.h>

#define GFP_KERNEL_ACCOUNT	0
#define __GFP_NOWARN		0

size_t copy_to_iter(const void *from, size_t bytes, struct iov_iter *to);
int put_cmsg(struct msghdr *msg, int level, int type, int len, void *data);
void *kvmalloc_array(size_t n, size_t size, unsigned int gfp);
void kvfree(const void *memory);

#endif
