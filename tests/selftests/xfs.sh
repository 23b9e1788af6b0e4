#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Test: an xfs file system moves to another node and is clean on all
# Proves: G1, G4, G12
# Needs: brd, xfs
# Time limit: 240

# shellcheck source-path=SCRIPTDIR
source "$(dirname "$0")/lib.sh"

source "$selftests/fs-lib.sh"
need mkfs.xfs xfs_repair
need_module xfs
# Told that this is a test, mkfs.xfs makes them as small as this.
export TEST_DIR=1 TEST_DEV=1 QA_CHECK_FS=1
cluster_ready 3 64
file_system mkfs.xfs -q -f -- xfs_repair -n -f
