/* SPDX-License-Identifier: GPL-2.0 */
/* The one macro that everybody wants. */
#ifndef TESTS_ARRAY_H
#define TESTS_ARRAY_H

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#endif
