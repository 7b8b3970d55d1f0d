// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The records of one publication in an entry group of Avahi: PTR, PTR of the cluster's subtype, SRV
 * and TXT, raw, because only raw records can go without a probe and have a TTL of their own. The
 * instance's name is unique by construction, so RFC 6762 §8.1 lets us skip the probe.
 */
#pragma once

#include <avahi-client/publish.h>

#include "discovery/interfaces.h"
#include "discovery/publications.h"
#include "model/service.h"

struct session;

#define RECORDS_IN_GROUP 32 // Avahi's entries-per-entry-group-max
/*
 * A subtype under which a host lists its instances for some seconds when its link, its address or
 * its name has come back or changed: who has them in its cache would hear nothing new otherwise.
 */
#define RECORDS_AGAIN_TYPE "_again._sub." SERVICE_TYPE

// What to repeat.
enum records_what {
	RECORDS_SERVICE, // PTR, SRV and TXT, for those who have lost them
	RECORDS_AGAIN,   // PTR of RECORDS_AGAIN_TYPE, for those who still have them
};

/*
 * records_announce(): in a new group. Return: AVAHI_OK, or Avahi's error; AVAHI_ERR_INVALID_RECORD
 * also for a name that cannot be. The session may be down then.
 */
int records_announce(struct session *session, const struct publication *one, const char *host,
		     const struct interfaces *interfaces, AvahiEntryGroupCallback on_group,
		     void *owner, AvahiEntryGroup **group);
/*
 * records_change(): those of an announced group, in place. No goodbye is sent, and nothing at all
 * when only the TTL is another. Return: AVAHI_OK or Avahi's error; session_check() is yours to
 * call.
 */
int records_change(AvahiEntryGroup *group, const struct publication *one, const char *host,
		   const struct interfaces *interfaces);
/*
 * records_announce_type(): so that those who look for types (avahi-browse -a) find ours, until the
 * session ends. If it cannot be done, nobody is hurt; but the session may be down then.
 */
void records_announce_type(struct session *session, const struct interfaces *interfaces);
/*
 * records_repeat(): records of up to records_repeat_max() publications once more, on one interface,
 * in one new group. As long as the first ones stand, freeing it says goodbye to none of the
 * service. Return: AVAHI_OK, or Avahi's error; the session may be down then, and there is no group.
 */
size_t records_repeat_max(enum records_what what);
int records_repeat(struct session *session, const struct publication *const *all, size_t n,
		   const char *host, int32_t ifindex, enum records_what what,
		   AvahiEntryGroup **group);
