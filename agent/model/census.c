// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/census.h"

static unsigned find(const struct census *census, struct peers_where where)
{
	unsigned i = 0;

	while (i < census->n && (census->places[i].where.ifindex != where.ifindex ||
				 census->places[i].where.family != where.family)) {
		i++;
	}
	return i;
}

void census_add(struct census *census, struct peers_where where)
{
	unsigned i = find(census, where);

	if (i == CENSUS_PLACES_MAX) {
		return;
	}
	if (i == census->n) {
		census->places[i].where = where;
		census->places[i].heard = 0;
		census->n++;
	}
	census->places[i].heard++;
}

void census_remove(struct census *census, struct peers_where where)
{
	unsigned i = find(census, where);

	if (i < census->n && --census->places[i].heard == 0) {
		census->places[i] = census->places[--census->n];
	}
}

uint32_t census_fullest(const struct census *census, struct peers_where *where)
{
	uint32_t most = 0;

	for (unsigned i = 0; i < census->n; i++) {
		if (census->places[i].heard > most) {
			most = census->places[i].heard;
			*where = census->places[i].where;
		}
	}
	return most;
}
