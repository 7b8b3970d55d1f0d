#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: 2026 The epmdns authors
#
# format.sh SCDOC PAGE.scd: the page for man(1), whose first line tells whoever formats it that it has tables.

printf '%s\n' "'\\\" t" && exec "$1" <"$2"
