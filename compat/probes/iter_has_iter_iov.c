// SPDX-License-Identifier: GPL-2.0
/*
 * iter_has_iter_iov - the segments of an iterator are read with iter_iov().
 * Yes: 6.12, 7.2, 7.3. No: 5.10, 6.1.
 */
#include <linux/uio.h>

const struct iovec *rdsz_probe(const struct iov_iter *i)
{
	return iter_iov(i);
}
