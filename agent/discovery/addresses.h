// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Addresses of other hosts: what a prefix covers, and which of several is the best. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/wire.h"

// address_matches(): do a and b, of len bytes, agree in all bits that are set in mask?
bool address_matches(const uint8_t *a, const uint8_t *b, const uint8_t *mask, size_t len);
// fe80::/10: Erlang cannot use it, as its address tuple has no scope.
bool address_is_link_local(const struct link_address *address);
/*
 * addresses_add(): insert it at its rank: on-link ones first, link-local ones last, otherwise in
 * order of arrival. A repeated one is skipped; of too many the worst is dropped.
 */
void addresses_add(struct link_msg *msg, const struct link_address *address);
// addresses_are_usable(): is the best one good enough to connect to: on link and not link-local?
bool addresses_are_usable(const struct link_msg *msg);
// addresses_are_on_link(): is at least one of them, if only a link-local one?
bool addresses_are_on_link(const struct link_msg *msg);
