// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * An intrusive list in order of arrival, with cursors that survive removals: a long list goes out
 * in pieces while nodes come and go, and each is still said exactly once.
 */
#pragma once

#include <stdint.h>

struct order_link {
	struct order_link *prev, *next; // order::first
	uint64_t seq;                   // rises with each append, never reused
};

struct order {
	struct order_link *first, *last;
	struct order_cursor *cursors;
	uint64_t next_seq;
};

struct order_cursor {
	struct order *order;
	struct order_link *at;            // the next one to say; NULL at the end
	struct order_cursor *prev, *next; // order::cursors
};

void order_append(struct order *order, struct order_link *link);
// Cursors that stand on it move on.
void order_remove(struct order *order, struct order_link *link);
// A cursor must be closed before its order goes away. Closing twice is harmless.
void order_cursor_open(struct order_cursor *cursor, struct order *order);
void order_cursor_close(struct order_cursor *cursor);
// The element under the cursor, which then moves on; NULL at the end.
struct order_link *order_cursor_next(struct order_cursor *cursor);
