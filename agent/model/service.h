// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A node as a DNS-SD service: the instance name and the TXT record (RFC 6763 §4.1.1, §6), coded and
 * validated. The truth is in TXT; the instance name is only unique and readable. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "epmdns/protocol.h"

#define SERVICE_TYPE "_erlang-dist._tcp"
#define SERVICE_INSTANCE_MAX 63
#define SERVICE_TXT_MAX 1024
#define SERVICE_LABEL_MAX 63

/*
 * What a service record says of a node. Strings are borrowed; `node` is the full name. In a decoded
 * service, node points into `node_buf` and everything else into the TXT data.
 */
struct service {
	struct ep_str node;
	uint32_t creation;
	uint32_t revision;
	uint32_t carrier; // enum ep_carrier
	uint32_t dist_high, dist_low;
	bool is_hidden;
	struct ep_str cluster; // n 0: none
	struct ep_str bound;   // n 0, 4 or 16
	struct ep_str agent;   // id of the publishing agent
	uint8_t n_tags;
	struct ep_str tags[EP_TAGS_MAX]; // "key=value"
	char node_buf[EP_NODE_MAX];
	uint8_t bound_buf[16];
};

/*
 * service_instance(): "<node, cut at a character>~<8 base32 characters>" where the latter hash
 * node, carrier's family, creation and revision, so that the name is unique by construction and RFC
 * 6762 §8.1 allows publishing without a probe. UTF-8; bytes of the node above 127 are converted.
 */
void service_instance(const struct service *service, char instance[SERVICE_INSTANCE_MAX + 1]);

// service_encode(): TXT rdata. Return: its length; always fits (node, tags and cluster have caps).
size_t service_encode(const struct service *service, uint8_t txt[SERVICE_TXT_MAX]);

/*
 * service_decode(): read TXT rdata from the network. txtvers, n, h, cr, rv, v, p and id must be
 * there and valid; c, f and ip may be absent. Unknown keys without a value, that are no valid tag,
 * or are too many, are skipped; other unknown keys are tags. Keys are compared without case, and
 * the first of repeated ones counts (RFC 6763 §6.4). Return: NULL, or what is wrong (a constant
 * string).
 */
const char *service_decode(const uint8_t *txt, size_t len, struct service *service);

/*
 * service_tags_problem(): are these tags valid: keys of 1 to 32 printable ASCII characters without
 * '=', different (without case), none of our own and none that begins with '_' (so that a key of a
 * later version is no tag to this one); values without control bytes; all together at
 * most EP_TAGS_BYTES_MAX bytes? Return: NULL or what is wrong.
 */
const char *service_tags_problem(const struct ep_str *tags, size_t n);
// service_cluster_problem(): printable ASCII, 1..EP_CLUSTER_MAX. Return: NULL or what is wrong.
const char *service_cluster_problem(struct ep_str cluster);
// service_subtype(): the label of a cluster's subtype: "_cluster", or "_" and a hash of an odd one.
void service_subtype(struct ep_str cluster, char label[SERVICE_LABEL_MAX + 1]);
