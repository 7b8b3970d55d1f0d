// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "model/order.h"

#include <stddef.h>

void order_append(struct order *order, struct order_link *link)
{
	link->seq = order->next_seq++;
	link->prev = order->last;
	link->next = NULL;
	if (order->last != NULL) {
		order->last->next = link;
	} else {
		order->first = link;
	}
	order->last = link;
}

void order_remove(struct order *order, struct order_link *link)
{
	// A few at most: one for each list that is being sent right now.
	for (struct order_cursor *c = order->cursors; c != NULL; c = c->next) {
		if (c->at == link) {
			c->at = link->next;
		}
	}
	if (link->prev != NULL) {
		link->prev->next = link->next;
	} else {
		order->first = link->next;
	}
	if (link->next != NULL) {
		link->next->prev = link->prev;
	} else {
		order->last = link->prev;
	}
	link->prev = link->next = NULL;
}

void order_cursor_open(struct order_cursor *cursor, struct order *order)
{
	cursor->order = order;
	cursor->at = order->first;
	cursor->prev = NULL;
	cursor->next = order->cursors;
	if (order->cursors != NULL) {
		order->cursors->prev = cursor;
	}
	order->cursors = cursor;
}

void order_cursor_close(struct order_cursor *cursor)
{
	if (cursor->order == NULL) {
		return;
	}
	if (cursor->prev != NULL) {
		cursor->prev->next = cursor->next;
	} else {
		cursor->order->cursors = cursor->next;
	}
	if (cursor->next != NULL) {
		cursor->next->prev = cursor->prev;
	}
	*cursor = (struct order_cursor){NULL, NULL, NULL, NULL};
}

struct order_link *order_cursor_next(struct order_cursor *cursor)
{
	struct order_link *link = cursor->at;

	if (link != NULL) {
		cursor->at = link->next;
	}
	return link;
}
