// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * How many service instances are heard in each place, which is an interface and a protocol: each
 * has a cache of its own in Avahi. Internal to the peers model.
 */
#pragma once

#include <stdint.h>

#include "model/peers.h"

#define CENSUS_PLACES_MAX 32 // those beyond are not counted

struct census {
	unsigned n;
	struct {
		struct peers_where where;
		uint32_t heard;
	} places[CENSUS_PLACES_MAX]; // all with at least one, in no order
};

void census_add(struct census *census, struct peers_where where);
void census_remove(struct census *census, struct peers_where where);
// census_fullest(): where most are heard, if any are. Return: how many.
uint32_t census_fullest(const struct census *census, struct peers_where *where);
