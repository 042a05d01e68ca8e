// SPDX-License-Identifier: GPL-2.0
/*
 * mm_account_locked_vm - account_locked_vm() counts pages against a process.
 * Yes: 5.10, 6.1, 6.12, 7.2, 7.3.
 * Symbols: account_locked_vm
 */
#include <linux/mm.h>

int rdsz_probe(struct mm_struct *mm, unsigned long pages)
{
	return account_locked_vm(mm, pages, true);
}
