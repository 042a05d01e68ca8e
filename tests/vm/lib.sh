# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Shell helpers of tests/vm, to be sourced. Everything cached lives under $RDSZ_CACHE. The paths
# have no links in them, as make sees its own.

RDSZ_CACHE=${RDSZ_CACHE:-/var/cache/rds_zc}
RDSZ_VM=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
RDSZ_TOP=$(cd "$RDSZ_VM/../.." && pwd -P)
export RDSZ_CACHE RDSZ_VM RDSZ_TOP

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$@"; exit 1; }

# hold FILE: wait until no other process holds FILE, keep it until this process ends (bounded: 30
# min).
hold()
{
	local fd

	mkdir -p "$(dirname "$1")"
	exec {fd}>"$1"
	flock -n "$fd" || { say "waiting for $1"; flock -w 1800 "$fd"; } ||
		die "$1 is held for 30 minutes"
}

# Can tests/vm/run --tap work here? Without it a pair of VMs has a link without scatter-gather.
can_tap() { [[ $(id -u) -eq 0 && -w /dev/net/tun ]]; }

# kernel_flavour NAME: amd64, cloud-amd64, rt-amd64 or debug
kernel_flavour()
{
	case $1 in
	*-cloud) echo cloud-amd64 ;;
	*-rt) echo rt-amd64 ;;
	*-debug) echo debug ;;
	*-uml) echo uml ;;
	*) echo amd64 ;;
	esac
}

# kernel_line NAME FIELD: one field of the line for NAME in the table "kernels" (2 release, 3
# version, 4 suites)
kernel_line()
{
	local base=${1%-cloud}

	base=${base%-rt}
	base=${base%-debug}
	base=${base%-uml}
	awk -v name="$base" -v field="$2" '
		$1 == name {
			found = 1
			out = $field
			if (field == 4)
				for (i = 5; i <= NF; i++)
					out = out " " $i
			print out
		}
		END { exit !found }' "$RDSZ_VM/kernels" ||
		die "no kernel $1 (tests/vm/kernels lists them)"
}

# suite_sources SUITE...: apt sources for Debian suites, on stdout
suite_sources()
{
	local suite uri

	for suite in "$@"; do
		uri=http://deb.debian.org/debian
		[[ $suite == *-security ]] && uri=http://deb.debian.org/debian-security
		printf 'deb [signed-by=%s] %s %s main\n' \
			/usr/share/keyrings/debian-archive-keyring.gpg "$uri" "$suite"
	done
}
