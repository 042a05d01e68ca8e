// SPDX-License-Identifier: GPL-2.0
/*
 * pin_account.c - counts pinned user pages against RLIMIT_MEMLOCK, in one of two ways.
 */
#include <linux/capability.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "pin_account.h"

#if RDSZ_PIN_ACCOUNT_BY_USER

/**
 * rdsz_pin_charge() - charge the current task's user for pages that are about to be pinned
 * @c: filled in; what it held before is overwritten
 * @bytes: the core counts as many pages as they fill, and two for the ends
 *
 * A user with CAP_IPC_LOCK is not charged.
 *
 * Context: process, may sleep.
 * Return: 0, or -ENOMEM: RLIMIT_MEMLOCK, nothing was charged. (The core says ENOBUFS, which in RDS
 *	means a congested destination and nothing else.)
 */
int rdsz_pin_charge(struct rdsz_pin_charge *c, size_t bytes)
{
	memset(c, 0, sizeof(*c));
	return mm_account_pinned_pages(&c->mmp, bytes) ? -ENOMEM : 0;
}

/**
 * rdsz_pin_uncharge() - give the charge back
 * @c: charge, or nothing; is nothing afterwards, so a second call does no harm
 *
 * Context: any up to softirq.
 */
void rdsz_pin_uncharge(struct rdsz_pin_charge *c)
{
	mm_unaccount_pinned_pages(&c->mmp);
	c->mmp.user = NULL;
}

/**
 * rdsz_pin_account_flush() - wait for charges that are being given back
 *
 * Context: process, may sleep. Module exit calls it after the last rdsz_pin_uncharge().
 */
void rdsz_pin_account_flush(void)
{
}

#else

/*
 * account_locked_vm() sleeps on the lock of the address space, and charges end in softirq. So what
 * is given back goes over a list to a work item. It was allocated at charge time: giving back
 * cannot fail. A charge that fails looks whether something is on that list, for its user was told
 * already that the buffer is free again.
 */
struct rdsz_pin_debt {
	struct llist_node	node;
	struct mm_struct	*mm;	/* the struct is held, not the address space in it */
	unsigned long		pages;
};

static void rdsz_pin_settle(struct work_struct *work);

static LLIST_HEAD(rdsz_pin_returned);
static DECLARE_WORK(rdsz_pin_settle_work, rdsz_pin_settle);

static void rdsz_pin_settle(struct work_struct *work)
{
	struct llist_node *all = llist_del_all(&rdsz_pin_returned);
	struct rdsz_pin_debt *debt, *next;

	llist_for_each_entry_safe(debt, next, all, node) {
		account_locked_vm(debt->mm, debt->pages, false);
		mmdrop(debt->mm);
		kfree(debt);
	}
}

static int rdsz_pin_account(struct mm_struct *mm, unsigned long pages)
{
	if (!account_locked_vm(mm, pages, true))
		return 0;
	flush_work(&rdsz_pin_settle_work);
	return account_locked_vm(mm, pages, true);
}

int rdsz_pin_charge(struct rdsz_pin_charge *c, size_t bytes)
{
	struct rdsz_pin_debt *debt;

	c->debt = NULL;
	if (capable(CAP_IPC_LOCK) || !bytes || !current->mm)
		return 0;
	debt = kmalloc(sizeof(*debt), GFP_KERNEL_ACCOUNT);
	if (!debt)
		return -ENOMEM;
	debt->pages = (bytes >> PAGE_SHIFT) + 2;	/* as the core counts: the worst case */
	debt->mm = current->mm;
	if (rdsz_pin_account(debt->mm, debt->pages)) {
		kfree(debt);
		return -ENOMEM;
	}
	mmgrab(debt->mm);
	c->debt = debt;
	return 0;
}

void rdsz_pin_uncharge(struct rdsz_pin_charge *c)
{
	if (!c->debt)
		return;
	llist_add(&c->debt->node, &rdsz_pin_returned);
	c->debt = NULL;
	schedule_work(&rdsz_pin_settle_work);
}

void rdsz_pin_account_flush(void)
{
	flush_work(&rdsz_pin_settle_work);
}

#endif /* RDSZ_PIN_ACCOUNT_BY_USER */
