// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * TXT rdata from the network. What is accepted names a valid node, has valid tags, can be published
 * as it is, and decode(encode(decode x)) = decode x.
 */
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>

#include "model/node.h"
#include "model/service.h"

static bool is_equal(struct ep_str a, struct ep_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static void check_same(const struct service *a, const struct service *b)
{
	require(is_equal(a->node, b->node));
	require(a->creation == b->creation && a->revision == b->revision);
	require(a->carrier == b->carrier);
	require(a->dist_high == b->dist_high && a->dist_low == b->dist_low);
	require(a->is_hidden == b->is_hidden);
	require(is_equal(a->cluster, b->cluster));
	require(is_equal(a->bound, b->bound));
	require(is_equal(a->agent, b->agent));
	require(a->n_tags == b->n_tags);
	for (size_t i = 0; i < a->n_tags; i++) {
		require(is_equal(a->tags[i], b->tags[i]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct service first, second;
	uint8_t txt[SERVICE_TXT_MAX];
	char instance[SERVICE_INSTANCE_MAX + 1];
	char label[SERVICE_LABEL_MAX + 1];

	if (service_decode(data, size, &first) != NULL) {
		return 0;
	}
	require(node_name_problem(first.node) == NULL);
	require(service_tags_problem(first.tags, first.n_tags) == NULL);
	require(service_decode(txt, service_encode(&first, txt), &second) == NULL);
	check_same(&first, &second);

	service_instance(&first, instance);
	require(strlen(instance) > 9 && strlen(instance) <= SERVICE_INSTANCE_MAX);
	if (first.cluster.n > 0) {
		require(service_cluster_problem(first.cluster) == NULL);
		service_subtype(first.cluster, label);
		require(strlen(label) > 2 && strlen(label) <= SERVICE_LABEL_MAX);
	}
	return 0;
}
