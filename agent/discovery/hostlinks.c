// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "discovery/hostlinks.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"

// getifaddrs(3) tells no flags of addresses; of IPv6, this does. ProcSubset=pid hides /proc/net.
#define INET6_PATH "/proc/self/net/if_inet6"
#define NOT_USABLE (IFA_F_TENTATIVE | IFA_F_DADFAILED)

static void add_address(struct link_status *link, const uint8_t *bytes, size_t len)
{
	if (link != NULL && link->n_addresses < UINT16_MAX) {
		link->n_addresses++;
		link->addresses += hash_bytes(bytes, len);
	}
}

static struct link_status *find_number(struct hostlinks *links, int32_t ifindex)
{
	for (size_t i = 0; i < links->n; i++) {
		if (links->all[i].ifindex == ifindex) {
			return &links->all[i];
		}
	}
	return NULL;
}

// An IPv4 address may have a label ("eth0:1") in place of the interface's name.
static struct link_status *find_name(struct hostlinks *links, const char *label)
{
	size_t n = strcspn(label, ":");

	for (size_t i = 0; i < links->n; i++) {
		if (strncmp(links->all[i].name, label, n) == 0 && links->all[i].name[n] == '\0') {
			return &links->all[i];
		}
	}
	return NULL;
}

static void add_link(struct hostlinks *links, const struct ifaddrs *entry)
{
	const unsigned carrier = IFF_UP | IFF_RUNNING;
	struct link_status *link;
	struct sockaddr_ll address;

	if (links->n == LINKS_MAX || strlen(entry->ifa_name) >= LINK_IFNAME_MAX) {
		return;
	}
	memcpy(&address, entry->ifa_addr, sizeof(address));
	link = &links->all[links->n++];
	*link = (struct link_status){
		.ifindex = address.sll_ifindex,
		.is_up = (entry->ifa_flags & IFF_UP) != 0,
		.has_carrier = (entry->ifa_flags & carrier) == carrier,
		.is_multicast = (entry->ifa_flags & IFF_MULTICAST) != 0,
	};
	memcpy(link->name, entry->ifa_name, strlen(entry->ifa_name) + 1);
}

static void add_inet(struct hostlinks *links, const struct ifaddrs *entry)
{
	struct sockaddr_in address = {0}, mask = {0};
	uint8_t bytes[8];

	memcpy(&address, entry->ifa_addr, sizeof(address));
	if (entry->ifa_netmask != NULL) {
		memcpy(&mask, entry->ifa_netmask, sizeof(mask));
	}
	memcpy(bytes, &address.sin_addr, 4);
	memcpy(bytes + 4, &mask.sin_addr, 4);
	add_address(find_name(links, entry->ifa_name), bytes, sizeof(bytes));
}

static void add_inet6(struct hostlinks *links)
{
	FILE *file = fopen(INET6_PATH, "re");
	unsigned ifindex, prefix, flags;
	char address[33];

	if (file == NULL) {
		return; // no IPv6
	}
	while (fscanf(file, "%32s %x %x %*x %x %*s", address, &ifindex, &prefix, &flags) == 4) {
		char text[48];
		int n = snprintf(text, sizeof(text), "%s/%x", address, prefix);

		if ((flags & NOT_USABLE) == 0 && n > 0) {
			add_address(find_number(links, (int32_t)ifindex), (const uint8_t *)text,
				    (size_t)n);
		}
	}
	fclose(file);
}

int hostlinks_read(struct hostlinks *links,
		   bool (*is_wanted)(void *user, const char *name, unsigned flags), void *user)
{
	struct ifaddrs *list;

	links->n = 0;
	if (getifaddrs(&list) < 0) {
		return -errno;
	}
	for (const struct ifaddrs *p = list; p != NULL; p = p->ifa_next) {
		if (p->ifa_addr != NULL && p->ifa_addr->sa_family == AF_PACKET &&
		    (p->ifa_flags & IFF_LOOPBACK) == 0 &&
		    is_wanted(user, p->ifa_name, p->ifa_flags)) {
			add_link(links, p);
		}
	}
	for (const struct ifaddrs *p = list; p != NULL; p = p->ifa_next) {
		if (p->ifa_addr != NULL && p->ifa_addr->sa_family == AF_INET) {
			add_inet(links, p);
		}
	}
	freeifaddrs(list);
	add_inet6(links);
	return 0;
}

int hostlinks_open(void)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	int error;

	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		error = errno;
		close(fd);
		return -error;
	}
	return fd >= 0 ? fd : -errno;
}

// What the messages say is not read: the state is asked for afresh, so none can be missed.
void hostlinks_drain(int fd)
{
	char buf[8192];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR) {
		errno = 0;
	}
}
