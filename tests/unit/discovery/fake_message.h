// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

// Messages of the link in words; fake_discovery.c has the list.
#pragma once

#include <stdbool.h>

#include "edge/wire.h"
#include "fake_line.h"

// What the front said.
void message_describe(const struct link_msg *msg, struct line *line);
// What is to be said to it; msg is all zero before. Return: false when the words are not
// understood.
bool message_compose(struct link_msg *msg, const struct words *words);
