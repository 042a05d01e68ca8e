# SPDX-License-Identifier: GPL-2.0
# Makefile - the door for people, dkms and CI; Kbuild says what is built. `make help` lists it.

KERNELDIR ?= /lib/modules/$(shell uname -r)/build
COMPAT_FORCE ?=
MINUTES ?= 20
DESTDIR ?=
libdir ?= /usr/lib/x86_64-linux-gnu

version := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' dkms.conf)
dkms_dir := $(DESTDIR)/usr/src/rds_zc-$(version)
# File names in first lines, types of compat/, X-macro lists (src/stats.h), prototypes in probes.
style_ignore := FILE_PATH_CHANGES,EMBEDDED_FILENAME,NEW_TYPEDEFS,COMPLEX_MACRO
style_ignore := $(style_ignore),BRACKET_SPACE,AVOID_EXTERNS
kbuild = $(MAKE) -C $(KERNELDIR) M=$(CURDIR)
# Debian's headers come without it; a kernel source in the tests' cache has it.
checkpatch = $(firstword $(wildcard $(KERNELDIR)/scripts/checkpatch.pl \
	$(or $(RDSZ_CACHE),/var/cache/rds_zc)/src/*/scripts/checkpatch.pl) \
	$(shell command -v checkpatch.pl 2>/dev/null))
checked = $(wildcard src/*.[ch] compat/*.[ch] compat/probes/*.c include/uapi/linux/*.h)

.PHONY: preload install-preload tools install-tools
.PHONY: all modules probes clean check sparse style install-headers dkms-install help \
	test test-all test-debug test-reliable test-long test-forced test-netlink test-packages \
	selftest \
	conformance interop dissect \
	matrix mutants soak fuzz demo deb check-deb check-autopkgtest rpm arch bench bench-tool bench-uml

all: modules

modules: probes
	+$(kbuild) modules

# What this kernel offers, compiled once per kernel and compiler: compat/gen/config.h. The compiler
# is that of the module: kbuild has its own, and takes ours from a command line or with make -e.
probes:
	+@KERNELDIR='$(KERNELDIR)' COMPAT_FORCE='$(COMPAT_FORCE)' MAKE='$(MAKE)' \
		CC='$(if $(filter command override,$(origin CC)),$(CC))' compat/probe

# Works without any kernel headers: dkms calls it whenever it likes.
clean:
	rm -rf compat/gen Module.symvers modules.order .tmp_versions
	rm -rf .module-common.o .modules.order.cmd
	rm -f rds_zc.ko rds_zc.mod rds_zc.mod.c rds_zc.mod.o rds_zc.o .rds_zc.*.cmd
	rm -f .Module.symvers.cmd .module-common.o.cmd .modules.order.cmd
	rm -f tools/preload/librdszc.so tools/rdszc/rdszc
	rm -f src/*.o src/.*.o.cmd src/.*.o.d compat/*.o compat/.*.o.cmd compat/.*.o.d

check: sparse style

sparse: probes
	+$(kbuild) W=1 C=2 CF=-D__CHECK_ENDIAN__ modules

style:
	$(if $(checkpatch),perl $(checkpatch) --no-tree --terse --show-types --max-line-length=100 \
		--ignore $(style_ignore) -f $(checked),\
		@echo 'no checkpatch.pl here: style not checked')

install-headers:
	install -D -m 644 include/uapi/linux/rds_zc.h $(DESTDIR)/usr/include/linux/rds_zc.h
	install -D -m 644 include/uapi/linux/rds_zc_netlink.h \
		$(DESTDIR)/usr/include/linux/rds_zc_netlink.h
	install -D -m 644 -t $(DESTDIR)/usr/share/ynl/specs docs/netlink/rds_zc.yaml

# The command line tool; needs libmnl.
tools:
	+$(MAKE) -C tools/rdszc

install-tools:
	+$(MAKE) -C tools/rdszc install DESTDIR=$(DESTDIR)
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man4 docs/man/rds_zc.4
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man7 docs/man/rds_zc.7
	install -D -m 644 -t $(DESTDIR)/usr/share/man/man8 docs/man/rdszc.8
	install -D -m 644 -t $(DESTDIR)/usr/share/rds-zc tools/dissector/rds_zc.lua

preload:
	$(MAKE) -C tools/preload

install-preload: preload
	install -D -m 644 tools/preload/librdszc.so $(DESTDIR)$(libdir)/librdszc.so

# Only what the build needs; then: dkms install rds_zc/$(version)
dkms-install:
	install -d $(dkms_dir)/src $(dkms_dir)/compat/probes $(dkms_dir)/include/uapi/linux
	install -m 644 Kbuild Makefile dkms.conf $(dkms_dir)/
	install -m 644 $(wildcard src/*.[ch]) $(dkms_dir)/src/
	install -m 644 $(wildcard compat/*.[ch]) $(dkms_dir)/compat/
	install -m 755 compat/probe $(dkms_dir)/compat/
	install -m 644 $(wildcard compat/probes/*) $(dkms_dir)/compat/probes/
	install -m 644 $(wildcard include/uapi/linux/*.h) $(dkms_dir)/include/uapi/linux/

test:
	tests/run

test-all:
	tests/run --all

test-debug:
	tests/run --debug

conformance:
	tests/conformance/run 5.10 6.1 6.12 7.x

interop:
	tests/interop/run $(if $(KERNEL),--kernel=$(KERNEL)) $(PEER)

# tshark reads what crosses the link in tests between two of ours, and against in-tree RDS.
dissect:
	tests/interop/dissect

# The spec of the netlink family: by its schema, and by tools/net/ynl of a kernel source in a VM.
test-netlink:
	tests/netlink/run

matrix:
	tests/vm/matrix

mutants:
	tests/mutants/run

# Connections killed a thousand times with 4 MiB in TCP, and a peer that loses its power.
test-reliable:
	tests/vm/run --timeout=7200 $(or $(KERNEL),7.x) \
		'test_delivery --only=unread__killed_and_sent_again* rounds=1000'
	tests/vm/run --peer=6.1 --restarts $(or $(KERNEL),6.1) test_restart

# On a debug kernel (KERNEL=7.x-debug) the million messages of eight threads alone: hours.
million = 'test_threads --only=crowd__each_cookie_once*root? messages=1000000'
flood = 'test_overwrite --only=flood__* size=1048576'

ifneq ($(filter %-debug,$(KERNEL)),)
test-long:
	tests/vm/debug-kernel $(KERNEL)
	tests/vm/run --timeout=18000 --memory=4096 $(KERNEL) $(million)
else
test-long:
	tests/vm/run --timeout=7200 --memory=4096 $(or $(KERNEL),6.1) $(flood) \
		'test_reconnect --only=stopped_reader__* seconds=90' \
		'test_congestion --only=full__empty_messages_without_end* count=1000000' \
		'test_wire_peer --only=flood__of_empty_messages* count=1000000' $(million)
	$(if $(KERNEL),,tests/vm/run --timeout=7200 --memory=4096 5.10 $(flood))
endif

# The fallbacks of compat/ where the real thing exists.
test-forced:
	tests/vm/run --force=pin_account 6.1 test_pin test_completion
	tests/vm/run --force=tcp_errqueue 7.x test_overwrite test_completion test_pin \
		test_reconnect test_retransmit test_delivery test_lanes test_namespace \
		test_threads test_memcg test_uring 'test_counters --only=optmem__*'

# Faults planted in the harness: tests/vm/run must see each of them.
selftest:
	tests/vm/selftest $(or $(KERNEL),6.1)

soak:
	tests/soak/run $(MINUTES)

# A hostile peer, hostile programs and requests that nobody would make.
fuzz:
	tests/fuzz/run $(MINUTES)

demo:
	tools/demo/run

# Debian packages of module sources, headers and tools, from the files that git knows.
deb:
	packaging/build-deb build/deb

check-deb:
	packaging/check-deb

# In a chroot of each release, then on its stock kernel: from sources, by apt, and an upgrade. With
# the old module loaded: tests/vm/dkms --live, where DKMS compiles by emulation.
test-packages:
	set -e; for name in 5.10 6.1 6.12 7.x; do \
		tests/vm/dkms $$name; tests/vm/dkms --upgrade $$name; done

check-autopkgtest:
	tests/vm/autopkgtest $(KERNEL)

rpm:
	packaging/build-rpm build/rpm

arch:
	packaging/build-arch build/arch

bench-tool:
	$(MAKE) -C bench

# Functional, in two emulated VMs: QUICK=1 for less, KERNEL= for another kernel line.
bench:
	bench/vm --kvm $(if $(QUICK),--quick) $(or $(KERNEL),6.1)

# Builds all it needs; bench/run-uml says what can be chosen.
bench-uml: bench-tool
	bench/run-uml

help:
	@echo 'make [KERNELDIR=DIR] [CC=GCC] [COMPAT_FORCE=pin_account,tcp_errqueue]   rds_zc.ko'
	@echo 'make probes            what the kernel offers: compat/gen/config.h, log beside it'
	@echo 'make check             sparse and checkpatch'
	@echo 'make preload           tools/preload/librdszc.so: AF_RDS programs run unchanged'
	@echo 'make install-preload   DESTDIR=, libdir=: puts it into $(libdir)'
	@echo 'make install-headers   DESTDIR=: include/uapi/linux/rds_zc*.h, the netlink spec'
	@echo 'make tools             the command line tool rdszc'
	@echo 'make install-tools     DESTDIR=: it, the manual, the dissector'
	@echo 'make dkms-install      DESTDIR=: sources to /usr/src/rds_zc-$(version)'
	@echo 'make test              unit and integration tests, oldest and newest kernel line'
	@echo 'make test-all          the same on all kernel lines; test-debug: on debug kernels,' \
		'with faults'
	@echo 'make conformance       the checklist on all kernel lines: ours, and in-tree RDS as' \
		'the oracle'
	@echo 'make interop           against in-tree RDS of 5.10, 6.1, 6.12 and 7.x in a second' \
		'VM; KERNEL=7.x-debug: ours on that; PEER=6.1: that one alone'
	@echo 'make dissect           the same, shorter, and two of ours; tshark must read' \
		'every frame'
	@echo 'make test-packages     DKMS from sources, and packages by apt, in each release,' \
		'booted;' \
		'an upgrade; of a loaded module: tests/vm/dkms --live 6.1'
	@echo 'make test-netlink      ynl of a 7.x kernel source drives the module by' \
		'docs/netlink/rds_zc.yaml'
	@echo 'make matrix            every supported kernel and flavour: build, some: boot'
	@echo 'make mutants           planted faults must turn their tests red'
	@echo 'make test-reliable     1,000 killed connections, a peer whose power fails:' \
		'nothing lost; KERNEL=7.x-debug'
	@echo 'make test-long         8 floods of 1 MiB 64 deep (6.1 and 5.10), a reader stopped' \
		'for 90 s, a million messages, and of no bytes; KERNEL=7.x-debug: the first million'
	@echo 'make test-forced       the fallbacks of compat/ where kernels need none: 6.1 and 7.x'
	@echo 'make selftest          faults planted in the harness itself must be seen;' \
		'KERNEL=7.x-debug'
	@echo 'make soak MINUTES=20   two VMs under load, cuts and kills; KERNEL=7.x PATHS=1'
	@echo 'make fuzz MINUTES=10   frames, calls and netlink requests at random, on 7.x-debug;' \
		'KERNEL=6.1 SEED=1'
	@echo 'make demo              two VMs, with and without zerocopy, for a person; HOST=1:' \
		'on this kernel'
	@echo 'make deb               build/deb: rds-zc-dkms, rds-zc-dev, rds-zc-tools;' \
		'make rpm, make arch; make check-deb: lintian; make check-autopkgtest'
	@echo 'make bench-tool        bench/build/rdsz-bench and rdsz-kv, which measure;' \
		'docs/performance.md'
	@echo 'make bench             all protocols between two VMs, the application; times get' \
		'no verdict; QUICK=1'
	@echo 'make bench-uml         tables at native speed, on User Mode Linux, which it builds'
	@echo 'make clean'
