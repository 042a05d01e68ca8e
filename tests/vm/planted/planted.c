// SPDX-License-Identifier: GPL-2.0
/* Does at load what a test run must never overlook: "how" picks the fault. */
#include <linux/bug.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

static char *how = "";
module_param(how, charp, 0);
MODULE_PARM_DESC(how, "warn, bug, leak, or nothing");

static int __init planted_init(void)
{
	WARN_ON(!strcmp(how, "warn"));
	BUG_ON(!strcmp(how, "bug"));
	if (!strcmp(how, "leak"))
		(void)!kmalloc(1000, GFP_KERNEL);
	return 0;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);
MODULE_DESCRIPTION("Faults for the test of the test harness");
MODULE_LICENSE("GPL");
