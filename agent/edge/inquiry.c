// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

#include "edge/inquiry.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mdns.h"
#include "base/xalloc.h"
#include "edge/place.h"

#define FAMILIES 2
#define TARGETS 256     // addresses asked within a second
#define AT_A_TIME 64    // packets read in one turn of the loop
#define LINK_TTL 255    // RFC 6762 §11; a router would have made it less
#define CONTROL_LEN 256 // of a message

struct target {
	struct peers_address address;
	unsigned n; // questions in this second
};

struct inquiry_socket {
	struct inquiry *inquiry;
	int fd; // -1: not open
	struct event *event;
};

struct inquiry {
	struct event_base *base;
	const struct inquiry_ops *ops;
	void *user;
	struct inquiry_socket sockets[FAMILIES][INQUIRY_SOCKETS];
	uint64_t second_ms; // start of the second that is counted in
	unsigned n_second;
	unsigned n_targets;
	struct target targets[TARGETS];
};

static bool is_from_link(struct msghdr *msg)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(msg); at != NULL; at = CMSG_NXTHDR(msg, at)) {
		bool is_ttl = at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TTL;
		bool is_hops = at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_HOPLIMIT;
		int ttl;

		if (is_ttl || is_hops) {
			memcpy(&ttl, CMSG_DATA(at), sizeof(ttl));
			return ttl == LINK_TTL;
		}
	}
	return false;
}

static bool is_refusal(struct msghdr *msg)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(msg); at != NULL; at = CMSG_NXTHDR(msg, at)) {
		bool is_inet = at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_RECVERR;
		bool is_inet6 = at->cmsg_level == IPPROTO_IPV6 && at->cmsg_type == IPV6_RECVERR;
		struct sock_extended_err error;

		if (is_inet || is_inet6) {
			memcpy(&error, CMSG_DATA(at), sizeof(error));
			return error.ee_errno == ECONNREFUSED;
		}
	}
	return false;
}

// Return: false when there is nothing more.
static bool receive(struct inquiry_socket *socket, int flags)
{
	struct inquiry *inquiry = socket->inquiry;
	uint8_t packet[MDNS_REPLY_MAX];
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_LEN];
	struct sockaddr_storage from = {0};
	struct iovec iov = {.iov_base = packet, .iov_len = sizeof(packet)};
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(socket->fd, &msg, flags);
	struct peers_address address;
	uint16_t port;

	if (n < 0) {
		// The error of an earlier packet is reported once, and it is in the other queue.
		return errno != EAGAIN && (flags & MSG_ERRQUEUE) == 0;
	}
	if (!place_read(&from, &address, &port) || port != MDNS_PORT) {
		return true;
	}
	if ((flags & MSG_ERRQUEUE) != 0) {
		if (is_refusal(&msg)) {
			inquiry->ops->on_refused(inquiry->user, &address);
		}
	} else if ((msg.msg_flags & MSG_TRUNC) == 0) {
		inquiry->ops->on_packet(inquiry->user, &address, is_from_link(&msg), packet,
					(size_t)n);
	}
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct inquiry_socket *socket = user;
	static const int queues[] = {MSG_DONTWAIT, MSG_DONTWAIT | MSG_ERRQUEUE};

	(void)fd;
	(void)what;
	for (unsigned i = 0; i < 2; i++) {
		unsigned n = 0;

		while (n < AT_A_TIME && receive(socket, queues[i])) {
			n++;
		}
	}
}

static void set_option(int fd, int level, int option)
{
	int on = 1;

	if (setsockopt(fd, level, option, &on, sizeof(on)) < 0) {
		log_debug("setsockopt: %s.", strerror(errno));
	}
}

// Return: the descriptor, or -1.
static int open_socket(struct inquiry *inquiry, struct inquiry_socket *at, bool is_inet6)
{
	if (at->fd >= 0) {
		return at->fd;
	}
	at->fd =
		socket(is_inet6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (at->fd < 0) {
		return -1;
	}
	if (is_inet6) {
		set_option(at->fd, IPPROTO_IPV6, IPV6_V6ONLY);
		set_option(at->fd, IPPROTO_IPV6, IPV6_RECVERR);
		set_option(at->fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT);
	} else {
		set_option(at->fd, IPPROTO_IP, IP_RECVERR);
		set_option(at->fd, IPPROTO_IP, IP_RECVTTL);
	}
	at->event = event_new(inquiry->base, at->fd, EV_READ | EV_PERSIST, on_readable, at);
	event_add(at->event, NULL);
	return at->fd;
}

// Return: whether this address, and anybody, may be asked now.
static bool is_within_limits(struct inquiry *inquiry, const struct peers_address *address)
{
	uint64_t now_ms = clock_now_ms();
	struct target *target = inquiry->targets;

	if (now_ms - inquiry->second_ms >= 1000) {
		inquiry->second_ms = now_ms;
		inquiry->n_second = inquiry->n_targets = 0;
	}
	if (inquiry->n_second >= INQUIRY_PER_SECOND) {
		return false;
	}
	while (target < inquiry->targets + inquiry->n_targets &&
	       !place_is_same(&target->address, address)) {
		target++;
	}
	if (target == inquiry->targets + TARGETS) {
		return false;
	}
	if (target == inquiry->targets + inquiry->n_targets) {
		inquiry->n_targets++;
		*target = (struct target){.address = *address};
	}
	if (target->n >= INQUIRY_PER_TARGET) {
		return false;
	}
	target->n++;
	inquiry->n_second++;
	return true;
}

void inquiry_send(struct inquiry *inquiry, const struct peers_address *target, int32_t ifindex,
		  unsigned turn, const uint8_t *packet, size_t n)
{
	bool is_inet6 = target->len == 16;
	struct inquiry_socket *at = &inquiry->sockets[is_inet6][turn % INQUIRY_SOCKETS];
	struct sockaddr_storage storage;
	socklen_t len = place_fill(&storage, target, ifindex, MDNS_PORT);
	int fd;

	if (!is_within_limits(inquiry, target)) {
		return;
	}
	fd = open_socket(inquiry, at, is_inet6);
	// The first may fail with the error of an earlier packet.
	if (fd >= 0 && sendto(fd, packet, n, 0, (struct sockaddr *)&storage, len) < 0) {
		sendto(fd, packet, n, 0, (struct sockaddr *)&storage, len);
	}
}

struct inquiry *inquiry_new(struct event_base *base, const struct inquiry_ops *ops, void *user)
{
	struct inquiry *inquiry = xcalloc(1, sizeof(*inquiry));

	inquiry->base = base;
	inquiry->ops = ops;
	inquiry->user = user;
	for (unsigned family = 0; family < FAMILIES; family++) {
		for (unsigned i = 0; i < INQUIRY_SOCKETS; i++) {
			inquiry->sockets[family][i] =
				(struct inquiry_socket){.inquiry = inquiry, .fd = -1};
		}
	}
	return inquiry;
}

void inquiry_rest(struct inquiry *inquiry)
{
	for (unsigned family = 0; family < FAMILIES; family++) {
		for (unsigned i = 0; i < INQUIRY_SOCKETS; i++) {
			struct inquiry_socket *at = &inquiry->sockets[family][i];

			if (at->fd >= 0) {
				event_free(at->event);
				close(at->fd);
				at->fd = -1;
			}
		}
	}
}

void inquiry_free(struct inquiry *inquiry)
{
	if (inquiry != NULL) {
		inquiry_rest(inquiry);
		free(inquiry);
	}
}
