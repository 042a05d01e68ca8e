/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wire_user.h - what wire.c and addr.c need when tests/unit builds them in userspace.
 */
#ifndef RDSZ_WIRE_USER_H
#define RDSZ_WIRE_USER_H

#include <assert.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <linux/types.h>
#include <sys/socket.h>

#define cpu_to_be64(x)	htobe64(x)
#define cpu_to_be32(x)	htobe32(x)

#endif /* RDSZ_WIRE_USER_H */
