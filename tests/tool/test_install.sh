#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What "make install" puts where, and that it is usable there.

. ./tap.sh

run make -s -C ../../userspace install O="$PWD/build/user" SANITIZE=1 PREFIX=/usr \
	DESTDIR="$dir/root"
check "install succeeds" test "$status" -eq 0
usr=$dir/root/usr
for file in sbin/ditto sbin/dittod share/man/man8/ditto.8 share/man/man8/dittod.8 \
	share/man/man5/ditto.conf.5 share/bash-completion/completions/ditto \
	lib/udev/rules.d/60-ditto.rules include/linux/ditto.h \
	lib/systemd/system/dittod.service lib/systemd/system/ditto@.service; do
	check "$file is there" test -s "$usr/$file"
done
check "there is a place for the configuration" test -d "$dir/root/etc/ditto"
check "the units name the installed programs" \
	grep -q '^ExecStart=/usr/sbin/ditto' "$usr"/lib/systemd/system/*.service
run grep -r '@[A-Z]*@' "$usr/lib"
check "nothing is left to fill in" test "$status" -eq 1

for page in man8/ditto.8 man8/dittod.8 man5/ditto.conf.5; do
	if command -v man >/dev/null; then
		run env MANROFFSEQ='' MANWIDTH=80 man --warnings -l "$usr/share/man/$page"
		check "$page has no warnings" test ! -s "$dir/err"
	else
		skip "$page has no warnings" "no man"
	fi
done
for verb in $(ditto --help | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'); do
	check "ditto(8) describes $verb" grep -q "^\.BR.* $verb\|^\.BR $verb" "$usr/share/man/man8/ditto.8"
done

# offers WORD...: what bash offers for the last word.
offers() {
	bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ditto
		echo "${COMPREPLY[@]}"' - "$usr/share/bash-completion/completions/ditto" "$@"
}
printf '[node alpha]\n[node beta]\n' >"$dir/r0.conf"
check "completion: verbs" test "$(offers ditto prom)" = promote
check "completion: resources" test "$(offers ditto up '')" = "r0 all"
check "completion: peers" test "$(offers ditto connect r0 b)" = beta
check "completion: options" test "$(offers ditto promote r0 --f)" = --force
check "completion: all verbs" test "$(offers ditto '' | wc -w)" = \
	"$(ditto --help | grep -c '^  [a-z]')"
finish
