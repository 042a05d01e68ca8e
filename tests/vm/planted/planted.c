// SPDX-License-Identifier: GPL-2.0
/* Does at load what a test run must never overlook: "how" picks the fault. */
#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>

static char *how = "";
module_param(how, charp, 0);
MODULE_PARM_DESC(how, "warn, bug, int3, order, atomic, freed, leak, or anything else for no fault");

static DEFINE_SPINLOCK(first);
static DEFINE_SPINLOCK(second);

/* Both orders, one after the other: harmless today, a deadlock on another day. */
static void planted_order(void)
{
	spin_lock(&first);
	spin_lock(&second);
	spin_unlock(&second);
	spin_unlock(&first);

	spin_lock(&second);
	spin_lock(&first);
	spin_unlock(&first);
	spin_unlock(&second);
}

static void planted_atomic(void)
{
	spin_lock(&first);
	msleep(20);
	spin_unlock(&first);
}

static int planted_freed(void)
{
	int *number = kmalloc(sizeof(*number), GFP_KERNEL);

	kfree(number);
	return number ? READ_ONCE(*number) : 0;
}

/* Several, because kmemleak takes any stale word for a pointer and may well miss a single one. */
static int planted_leak(void)
{
	int i;

	for (i = 0; i < 16; i++)
		if (!kmalloc(1000, GFP_KERNEL))
			return -ENOMEM;
	return 0;
}

static int __init planted_init(void)
{
	WARN_ON(!strcmp(how, "warn"));
	BUG_ON(!strcmp(how, "bug"));
	if (!strcmp(how, "int3"))
		asm volatile("int3");
	if (!strcmp(how, "order"))
		planted_order();
	if (!strcmp(how, "atomic"))
		planted_atomic();
	if (!strcmp(how, "freed"))
		pr_info("planted: %d\n", planted_freed());
	return strcmp(how, "leak") ? 0 : planted_leak();
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);
MODULE_DESCRIPTION("Faults for the test of the test harness");
MODULE_LICENSE("GPL");
