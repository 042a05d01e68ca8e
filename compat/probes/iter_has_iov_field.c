// SPDX-License-Identifier: GPL-2.0
/*
 * iter_has_iov_field - the segments of an iterator are i->iov.
 * Yes: 5.10, 6.1. No: 6.12, 7.2, 7.3.
 */
#include <linux/uio.h>

const struct iovec *rdsz_probe(const struct iov_iter *i)
{
	return i->iov;
}
