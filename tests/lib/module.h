/* SPDX-License-Identifier: GPL-2.0 */
/* Loading and unloading rds_zc.ko, in a test of nobody too; and the kernel it is loaded into. */
#ifndef TESTS_MODULE_H
#define TESTS_MODULE_H

#include <stdbool.h>

/* finit_module() of $RDSZ_MODULE (/rds_zc.ko); parameters as on an insmod line. */
int module_load(const char *parameters);

/* delete_module() without waiting: EBUSY while sockets are open. */
int module_unload(void);

/* The same, tried again until the deadline. */
int module_unload_within(unsigned int ms);

bool module_loaded(void);

/*
 * Loads it unless it is there, for programs that test something else. With $RDSZ_FAMILY set the
 * programs run against whatever has that family, such as in-tree RDS.
 */
int module_need(void);

/* The family number of the loaded module ($RDSZ_FAMILY wins), -1 when unknown. */
int module_family(void);

/* The first line of /sys/module/rds_zc/parameters/NAME as a number; fallback if absent. */
long module_parameter(const char *name, long fallback);

/*
 * Whoever passes the module's trace event of that name writes down where it comes from, which takes
 * it so long that others come in between. -1: no such event.
 */
int module_dawdle(const char *event, bool on);

/* Is the running kernel older than this? */
bool kernel_before(unsigned int major, unsigned int minor);

/* True if the text stands anywhere in the kernel's log. */
bool kernel_log_says(const char *text);

#endif
