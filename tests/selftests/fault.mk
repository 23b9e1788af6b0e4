# SPDX-License-Identifier: GPL-2.0
# Programs of the fault-*.sh tests, of several files each.

FAULT_CFLAGS = $(filter-out -I../../userspace,$(CFLAGS)) -MMD -MP
CORE := ../../kmod/core

PROGRAMS += wire_peer netlink_fuzz sb_edit acked ktls_smoke md_attach

$(O)/wire_peer: $(addprefix $(O)/,wire_peer.o wire_case.o wire_message.o fake_peer.o genl.o core_wire.o user_crc32c.o)
	$(CC) $(CFLAGS) -o $@ $^ -lmnl

$(O)/sb_edit: $(addprefix $(O)/,sb_edit.o user_crc32c.o)
	$(CC) $(CFLAGS) -o $@ $^

$(O)/ktls_smoke: $(addprefix $(O)/,ktls_smoke.o genl.o)
	$(CC) $(CFLAGS) -o $@ $^ -lmnl $(shell $(PKG_CONFIG) --libs gnutls)

$(O)/md_attach: $(addprefix $(O)/,md_attach.o genl.o user_uuid.o)
	$(CC) $(CFLAGS) -o $@ $^ -lmnl

$(O)/netlink_fuzz: $(addprefix $(O)/,netlink_fuzz.o netlink_request.o genl.o)
	$(CC) $(CFLAGS) -o $@ $^ -lmnl

$(O)/%.o: %.c fault.mk | $(O)
	$(CC) $(FAULT_CFLAGS) -c -o $@ $<

$(O)/core_%.o: $(CORE)/%.c fault.mk | $(O)
	$(CC) $(FAULT_CFLAGS) -c -o $@ $<

$(O)/user_%.o: ../../userspace/%.c fault.mk | $(O)
	$(CC) $(FAULT_CFLAGS) -c -o $@ $<

-include $(wildcard $(O)/*.d)
