#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
#
# check_format.sh CLANG-FORMAT TREE: all C of the tree is as .clang-format has it.
set -u
cd "$2" || exit 1
exec find agent include tests -name '*.[ch]' -exec "$1" --dry-run -Werror {} +
