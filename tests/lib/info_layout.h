/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The sizes of the records of RDS_INFO_* that stock tools are built with: what the packed structs
 * of the header say has to be what is written down.
 */
#ifndef TESTS_INFO_LAYOUT_H
#define TESTS_INFO_LAYOUT_H

#include <linux/rds.h>

_Static_assert(sizeof(struct rds_info_counter) == 40, "counter");
_Static_assert(sizeof(struct rds_info_connection) == 42, "connection");
_Static_assert(sizeof(struct rds6_info_connection) == 65, "connection6");
_Static_assert(sizeof(struct rds_info_message) == 26, "message");
_Static_assert(sizeof(struct rds6_info_message) == 50, "message6");
_Static_assert(sizeof(struct rds_info_socket) == 28, "socket");
_Static_assert(sizeof(struct rds6_info_socket) == 52, "socket6");
_Static_assert(sizeof(struct rds_info_tcp_socket) == 41, "tcp");
_Static_assert(sizeof(struct rds6_info_tcp_socket) == 64, "tcp6");

#endif
