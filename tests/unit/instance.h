// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// What both service tests need.
#pragma once

#include <stdbool.h>

#include "model/service.h"

#include "test.h"

// Is it UTF-8 without control characters, as avahi_is_valid_service_name() wants it?
static inline bool is_instance_valid(const char *instance)
{
	size_t n = strlen(instance);

	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)instance[i];

		if (c >= 0x80) { // latin-1 makes two bytes at most
			if ((c != 0xc2 && c != 0xc3) || ((uint8_t)instance[++i] & 0xc0) != 0x80) {
				return false;
			}
		} else if (c < ' ' || c == 0x7f) {
			return false;
		}
	}
	return n > 0 && n <= SERVICE_INSTANCE_MAX;
}
