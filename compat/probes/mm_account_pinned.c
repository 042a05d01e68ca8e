// SPDX-License-Identifier: GPL-2.0
/*
 * mm_account_pinned - pinned pages are counted against the user with mm_account_pinned_pages().
 * Yes: 5.10, 6.1, 6.12, 7.2, 7.3.
 * Symbols: mm_account_pinned_pages mm_unaccount_pinned_pages
 */
#include <linux/skbuff.h>

int rdsz_probe(struct mmpin *mmp, size_t size)
{
	int err = mm_account_pinned_pages(mmp, size);

	if (!err)
		mm_unaccount_pinned_pages(mmp);
	return err;
}
