#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# counters.sh: prints the counters of src/stats.h as the list that rds_zc.4 shows.
# counters.sh --write: puts it into rds_zc.4, between the two marks.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
page=$here/rds_zc.4

# One item a counter, of the list in the named macro. Lines of the macro: X(name, "meaning") \, or
# with the meaning on a line of its own.
items()
{
	sed -n "/^#define $1(X)/,/[^\\\\]\$/p" "$here/../../src/stats.h" |
		sed -E -e '/^\tX\([a-z0-9_]+, *\\$/{N; s/ *\\\n */ /}' |
		sed -n -E 's/^\tX\(([a-z0-9_]+),[[:space:]]*"(.*)"\).*/.It Va \1\n\2/p'
}

list()
{
	echo ".Ss $2"
	echo ".Bl -tag -width Ds -compact"
	items "$1"
	echo .El
}

table()
{
	echo '.\" made by counters.sh from src/stats.h: begin'
	list RDSZ_STATS_RDS "Counters known from in-tree RDS"
	list RDSZ_STATS_OWN "Counters of rds_zc"
	echo '.\" made by counters.sh: end'
}

if [[ ${1:-} == --write ]]; then
	fresh=$(mktemp)
	trap 'rm -f "$fresh"' EXIT
	sed '/^\.\\" made by counters.sh from/,$d' "$page" >"$fresh"
	table >>"$fresh"
	sed '1,/^\.\\" made by counters.sh: end/d' "$page" >>"$fresh"
	cat "$fresh" >"$page"
else
	table
fi
