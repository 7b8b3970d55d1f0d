// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What waits to be probed, by the address that it is to be asked at. Each address has a lane, and
 * the lanes take turns: whoever has us ask thousands of ports of one host, or a host of many nodes
 * that is silent, holds up nobody else. Part of the prober.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

struct peers_address;

/*
 * An address may have as many times more under way than there are places left. So one alone has
 * three quarters of all places, several share what there is, and who comes next finds one.
 */
#define LANES_SHARE 3

#define LANES_KEY_LEN 17 // of an address: its length, and as many bytes as are used

struct lane;

// Part of what waits.
struct lane_item {
	struct lane *lane;
	struct lane_item *prev, *next;   // lane::waiting
	struct lane_item *older, *newer; // lanes::oldest
};

struct lane {
	UT_hash_handle hh; // lanes::by_address
	uint8_t key[LANES_KEY_LEN];
	struct lane_item *waiting;
	uint32_t n_waiting, n_running;
	struct lane *prev, *next; // lanes::turns, while something waits
};

struct lanes {
	struct lane *by_address;
	struct lane *turns;       // the first has its turn
	struct lane_item *oldest; // of all that wait
	uint32_t n_waiting, n_running, n_places;
};

// lanes_add(): it waits from now on.
void lanes_add(struct lanes *lanes, struct lane_item *item, const struct peers_address *address);
// lanes_start(): it has waited long enough, and is under way until lanes_end(). Its lane's next
// turn comes after those of the others.
void lanes_start(struct lanes *lanes, struct lane_item *item);
void lanes_end(struct lanes *lanes, struct lane_item *item);
// lanes_remove(): it has waited in vain.
void lanes_remove(struct lanes *lanes, struct lane_item *item);
// lanes_postpone(): let the others of its lane go first.
void lanes_postpone(struct lane_item *item);
// lanes_has_room(): may one more of this lane be started?
bool lanes_has_room(const struct lanes *lanes, const struct lane *lane);
