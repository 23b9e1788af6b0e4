# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
#
# What is measured: the rows, on which disks, and for which configurations.
# Sourced by scripts/bench and, in the virtual machine, by guest.sh.
#
# Configurations:
#
#   raw           the disk itself
#   linear        dm-linear on it: the limit of any layer
#   ditto         one peer
#   ditto-2       two peers
#   ditto-absent  the one peer was in sync, and is gone
#   drbd          DRBD 8.4, protocol C, one peer
#   drbd-absent   the one peer was in sync, and is gone
#   md            md raid1 of a disk and one over nbd
#   ditto-near    as ditto, on the same device, but over 256 MiB of it
#
# Two peers over 16 GiB are not measured: their first resync takes minutes, and
# they ask nothing of the intent log that one peer does not.
#
# Over 16 GiB and in few seconds, most writes are the first to their region of
# 4 MiB: these rows ask what it costs to make regions hot, not only to have many.
#
# Disks: "ram" is a ram disk of 256 MiB; "wide" is one of 16 GiB that keeps
# nothing, see disk.sh.
#
# shellcheck disable=SC2034 # for those who source it

rows=(write-1 write-32 write-fsync write-sequential read-32 wide-1 wide-32 wide-fsync resync)

writers='raw linear ditto ditto-2 ditto-absent drbd drbd-absent md'
readers='raw linear ditto ditto-2 drbd md'
wide='raw linear ditto ditto-near drbd md'

declare -A row_disk=(
	[write-1]=ram [write-32]=ram [write-fsync]=ram [write-sequential]=ram [read-32]=ram
	[wide-1]=wide [wide-32]=wide [wide-fsync]=wide [resync]=ram
)
declare -A row_job=(
	[write-1]=write-1 [write-32]=write-32 [write-fsync]=write-fsync
	[write-sequential]=write-sequential [read-32]=read-32
	[wide-1]=write-1 [wide-32]=write-32 [wide-fsync]=write-fsync [resync]=resync
)
declare -A row_configs=(
	[write-1]=$writers [write-32]=$writers [write-fsync]=$writers [write-sequential]=$writers
	[read-32]=$readers
	[wide-1]=$wide [wide-32]=$wide [wide-fsync]=$wide
	[resync]='ditto ditto-2 drbd md'
)


# rows_only LIST: forget all configurations but these, with commas between
rows_only() {
	local row config kept wanted=,$1, known=,${writers// /,},${wide// /,},
	for config in ${1//,/ }; do
		[[ $known == *,$config,* ]] && continue
		echo "bench: no such configuration: $config; --list has them" >&2
		return 1
	done
	for row in "${rows[@]}"; do
		kept=''
		for config in ${row_configs[$row]}; do
			[[ $wanted != *,$config,* ]] || kept+=" $config"
		done
		row_configs[$row]=${kept# }
	done
}
