/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_SHIM_LINUX_TYPES_H
#define TESTS_SHIM_LINUX_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

typedef __u8 u8;
typedef __u32 u32;

#endif
