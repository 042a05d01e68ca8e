# SPDX-License-Identifier: GPL-2.0
#
# Unit tests of what is pure, and of what the manual says about the sources; included by tests/Makefile.

UNIT := test_wire test_addr test_errqueue
UNIT_FLAGS := $(FLAGS) -I$(TOP)/src -O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all

unit: $(UNIT:%=$(O)/unit/%)
	@set -e; for program in $^; do $$program; done
	$(TOP)/docs/man/check
	$(TOP)/docs/check

$(O)/unit/test_%: $(HERE)/unit/test_%.c $(TOP)/src/%.c | $(O)/unit
	$(CC) $(UNIT_FLAGS) -o $@ $(filter %.c,$^) -lcmocka

# Built against a kernel of a few lines, so that each of its calls can fail.
$(O)/unit/test_errqueue: $(HERE)/unit/test_errqueue.c $(TOP)/compat/errqueue.c | $(O)/unit
	$(CC) $(UNIT_FLAGS) -I$(HERE)/unit/shim -I$(TOP)/compat -o $@ $(filter %.c,$^) -lcmocka

$(O)/unit:
	mkdir -p $@

-include $(wildcard $(O)/unit/*.d)
