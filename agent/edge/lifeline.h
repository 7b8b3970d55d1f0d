// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * Whoever started us and holds the other end of a descriptor of ours, usually standard input: when
 * he is gone, however he ended, the kernel closes that end. What he writes means nothing.
 */
#pragma once

struct event_base;
struct lifeline;

/*
 * lifeline_problem(): why the end of what this descriptor is open to cannot be waited for, or NULL.
 * To be asked before anything is opened: a descriptor that was closed would be the next one's.
 */
const char *lifeline_problem(int fd);

/*
 * lifeline_new(): on_end comes once, from the loop, when there is no more to read: its text says
 * why. fd (borrowed) is one without a problem, and read by nobody else.
 */
struct lifeline *lifeline_new(struct event_base *base, int fd,
			      void (*on_end)(void *user, const char *why), void *user);
void lifeline_free(struct lifeline *lifeline);
