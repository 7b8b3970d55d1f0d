// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/interfaces.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "discovery/addresses.h"
#include "discovery/hostlinks.h"
#include "discovery/links.h"
#include "discovery/patterns.h"

// A link that comes up says so several times; it is looked at once in this time.
#define SETTLE_MS 50
#define MANY_LOG_MS 3600000

struct interfaces {
	size_t n;
	char names[LINK_INTERFACES_MAX][LINK_IFNAME_MAX];
	struct patterns ignored;
	bool has_ignored; // Avahi uses an interface that is ignored
	size_t n_on;      // what interfaces_publish_on() returns
	int32_t on[LINK_INTERFACES_MAX];
	struct links links;
	int netlink;
	struct event *on_netlink;
	struct event *settled;
	struct event *due;
	struct interfaces_handler handler;
	struct log_limit many_log;
};

struct interfaces *interfaces_new(void)
{
	struct interfaces *interfaces = xcalloc(1, sizeof(*interfaces));

	interfaces->netlink = -1;
	interfaces->many_log.interval_ms = MANY_LOG_MS;
	return interfaces;
}

void interfaces_free(struct interfaces *interfaces)
{
	if (interfaces == NULL) {
		return;
	}
	if (interfaces->settled != NULL) {
		event_free(interfaces->settled);
		event_free(interfaces->due);
	}
	if (interfaces->on_netlink != NULL) {
		event_free(interfaces->on_netlink);
	}
	if (interfaces->netlink >= 0) {
		close(interfaces->netlink);
	}
	free(interfaces);
}

int interfaces_name(struct interfaces *interfaces, const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= LINK_IFNAME_MAX || interfaces->n == LINK_INTERFACES_MAX) {
		return -EINVAL;
	}
	memcpy(interfaces->names[interfaces->n++], name, len + 1);
	return 0;
}

int interfaces_ignore(struct interfaces *interfaces, const char *pattern)
{
	return patterns_add(&interfaces->ignored, pattern);
}

bool interfaces_are_named(const struct interfaces *interfaces)
{
	return interfaces->n > 0;
}

// Named ones are meant, whatever they are called.
static bool is_wanted(const struct interfaces *interfaces, const char *name)
{
	for (size_t i = 0; i < interfaces->n; i++) {
		if (strcmp(interfaces->names[i], name) == 0) {
			return true;
		}
	}
	return interfaces->n == 0 && !patterns_match(&interfaces->ignored, name);
}

static bool on_interface(void *user, const char *name, unsigned flags)
{
	const unsigned used = IFF_UP | IFF_MULTICAST;
	struct interfaces *interfaces = user;
	bool is = is_wanted(interfaces, name);

	interfaces->has_ignored |= !is && (flags & used) == used;
	return is;
}

/*
 * Where to publish: everywhere, with one entry for all in Avahi that holds for interfaces to come
 * as well; or, if only some are meant, on each of these. Those without a carrier count, or a cable
 * pulled would have everything published anew.
 */
static void choose(struct interfaces *interfaces, const struct hostlinks *there)
{
	bool is_all = interfaces->n == 0 && !interfaces->has_ignored;
	uint64_t suppressed = 0;

	interfaces->n_on = 0;
	for (size_t i = 0; !is_all && i < there->n; i++) {
		const struct link_status *link = &there->all[i];

		if (interfaces->n == 0 && (!link->is_up || !link->is_multicast)) {
			continue;
		}
		if (interfaces->n_on < LINK_INTERFACES_MAX) {
			interfaces->on[interfaces->n_on++] = link->ifindex;
			continue;
		}
		is_all = true; // an entry group has not room for more
		if (log_limit_pass(&interfaces->many_log, clock_now_ms(), &suppressed)) {
			log_warn("More than %d interfaces: publishing on all, ignored ones too.",
				 LINK_INTERFACES_MAX);
		}
	}
	if (is_all) {
		interfaces->on[0] = -1; // AVAHI_IF_UNSPEC
		interfaces->n_on = 1;
	}
}

static void run_due(struct interfaces *interfaces)
{
	uint64_t now_ms = clock_now_ms();
	struct links_event event;
	struct timeval wait;
	int64_t wait_ms;

	while (links_next(&interfaces->links, now_ms, &event)) {
		interfaces->handler.on_link(interfaces->handler.owner, &event);
	}
	wait_ms = links_wait_ms(&interfaces->links, now_ms);
	if (wait_ms >= 0) {
		wait = clock_timeval((uint64_t)wait_ms);
		event_add(interfaces->due, &wait);
	}
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	run_due(arg);
}

// Return: 0, or -errno and nothing has changed.
static int look(struct interfaces *interfaces)
{
	struct hostlinks there;
	int error;

	interfaces->has_ignored = false;
	error = hostlinks_read(&there, on_interface, interfaces);
	if (error == 0) {
		choose(interfaces, &there);
		links_take(&interfaces->links, there.all, there.n, clock_now_ms());
	}
	return error;
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	struct interfaces *interfaces = arg;
	int32_t before[LINK_INTERFACES_MAX];
	size_t n = interfaces_publish_on(interfaces, before);

	(void)fd;
	(void)what;
	if (look(interfaces) < 0) {
		return;
	}
	if (n != interfaces->n_on || memcmp(before, interfaces->on, n * sizeof(before[0])) != 0) {
		log_info("The interfaces to publish on are others now. interfaces=%zu",
			 interfaces->n_on);
		interfaces->handler.on_set(interfaces->handler.owner);
	}
	run_due(interfaces);
}

// From the first message on, so that a link that never comes to rest is looked at all the same.
static void on_netlink(evutil_socket_t fd, short what, void *arg)
{
	struct interfaces *interfaces = arg;
	const struct timeval settle = clock_timeval(SETTLE_MS);

	(void)what;
	hostlinks_drain(fd);
	if (!event_pending(interfaces->settled, EV_TIMEOUT, NULL)) {
		event_add(interfaces->settled, &settle);
	}
}

int interfaces_watch(struct interfaces *interfaces, struct event_base *base,
		     struct interfaces_handler handler)
{
	int error;

	interfaces->handler = handler;
	interfaces->settled = event_new(base, -1, 0, on_settled, interfaces);
	interfaces->due = event_new(base, -1, 0, on_due, interfaces);
	interfaces->netlink = hostlinks_open();
	error = look(interfaces);
	if (interfaces->netlink < 0) {
		return interfaces->netlink;
	}
	interfaces->on_netlink =
		event_new(base, interfaces->netlink, EV_READ | EV_PERSIST, on_netlink, interfaces);
	event_add(interfaces->on_netlink, NULL);
	return error;
}

size_t interfaces_publish_on(const struct interfaces *interfaces, int32_t on[LINK_INTERFACES_MAX])
{
	memcpy(on, interfaces->on, interfaces->n_on * sizeof(on[0]));
	return interfaces->n_on;
}

bool interfaces_is_dead(const struct interfaces *interfaces, int32_t ifindex)
{
	return links_is_dead(&interfaces->links, ifindex);
}

static bool is_loopback(const char *name)
{
	struct ifreq request = {0};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool is = false;

	if (fd >= 0) {
		memcpy(request.ifr_name, name, LINK_IFNAME_MAX);
		is = ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_LOOPBACK);
		close(fd);
	}
	return is;
}

bool interfaces_accept(const struct interfaces *interfaces, int32_t ifindex,
		       char name[LINK_IFNAME_MAX])
{
	static_assert(LINK_IFNAME_MAX == IF_NAMESIZE, "the link has room for any interface's name");
	char found[IF_NAMESIZE] = "";

	if (ifindex <= 0 || if_indextoname((unsigned)ifindex, found) == NULL ||
	    is_loopback(found)) {
		return false;
	}
	memcpy(name, found, LINK_IFNAME_MAX);
	return is_wanted(interfaces, name);
}

// Bytes of an address and their number; NULL for what is no internet address.
static const uint8_t *address_bytes(const struct sockaddr *address, size_t *len)
{
	if (address != NULL && address->sa_family == AF_INET) {
		*len = 4;
		return (const uint8_t *)address + offsetof(struct sockaddr_in, sin_addr);
	}
	if (address != NULL && address->sa_family == AF_INET6) {
		*len = 16;
		return (const uint8_t *)address + offsetof(struct sockaddr_in6, sin6_addr);
	}
	*len = 0;
	return NULL;
}

// IPv4 addresses may have a label ("eth0:1") in place of the interface's name.
static bool is_of_interface(const struct ifaddrs *entry, const char *name)
{
	size_t n = strlen(name);

	return strncmp(entry->ifa_name, name, n) == 0 &&
	       (entry->ifa_name[n] == '\0' || entry->ifa_name[n] == ':');
}

static bool covers(const struct ifaddrs *entry, const struct link_address *address)
{
	size_t len, mask_len, peer_len = 0;
	const uint8_t *own = address_bytes(entry->ifa_addr, &len);
	const uint8_t *mask = address_bytes(entry->ifa_netmask, &mask_len);
	const uint8_t *peer = NULL;

	if (own == NULL || mask == NULL || len != address->len || mask_len != len) {
		return false;
	}
	if (entry->ifa_flags & IFF_POINTOPOINT) {
		peer = address_bytes(entry->ifa_dstaddr, &peer_len);
	}
	return address_matches(address->bytes, own, mask, len) ||
	       (peer != NULL && peer_len == len && memcmp(address->bytes, peer, len) == 0);
}

static bool is_same(const struct ifaddrs *entry, const struct link_address *address)
{
	size_t len;
	const uint8_t *own = address_bytes(entry->ifa_addr, &len);

	return own != NULL && len == address->len && memcmp(own, address->bytes, len) == 0;
}

bool interfaces_mark_on_link(const char *name, struct link_address *address)
{
	struct ifaddrs *list;
	bool is_own = false;

	address->is_on_link = address_is_link_local(address);
	if (getifaddrs(&list) < 0) {
		return true;
	}
	for (const struct ifaddrs *p = list; p != NULL; p = p->ifa_next) {
		is_own |= is_same(p, address);
		address->is_on_link |= is_of_interface(p, name) && covers(p, address);
	}
	freeifaddrs(list);
	return !is_own;
}
