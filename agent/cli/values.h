// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Values from the command line into requests: checked here only so far as the wire demands it; what
 * a valid node, cluster or tag is, the agent knows. Each function returns 0, or EXIT_USAGE after
 * saying on stderr what is wrong.
 */
#pragma once

#include <stdint.h>

#include "cli/commands.h"
#include "epmdns/protocol.h"

// values_node(): NAME@HOST as the bytes of a node name, in buf.
int values_node(const char *word, uint8_t buf[EP_NODE_MAX], struct ep_msg *msg);
int values_host(const char *word, uint8_t buf[EP_HOST_MAX], struct ep_msg *msg);
// values_filter(): --all and --cluster.
int values_filter(const struct arguments *args, struct ep_msg *msg);
// values_registration(): all of `register` but the node. address: where --address is kept.
int values_registration(const struct arguments *args, uint8_t address[16], struct ep_msg *msg);
// values_timeout(): --timeout, or what is usual.
int values_timeout(const struct arguments *args, uint32_t *timeout_ms);
