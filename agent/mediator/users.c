// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * What the clients of one user hold together: of everything that all share, no user can have more
 * than half, so that none can keep the others out.
 */

#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "mediator/internal.h"

#define HINTS_WINDOW_MS 1000

// Without a client there is nothing but its hints to remember, or it could come back for more.
static void forget(struct agent *agent, uint64_t now_ms)
{
	struct user *user, *next;

	HASH_ITER (hh, agent->users, user, next) {
		if (user->n_clients == 0 && now_ms - user->hints_since_ms >= HINTS_WINDOW_MS) {
			HASH_DEL(agent->users, user);
			free(user);
		}
	}
}

struct user *users_enter(struct agent *agent, uid_t uid)
{
	struct user *user;

	forget(agent, clock_now_ms());
	HASH_FIND(hh, agent->users, &uid, sizeof(uid), user);
	if (user == NULL) {
		user = xcalloc(1, sizeof(*user));
		user->uid = uid;
		HASH_ADD(hh, agent->users, uid, sizeof(user->uid), user);
	}
	user->n_clients++;
	return user;
}

void users_leave(struct agent *agent, struct user *user)
{
	if (--user->n_clients == 0) {
		forget(agent, clock_now_ms());
	}
}

void users_fini(struct agent *agent)
{
	forget(agent, UINT64_MAX);
}

bool users_may_hint(struct user *user)
{
	uint64_t now_ms = clock_now_ms();

	if (now_ms - user->hints_since_ms >= HINTS_WINDOW_MS) {
		user->hints_since_ms = now_ms;
		user->n_hints = 0;
	}
	return user->n_hints < AGENT_HINTS_PER_UID_MAX;
}
