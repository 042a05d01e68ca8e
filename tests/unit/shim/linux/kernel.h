/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_SHIM_LINUX_KERNEL_H
#define TESTS_SHIM_LINUX_KERNEL_H

#include <limits.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))
#define min(a, b)		((a) < (b) ? (a) : (b))
#define min3(a, b, c)		min(min(a, b), c)
#define min_t(type, a, b)	min((type)(a), (type)(b))

#endif
