// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * A resolver of Avahi's gives only one address of a host, and for IPv6 that is mostly a link-local
 * one, which Erlang cannot use. This collects the others, for a second at most.
 */
#pragma once

#include "edge/wire.h"

struct collector;
struct event_base;
struct session;

struct collector_handler {
	// Enough, or all there is; the collector may be freed now.
	void (*on_done)(void *owner, struct collector *collector);
	void *owner;
};

/*
 * collector_new(): collect addresses of host, heard where msg->ref was, of the family of msg->ref.
 * msg is copied. Return: NULL when Avahi cannot; see session_check().
 */
struct collector *collector_new(struct event_base *base, struct session *session,
				const struct link_msg *msg, const char *host,
				struct collector_handler handler);
// Both accept NULL. The former frees Avahi's object, the latter leaves that to its client's end.
void collector_free(struct collector *collector);
void collector_abandon(struct collector *collector);
// The message with all addresses, best first.
const struct link_msg *collector_msg(const struct collector *collector);
