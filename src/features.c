// SPDX-License-Identifier: GPL-2.0
/*
 * features.c - /sys/module/rds_zc/features: a file for each bit of RDSZC_FEATURES.
 *
 * So that scripts can ask without a socket. Each says "supported", as the features of file systems
 * do.
 */
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sysfs.h>

#include "rdsz.h"

static ssize_t rdsz_feature_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "supported\n");
}

#define RDSZ_FEATURE(_name) \
	static struct kobj_attribute rdsz_feature_##_name = \
		__ATTR(_name, 0444, rdsz_feature_show, NULL)

RDSZ_FEATURE(errqueue);
RDSZ_FEATURE(completion_mode);
RDSZ_FEATURE(zc_threshold);
RDSZ_FEATURE(peer_error);

static const struct attribute *rdsz_features[] = {
	&rdsz_feature_errqueue.attr,
	&rdsz_feature_completion_mode.attr,
	&rdsz_feature_zc_threshold.attr,
	&rdsz_feature_peer_error.attr,
	NULL
};

static struct kobject *rdsz_features_dir;

int rdsz_features_init(void)
{
	int err;

	/* One file a bit: who adds one must add the other. */
	BUILD_BUG_ON(ARRAY_SIZE(rdsz_features) - 1 != hweight64(RDSZC_FEATURES_ALL));
	rdsz_features_dir = kobject_create_and_add("features", &THIS_MODULE->mkobj.kobj);
	if (!rdsz_features_dir)
		return -ENOMEM;
	err = sysfs_create_files(rdsz_features_dir, rdsz_features);
	if (err)
		rdsz_features_exit();
	return err;
}

void rdsz_features_exit(void)
{
	kobject_put(rdsz_features_dir);
}
