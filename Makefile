# SPDX-License-Identifier: GPL-2.0
#
# ditto: a kernel module (kmod/), a daemon and a tool (userspace/).
#
#	make			build all of it for the running kernel
#	make install		install it (as root)
#	make demo		see it replicate, in a virtual machine if need be
#	make check		every test
#	make check-debug	the selftests under KASAN, lockdep and kmemleak
#	make check-6.12		the selftests on Linux 6.12
#	make mutants		bugs put in on purpose: the simulator must find each
#	make check-crash	machines are killed 200 times (KILLS=N: so often)
#	make bench		measure it beside dm-linear, DRBD 8.4 and md over nbd
#				(BENCH=--uml: in user-mode Linux)
#	make lint		W=1, sparse, checkpatch, shellcheck
#	make clean

KDIR ?= /lib/modules/$(shell uname -r)/build
KERNEL ?= 6.1

all: module userspace

module:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

userspace:
	$(MAKE) -C userspace

install: all
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install
	$(MAKE) -C userspace install
	depmod -a

demo:
	@scripts/demo

check:
	@scripts/check

check-debug:
	@scripts/check selftests-debug

check-6.12:
	@scripts/check selftests-6.12

check-crash:
	@KILLS=$(or $(KILLS),200) scripts/check crash

mutants:
	scripts/setup build
	$(MAKE) -C tests/sim mutants

bench:
	@scripts/bench $(BENCH)

lint:
	scripts/setup build lint
	scripts/lint

clean:
	$(MAKE) -C userspace clean
	$(MAKE) -C tests/unit clean
	$(MAKE) -C tests/sim clean
	$(MAKE) -C tests/tool clean
	$(MAKE) -C tests/selftests clean
	$(MAKE) -C tests/cluster clean
	rm -rf build
	rm -f ditto.ko ditto.mod ditto.mod.c ditto.mod.o ditto.o Module.symvers modules.order
	rm -f kmod/*.o kmod/core/*.o kmod/.*.cmd kmod/core/.*.cmd .*.cmd

.PHONY: all module userspace install demo check check-debug check-6.12 check-crash mutants bench lint clean
