#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: an ext4 file system moves to another node and is clean on all
# Proves: G1, G4, G12
# Needs: brd, ext4
# Time limit: 240

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

source "$selftests/fs-lib.sh"
need mkfs.ext4 e2fsck
need_module ext4
cluster_ready 3 48
file_system mkfs.ext4 -q -F -- e2fsck -f -n
