// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What is to be published, and in which order the work of getting there is done. Pure: the time is
 * passed in, and what Avahi holds for a publication is an opaque handle of the publisher's.
 *
 * A node that changes gets a new instance and then loses the old one. The old one is kept until the
 * new one has been announced twice, so that readers never find a gap, even if a packet is lost.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "edge/wire.h"

/*
 * Named at one time: the front names a new instance before it withdraws the old, and may do so for
 * all, and a node may add its other family. What Avahi refuses for the moment is tried again.
 */
#define PUBLICATIONS_MAX (2 * LINK_INSTANCES_MAX + 512)
/*
 * Avahi announces within 0.37 s of a commit and again 1 s later; a goodbye of the old instance
 * after that cannot overtake the new one.
 */
#define PUBLICATIONS_RETIRE_MS 1500

enum publication_work {
	PUBLICATION_IDLE,
	PUBLICATION_CHANGE,  // its records are announced: change them in place
	PUBLICATION_REPLACE, // announce them anew, then drop the old ones: no goodbye between
	PUBLICATION_PUBLISH, // withdraw what there is, if anything, and announce
	PUBLICATION_WITHDRAW,
};

struct publication {
	char instance[LINK_INSTANCE_MAX + 1];
	char cluster[EP_CLUSTER_MAX + 1];
	uint16_t port;
	uint16_t ttl_s;
	uint16_t txt_len;
	uint8_t *txt;
	enum publication_work work;
	bool is_named; // since the last reset
	bool is_late;
	bool is_established;
	bool is_refused;
	void *handle;          // not NULL: Avahi holds records of it
	uint64_t announced_ms; // 0: not yet
	uint64_t due_ms;       // when late
	uint32_t round;        // the announcer's
	struct publication *prev,
		*next;     // publications::queue, ::changes, ::leaving or ::late, if there is work
	UT_hash_handle hh; // publications::by_instance
};

struct publications {
	struct publication *by_instance;
	struct publication *queue;   // to be announced, in order
	struct publication *changes; // announced, to be changed or replaced, in order
	struct publication *leaving; // to be withdrawn now
	struct publication *late;    // not yet: retiring ones, and refused ones to be tried again
	size_t n_named;
};

enum publications_outcome {
	PUBLICATIONS_E_SAME = 1, // nothing to do: published as it is
	PUBLICATIONS_E_FULL,
};

// publications_put(): from a LINK_PUBLISH. Return: 0 when there is work, or publications_outcome.
int publications_put(struct publications *all, const struct link_msg *msg);
// publications_withdraw(): one that Avahi holds nothing of is dropped at once.
void publications_withdraw(struct publications *all, const char *instance, uint64_t now_ms);
void publications_reset(struct publications *all);
// publications_end(): withdraw all that was not put since the reset.
void publications_end(struct publications *all, uint64_t now_ms);
bool publications_has(const struct publications *all, const char *instance);

// publications_next(): the one whose work is to be done now, withdrawals first; or NULL.
struct publication *publications_next(struct publications *all, uint64_t now_ms);
// publications_wait_ms(): until publications_next() has one; 0: it does now, -1: never.
int64_t publications_wait_ms(const struct publications *all, uint64_t now_ms);

// What became of the work. After a withdrawal the publication is freed.
void publications_done(struct publications *all, struct publication *one, uint64_t now_ms);
// Tried again after wait_ms, unless something else is wanted by then.
void publications_refused(struct publications *all, struct publication *one, uint64_t now_ms,
			  uint64_t wait_ms);

// publications_touch(): give all that Avahi holds this work, unless more is to be done with them.
void publications_touch(struct publications *all, enum publication_work work);
// publications_lost(): Avahi holds nothing any more; all handles are forgotten.
void publications_lost(struct publications *all);
void publications_fini(struct publications *all);
