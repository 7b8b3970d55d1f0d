// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What both registry tests begin with.
#pragma once

#include "model/registry.h"

#include "test.h"

static const struct registry_limits roomy = {100, 100, 100};

// A request with everything usual; the rows of the tables below say what differs.
static inline struct registry_request request_of(uint64_t session, uid_t uid, int token,
						 const char *node)
{
	struct registry_request request = {
		.owner = {.session = session, .uid = uid, .has_token = token != 0},
		.node = str_of(node),
		.carrier = EP_CARRIER_INET_TCP,
		.port = 4000,
		.dist_high = 6,
		.dist_low = 5,
		.fresh_creation = 77,
		.now_ms = 1000,
	};

	memset(request.owner.token, token, EP_OWNER_LEN);
	return request;
}

static inline void close_session(struct registry *registry, uint64_t session)
{
	struct registry_node *node;

	while ((node = registry_first_of(registry, session)) != NULL) {
		assert_true(registry_is_owner(node, session));
		registry_remove(registry, node);
	}
}
