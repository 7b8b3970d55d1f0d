// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Node names as Erlang has them (erts: erlang:is_alive/0, net_kernel.erl valid_name_head/1,
 * dist_util.erl): NAME@HOST in latin-1, NAME of [0-9A-Za-z_-], HOST of printable bytes.
 */
#pragma once

#include <stdbool.h>

#include "epmdns/protocol.h"

// Why a name is no node name, in words; NULL when it is one.
const char *node_name_problem(struct ep_str name);
// The parts of a valid name.
struct ep_str node_name_alive(struct ep_str name);
struct ep_str node_name_host(struct ep_str name);
// Hosts are compared without case (RFC 4343); node names are not.
bool node_host_equals(struct ep_str a, struct ep_str b);
// "localhost", "localhost.…", or a loopback literal (127/8, ::1).
bool node_host_is_loopback(struct ep_str host);
// Helpers that come and go: rem-HEX-, rpc-HEX- (mix), remshHEX-, maintHEX- (relx).
bool node_name_is_transient(struct ep_str name);
// node_host_literal(): an IPv4 or IPv6 literal. Return: its length 4 or 16 in bytes[], or 0 for
// none.
size_t node_host_literal(struct ep_str host, uint8_t bytes[16]);
