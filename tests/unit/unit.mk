# SPDX-License-Identifier: GPL-2.0
#
# Unit tests of what is pure, of what ends a test that hangs, of the headers for programs, of the
# completion for bash, of what the demo does before it is told to, of the dissector, and of what the
# manual and the netlink spec say about the sources. Included by tests/Makefile.

UNIT := test_wire test_addr test_errqueue test_doctor test_stress test_watch
UNIT_FLAGS := $(FLAGS) -I$(TOP)/src -O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all

unit: $(UNIT:%=$(O)/unit/%) | $(O)/unit/rdszc
	@set -e; for program in $^; do $$program; done
	$(HERE)/unit/check-headers
	$(HERE)/unit/check-completion $(O)/unit/rdszc
	$(HERE)/unit/check-demo
	$(TOP)/docs/man/check
	$(TOP)/docs/check
	$(TOP)/docs/netlink/check
	$(TOP)/tools/dissector/check

$(O)/unit/test_%: $(HERE)/unit/test_%.c $(TOP)/src/%.c | $(O)/unit
	$(CC) $(UNIT_FLAGS) -o $@ $(filter %.c,$^) -lcmocka

# Built against a kernel of a few lines, so that each of its calls can fail.
$(O)/unit/test_errqueue: $(HERE)/unit/test_errqueue.c $(TOP)/compat/errqueue.c | $(O)/unit
	$(CC) $(UNIT_FLAGS) -I$(HERE)/unit/shim -I$(TOP)/compat -o $@ $(filter %.c,$^) -lcmocka

# The tool as a function of its test, with the sanitizers of all here.
$(O)/unit/test_doctor: $(HERE)/unit/test_doctor.c $(TOOL) | $(O)/unit
	$(CC) $(UNIT_FLAGS) -Dmain=rdszc_main -DRDSZC_VERSION=\"test\" -r -nostdlib -o $@.o \
		$(filter $(TOP)/tools/%.c,$^)
	$(CC) $(UNIT_FLAGS) -Wl,--wrap=socket -o $@ $< $@.o -lcmocka -lmnl
	rm $@.o

$(O)/unit/test_watch: $(HERE)/unit/test_watch.c $(HERE)/lib/watch.c $(HERE)/lib/deadline.c \
		| $(O)/unit
	$(CC) $(UNIT_FLAGS) -o $@ $(filter %.c,$^) -lcmocka

# Contains the file of the tool that it looks into.
$(O)/unit/test_stress: $(HERE)/unit/test_stress.c $(TOOL) | $(O)/unit
	$(CC) $(UNIT_FLAGS) -o $@ $< $(TOP)/tools/rdszc/out.c $(TOP)/tools/rdszc/rds.c -lcmocka

$(O)/unit/rdszc: $(TOOL) | $(O)/unit
	$(MAKE) -s -C $(TOP)/tools/rdszc O=$(O)/unit

$(O)/unit:
	mkdir -p $@

-include $(wildcard $(O)/unit/*.d)
