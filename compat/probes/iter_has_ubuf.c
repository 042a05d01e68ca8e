// SPDX-License-Identifier: GPL-2.0
/*
 * iter_has_ubuf - an iterator may be one plain user buffer.
 * Yes: 6.1, 6.12, 7.2, 7.3. No: 5.10.
 */
#include <linux/uio.h>

void __user *rdsz_probe(const struct iov_iter *i)
{
	return user_backed_iter(i) && iter_is_ubuf(i) ? i->ubuf : NULL;
}
