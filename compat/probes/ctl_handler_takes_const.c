// SPDX-License-Identifier: GPL-2.0
/*
 * ctl_handler_takes_const - a sysctl handler gets a const table.
 * Yes: 6.12, 7.2, 7.3. No: 5.10, 6.1.
 */
#include <linux/sysctl.h>

int rdsz_probe_handler(const struct ctl_table *t, int write, void *buf, size_t *len, loff_t *pos);

const struct ctl_table rdsz_probe = { .proc_handler = rdsz_probe_handler };
