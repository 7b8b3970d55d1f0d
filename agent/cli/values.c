// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "cli/values.h"

#include <arpa/inet.h>
#include <string.h>

#include "cli/output.h"
#include "cli/text.h"
#include "epmdns/codec.h"

#define TIMEOUT_MS 500         // as long as an agent waits at most
#define TIMEOUT_MAX_MS 3600000 // a later agent may wait longer
#define DIST_VERSION 6         // what Erlang speaks since OTP 23; a node from 25 on ignores it

int values_node(const char *word, uint8_t buf[EP_NODE_MAX], struct ep_msg *msg)
{
	const char *at = strchr(word, '@');
	const char *problem;
	size_t n;

	if (at == NULL || at == word || at[1] == '\0') {
		output_complain("'%s' is no full node name: write NAME@HOST, as 'epmdns list' "
				"shows it",
				word);
		return EXIT_USAGE;
	}
	problem = text_to_latin1(word, buf, EP_NODE_MAX, &n);
	if (problem != NULL) {
		output_complain("'%s' cannot be a node name: %s", word, problem);
		return EXIT_USAGE;
	}
	ep_set_str(msg, EP_F_NODE, &msg->node, buf, n);
	return 0;
}

int values_host(const char *word, uint8_t buf[EP_HOST_MAX], struct ep_msg *msg)
{
	size_t n;
	const char *problem =
		*word == '\0' ? "it is empty" : text_to_latin1(word, buf, EP_HOST_MAX, &n);

	if (problem != NULL) {
		output_complain("'%s' cannot be a host: %s", word, problem);
		return EXIT_USAGE;
	}
	ep_set_str(msg, EP_F_HOST, &msg->host, buf, n);
	return 0;
}

static int set_cluster(const struct arguments *args, struct ep_msg *msg)
{
	if (args->cluster == NULL) {
		return 0;
	}
	if (*args->cluster == '\0' || strlen(args->cluster) > EP_CLUSTER_MAX) {
		output_complain("--cluster: a cluster has 1 to %d characters", EP_CLUSTER_MAX);
		return EXIT_USAGE;
	}
	ep_set_str(msg, EP_F_CLUSTER, &msg->cluster, args->cluster, strlen(args->cluster));
	return 0;
}

int values_filter(const struct arguments *args, struct ep_msg *msg)
{
	if (args->all) {
		ep_set_u32(msg, EP_F_FILTER, &msg->filter, EP_FILTER_ALL);
	}
	return set_cluster(args, msg);
}

static int set_tags(const struct arguments *args, struct ep_msg *msg)
{
	size_t total = 0;

	for (size_t i = 0; i < args->n_tags; i++) {
		const char *tag = args->tags[i];
		size_t n = strlen(tag);

		if (*tag == '=' || strchr(tag, '=') == NULL) {
			output_complain("--tag: '%s' is not KEY=VALUE", tag);
			return EXIT_USAGE;
		}
		total += n;
		if (total > EP_TAGS_BYTES_MAX) {
			output_complain("--tag: all tags together have at most %d bytes",
					EP_TAGS_BYTES_MAX);
			return EXIT_USAGE;
		}
		ep_add(msg, EP_F_TAG, tag, n);
	}
	return 0;
}

static int set_carrier(const struct arguments *args, struct ep_msg *msg)
{
	bool is_inet6 = args->address != NULL && strchr(args->address, ':') != NULL;

	if (args->carrier == NULL) {
		ep_set_u32(msg, EP_F_CARRIER, &msg->carrier,
			   is_inet6 ? EP_CARRIER_INET6_TCP : EP_CARRIER_INET_TCP);
		return 0;
	}
	for (uint32_t i = EP_CARRIER_INET_TCP; i <= EP_CARRIER_INET6_TLS; i++) {
		if (strcmp(args->carrier, ep_carrier_name(i)) == 0) {
			ep_set_u32(msg, EP_F_CARRIER, &msg->carrier, i);
			return 0;
		}
	}
	output_complain("--carrier: '%s' is none of inet_tcp, inet6_tcp, inet_tls and inet6_tls",
			args->carrier);
	return EXIT_USAGE;
}

static int set_bound(const struct arguments *args, uint8_t address[16], struct ep_msg *msg)
{
	bool is_inet = ep_carrier_family(msg->carrier) == EP_FAMILY_INET;

	if (args->address == NULL) {
		return 0;
	}
	if (inet_pton(is_inet ? AF_INET : AF_INET6, args->address, address) != 1) {
		output_complain("--address: '%s' is no IPv%d address, as %s needs", args->address,
				is_inet ? 4 : 6, ep_carrier_name(msg->carrier));
		return EXIT_USAGE;
	}
	ep_set_str(msg, EP_F_BOUND, &msg->bound, address, is_inet ? 4 : 16);
	return 0;
}

int values_registration(const struct arguments *args, uint8_t address[16], struct ep_msg *msg)
{
	uint32_t port;

	if (text_number(args->operands[1], 1, UINT16_MAX, &port) != 0) {
		output_complain("'%s' is no port: 1 to %d", args->operands[1], UINT16_MAX);
		return EXIT_USAGE;
	}
	ep_set_u32(msg, EP_F_PORT, &msg->port, port);
	ep_set_u32(msg, EP_F_DIST_HIGH, &msg->dist_high, DIST_VERSION);
	ep_set_u32(msg, EP_F_DIST_LOW, &msg->dist_low, DIST_VERSION);
	if (args->hidden) {
		ep_set_u32(msg, EP_F_FLAGS, &msg->flags, EP_FLAG_HIDDEN);
	}
	if (set_carrier(args, msg) != 0 || set_bound(args, address, msg) != 0 ||
	    set_cluster(args, msg) != 0) {
		return EXIT_USAGE;
	}
	return set_tags(args, msg);
}

int values_timeout(const struct arguments *args, uint32_t *timeout_ms)
{
	*timeout_ms = TIMEOUT_MS;
	if (args->timeout != NULL &&
	    text_number(args->timeout, 0, TIMEOUT_MAX_MS, timeout_ms) != 0) {
		output_complain("--timeout: '%s' is no number of milliseconds up to %d",
				args->timeout, TIMEOUT_MAX_MS);
		return EXIT_USAGE;
	}
	return 0;
}
