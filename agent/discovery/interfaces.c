// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/interfaces.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
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

#define SETTLE_MS 200 // a link that comes up says so several times

struct interfaces {
	size_t n;
	char names[LINK_INTERFACES_MAX][LINK_IFNAME_MAX];
	int32_t numbers[LINK_INTERFACES_MAX]; // 0: missing
	int netlink;
	struct event *on_link;
	struct event *settled;
	interfaces_on_changed on_changed;
	void *owner;
};

struct interfaces *interfaces_new(void)
{
	struct interfaces *interfaces = xcalloc(1, sizeof(*interfaces));

	interfaces->netlink = -1;
	return interfaces;
}

void interfaces_free(struct interfaces *interfaces)
{
	if (interfaces == NULL) {
		return;
	}
	if (interfaces->on_link != NULL) {
		event_free(interfaces->on_link);
	}
	if (interfaces->settled != NULL) {
		event_free(interfaces->settled);
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
	memcpy(interfaces->names[interfaces->n], name, len + 1);
	interfaces->numbers[interfaces->n] = (int32_t)if_nametoindex(name);
	interfaces->n++;
	return 0;
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
	struct interfaces *interfaces = arg;
	bool has_changed = false;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < interfaces->n; i++) {
		int32_t number = (int32_t)if_nametoindex(interfaces->names[i]);

		if (number != interfaces->numbers[i]) {
			log_info("An interface is %s. interface=%s", number == 0 ? "gone" : "there",
				 interfaces->names[i]);
			interfaces->numbers[i] = number;
			has_changed = true;
		}
	}
	if (has_changed) {
		interfaces->on_changed(interfaces->owner);
	}
}

// What the messages say is not read: the state is asked for afresh once they have ceased.
static void on_link(evutil_socket_t fd, short what, void *arg)
{
	struct interfaces *interfaces = arg;
	const struct timeval settle = clock_timeval(SETTLE_MS);
	char buf[8192];

	(void)what;
	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR) {
		errno = 0;
	}
	event_add(interfaces->settled, &settle);
}

int interfaces_watch(struct interfaces *interfaces, struct event_base *base,
		     interfaces_on_changed on_changed, void *owner)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};

	if (interfaces->n == 0) {
		return 0;
	}
	interfaces->on_changed = on_changed;
	interfaces->owner = owner;
	interfaces->netlink =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (interfaces->netlink < 0 ||
	    bind(interfaces->netlink, (struct sockaddr *)&address, sizeof(address)) < 0) {
		return -errno;
	}
	interfaces->settled = event_new(base, -1, 0, on_settled, interfaces);
	interfaces->on_link =
		event_new(base, interfaces->netlink, EV_READ | EV_PERSIST, on_link, interfaces);
	event_add(interfaces->on_link, NULL);
	return 0;
}

size_t interfaces_publish_on(const struct interfaces *interfaces, int32_t on[LINK_INTERFACES_MAX])
{
	size_t n = 0;

	if (interfaces->n == 0) {
		on[0] = -1;
		return 1;
	}
	for (size_t i = 0; i < interfaces->n; i++) {
		if (interfaces->numbers[i] > 0) {
			on[n++] = interfaces->numbers[i];
		}
	}
	return n;
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
	for (size_t i = 0; i < interfaces->n; i++) {
		if (strcmp(interfaces->names[i], name) == 0) {
			return true;
		}
	}
	return interfaces->n == 0;
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

void interfaces_mark_on_link(const char *name, struct link_address *address)
{
	struct ifaddrs *list;

	address->is_on_link = address_is_link_local(address);
	if (address->is_on_link || getifaddrs(&list) < 0) {
		return;
	}
	for (const struct ifaddrs *p = list; p != NULL && !address->is_on_link; p = p->ifa_next) {
		address->is_on_link = is_of_interface(p, name) && covers(p, address);
	}
	freeifaddrs(list);
}
