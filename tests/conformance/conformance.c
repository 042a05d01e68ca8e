// SPDX-License-Identifier: GPL-2.0
/*
 * conformance: every row of the checklist as a test, against rds_zc or, as the oracle, against the
 * in-tree RDS of the same kernel.
 *
 *   family=N     the family number (or $RDSZ_FAMILY): 21 is in-tree RDS where rds_zc is not loaded
 *   cut=SECONDS  how long row 38 keeps the link down (10)
 *   sends=N      messages of row 61 (10000)
 *   all=1        also the rows that this kernel does not survive
 *   nobody=1     as uid 65534 without capabilities and with the default RLIMIT_MEMLOCK; only ours
 */
#include <stdlib.h>
#include <string.h>

#include "conf.h"

static const struct row *const subjects[SUBJECTS] = {
	rows_socket, rows_name, rows_send, rows_control, rows_zerocopy, rows_receive, rows_poll,
	rows_option, rows_info, rows_more, rows_core, rows_uring,
};

/*
 * Rows that in-tree RDS of some kernels does not survive: of this line, before this stable version.
 * The last is the first one known to be right, and the one before it that was looked at is wrong.
 */
static const struct {
	const char *row;
	unsigned int major, minor, stable;
	const char *why;
} left_out[] = {
	{ "row_057__half_mapped_buffer_is_efault", 5, 10, 262,
	  "pages of a half-done pin are released twice, and somebody else's with them" },
};

static const struct variant wire[] = {
	{ "wire", WIRE_VETH, 0, 0, 0, 0 },
	{ 0 }
}, wire_nobody[] = {
	{ "wire, nobody", WIRE_VETH, 0, 0, 1, 0 },
	{ 0 }
};

static const struct variant three[] = {
	{ "three hosts", WIRE_VETH, 0, 0, 0, 1 },
	{ 0 }
}, three_nobody[] = {
	{ "three hosts, nobody", WIRE_VETH, 0, 0, 1, 1 },
	{ 0 }
};

/* The in-tree form first, which is all that the oracle has. */
static const struct variant cookies[] = {
	{ "mode 2", WIRE_VETH, 0, 0, 0, 0 },
	{ "mode 0", WIRE_VETH, 0, 0, 0, 0 },
	{ 0 }
}, cookies_nobody[] = {
	{ "mode 2, nobody", WIRE_VETH, 0, 0, 1, 0 },
	{ "mode 0, nobody", WIRE_VETH, 0, 0, 1, 0 },
	{ 0 }
}, cookies_in_tree[] = {
	{ "mode 2", WIRE_VETH, 0, 0, 0, 0 },
	{ 0 }
}, local[] = {
	{ "mode 2", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ "mode 0", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ 0 }
}, local_nobody[] = {
	{ "mode 2, nobody", WIRE_OWN_ADDRESS, 0, 0, 1, 0 },
	{ "mode 0, nobody", WIRE_OWN_ADDRESS, 0, 0, 1, 0 },
	{ 0 }
}, local_in_tree[] = {
	{ "mode 2", WIRE_OWN_ADDRESS, 0, 0, 0, 0 },
	{ 0 }
};

int conf_mode(const struct topology *topology)
{
	return strncmp(topology->variant->name, "mode 0", 6) ? 2 : 0;
}

static const char *why_left_out(const struct row *row)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(left_out); i++)
		if (!strcmp(left_out[i].row, row->name) &&
		    in_tree_stable_before(left_out[i].major, left_out[i].minor,
					  left_out[i].stable))
			return left_out[i].why;
	return NULL;
}

/* How often a row runs, and on what; NULL: it needs nothing but the module. */
static const struct variant *variants_of(enum stage stage, bool nobody)
{
	switch (stage) {
	case STAGE_WIRE:
		return nobody ? wire_nobody : wire;
	case STAGE_THREE:
		return nobody ? three_nobody : three;
	case STAGE_COOKIES:
		return nobody ? cookies_nobody : EITHER(cookies, cookies_in_tree);
	case STAGE_LOCAL:
		return nobody ? local_nobody : EITHER(local, local_in_tree);
	default:
		return NULL;
	}
}

static void add_row(struct suite *suite, const struct row *row, bool everything, bool nobody)
{
	const struct variant *variants = variants_of(row->stage, nobody);
	const char *why = why_left_out(row);

	if (why && !everything)
		printf("# %s left out: %s\n", row->name, why);
	else if (variants)
		suite_add(suite, row->name, row->function, variants);
	else if (nobody)
		suite_add_nobody(suite, row->name, row->function);
	else
		suite_add_plain(suite, row->name, row->function);
}

int main(int argc, char **argv)
{
	static struct suite suite = { .name = "conformance" };
	const struct row *row;
	bool everything = false, nobody = false;
	size_t i;

	for (i = 1; i < (size_t)argc; i++) {
		if (!strncmp(argv[i], "family=", 7))
			setenv("RDSZ_FAMILY", argv[i] + 7, 1);
		everything |= !strcmp(argv[i], "all=1");
		nobody |= !strcmp(argv[i], "nobody=1");
	}
	for (i = 0; i < SUBJECTS; i++)
		for (row = subjects[i]; row->name; row++)
			add_row(&suite, row, everything, nobody);
	suite_at_end(conf_put_back);
	return suite_run(&suite, argc, argv);
}
