# SPDX-License-Identifier: GPL-2.0
#
# Unit tests of what is pure in src/, and of what the manual says about it; included by tests/Makefile.

UNIT := test_wire test_addr
UNIT_FLAGS := $(FLAGS) -I$(TOP)/src -O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all

unit: $(UNIT:%=$(O)/unit/%)
	@set -e; for program in $^; do $$program; done
	$(TOP)/docs/man/check

$(O)/unit/test_%: $(HERE)/unit/test_%.c $(TOP)/src/%.c | $(O)/unit
	$(CC) $(UNIT_FLAGS) -o $@ $^ -lcmocka

$(O)/unit:
	mkdir -p $@

-include $(wildcard $(O)/unit/*.d)
