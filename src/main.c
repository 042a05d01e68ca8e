// SPDX-License-Identifier: GPL-2.0
/*
 * main.c - loads and unloads the module.
 */
#define pr_fmt(fmt) "rds_zc: " fmt

#include <linux/module.h>

#include "pin_account.h"
#include "rdsz.h"
#include "tcp_zc.h"

static int family = RDSZC_FAMILY_DEFAULT;
module_param(family, int, 0444);
MODULE_PARM_DESC(family, "protocol family number that socket() takes (default 18)");

static bool af_rds_compat;
module_param(af_rds_compat, bool, 0444);
MODULE_PARM_DESC(af_rds_compat,
		 "new sockets behave as AF_RDS programs know it (default: only with family=21)");

/*
 * Runs the state machines, the transmit runs that may not sleep where they are needed, and the
 * rest.
 */
struct workqueue_struct *rdsz_wq;

static void rdsz_base_exit(void)
{
	destroy_workqueue(rdsz_wq);
	rdsz_tcp_exit();
	rdsz_lanes_exit();
	rdsz_conn_exit();
}

/* What all namespaces share. */
static int __init rdsz_base_init(void)
{
	int err;

	err = rdsz_conn_init();
	if (err)
		return err;
	err = rdsz_lanes_init();
	if (err)
		goto err_conn;
	err = rdsz_tcp_init();
	if (err)
		goto err_lanes;
	rdsz_wq = alloc_workqueue("rds_zc", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!rdsz_wq)
		goto err_tcp;
	return 0;

err_tcp:
	err = -ENOMEM;
	rdsz_tcp_exit();
err_lanes:
	rdsz_lanes_exit();
err_conn:
	rdsz_conn_exit();
	return err;
}

static int __init rdsz_init(void)
{
	int err;

	err = rdsz_base_init();
	if (err)
		return err;
	if (family == PF_RDS || !rdsz_af_rds_taken())
		rdsz_sysctl_publish(family);
	err = rdsz_netns_init();
	if (err)
		goto err_base;
	err = rdsz_nl_init();
	if (err)
		goto err_netns;
	err = rdsz_address_init();
	if (err)
		goto err_nl;
	err = rdsz_features_init();
	if (err)
		goto err_address;
	/* Last, for from then on there may be sockets, and nothing may fail. */
	err = rdsz_af_init(family, af_rds_compat || family == PF_RDS);
	if (err)
		goto err_features;
	return 0;

err_features:
	rdsz_features_exit();
err_address:
	rdsz_address_exit();
err_nl:
	rdsz_nl_exit();
err_netns:
	rdsz_netns_exit();
err_base:
	rdsz_base_exit();
	return err;
}

/*
 * No socket is open here: each holds a reference on the module. What can still run is TCP's use of
 * the pages we lent it; its callbacks live in this module, so wait for the last of them.
 */
static void __exit rdsz_exit(void)
{
	rdsz_af_exit();
	rdsz_features_exit();
	rdsz_address_exit();
	rdsz_nl_exit();
	rdsz_netns_exit();
	rdsz_zc_wait_idle();
	rdsz_base_exit();
	rdsz_pin_account_flush();
}

module_init(rdsz_init);
module_exit(rdsz_exit);

MODULE_AUTHOR("The rds_zc authors");
MODULE_DESCRIPTION("Reliable Datagram Sockets over TCP with zerocopy");
MODULE_LICENSE("GPL");
MODULE_VERSION(RDSZ_VERSION);
