// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/lanes.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/xalloc.h"
#include "model/peers.h"

static struct lane *obtain(struct lanes *lanes, const struct peers_address *address)
{
	uint8_t key[LANES_KEY_LEN] = {address->len};
	struct lane *lane;

	memcpy(key + 1, address->bytes, address->len);
	HASH_FIND(hh, lanes->by_address, key, LANES_KEY_LEN, lane);
	if (lane == NULL) {
		lane = xcalloc(1, sizeof(*lane));
		memcpy(lane->key, key, LANES_KEY_LEN);
		HASH_ADD(hh, lanes->by_address, key, LANES_KEY_LEN, lane);
	}
	return lane;
}

static void free_if_idle(struct lanes *lanes, struct lane *lane)
{
	if (lane->n_waiting == 0 && lane->n_running == 0) {
		HASH_DEL(lanes->by_address, lane);
		free(lane);
	}
}

static void take_off(struct lanes *lanes, struct lane_item *item)
{
	struct lane *lane = item->lane;

	DL_DELETE(lane->waiting, item);
	DL_DELETE2(lanes->oldest, item, older, newer);
	lanes->n_waiting--;
	if (--lane->n_waiting == 0) {
		DL_DELETE(lanes->turns, lane);
	}
}

void lanes_add(struct lanes *lanes, struct lane_item *item, const struct peers_address *address)
{
	struct lane *lane = obtain(lanes, address);

	item->lane = lane;
	DL_APPEND(lane->waiting, item);
	DL_APPEND2(lanes->oldest, item, older, newer);
	lanes->n_waiting++;
	if (lane->n_waiting++ == 0) {
		DL_APPEND(lanes->turns, lane);
	}
}

void lanes_start(struct lanes *lanes, struct lane_item *item)
{
	struct lane *lane = item->lane;

	take_off(lanes, item);
	lane->n_running++;
	lanes->n_running++;
	if (lane->n_waiting > 0) {
		DL_DELETE(lanes->turns, lane);
		DL_APPEND(lanes->turns, lane);
	}
}

void lanes_end(struct lanes *lanes, struct lane_item *item)
{
	item->lane->n_running--;
	lanes->n_running--;
	free_if_idle(lanes, item->lane);
}

void lanes_remove(struct lanes *lanes, struct lane_item *item)
{
	take_off(lanes, item);
	free_if_idle(lanes, item->lane);
}

void lanes_postpone(struct lane_item *item)
{
	DL_DELETE(item->lane->waiting, item);
	DL_APPEND(item->lane->waiting, item);
}

bool lanes_has_room(const struct lanes *lanes, const struct lane *lane)
{
	return lanes->n_running < lanes->n_places &&
	       lane->n_running < LANES_SHARE * (lanes->n_places - lanes->n_running);
}
