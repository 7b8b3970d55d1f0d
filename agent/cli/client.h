// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * One session with the agent: find its socket, say hello, send requests, read answers, all with
 * deadlines. Blocking, but for poll(). Whatever fails, client_why() says it in one line.
 */
#pragma once

#include <stdint.h>

#include "epmdns/protocol.h"

#define CLIENT_ANSWER_MS 5000 // a living agent answers in milliseconds
#define CLIENT_FOREVER (-1)
#define CLIENT_WHY_MAX 1024

struct client;

enum client_result {
	CLIENT_OK = 0,
	CLIENT_E_FAILED, // the session is over: closed, or not understood
	CLIENT_E_SILENT, // nothing came in time
	CLIENT_E_HANGUP, // nobody reads our output any more (client_watch_output)
};

/*
 * client_open(): connect to the first socket that accepts, and say hello. owner: the EP_OWNER_LEN
 * bytes that let a later session take over this one's registrations, or NULL.
 * Return: the session, or NULL with the reason in why.
 */
struct client *client_open(const uint8_t *owner, char why[CLIENT_WHY_MAX]);
void client_close(struct client *client);

const char *client_path(const struct client *client); // of the socket
const char *client_why(const struct client *client);

// client_watch_output(): let client_next() also return when the reader of this descriptor is gone.
void client_watch_output(struct client *client, int fd);

// client_send(): send a request; its id was given by client_id(). Return: CLIENT_OK or _FAILED.
enum client_result client_send(struct client *client, const struct ep_msg *request);
uint32_t client_id(struct client *client);

/*
 * client_next(): the next message, within timeout_ms (CLIENT_FOREVER: whenever it comes). msg
 * borrows from the session until the next call.
 */
enum client_result client_next(struct client *client, int timeout_ms, struct ep_msg *msg);
// client_ask(): client_send(), then the next message that answers it.
enum client_result client_ask(struct client *client, const struct ep_msg *request,
			      struct ep_msg *msg);

/*
 * client_pause(): wait before the next attempt to reach an agent: *delay_ms, which is doubled up to
 * a second; start with 0. Return: CLIENT_OK, or CLIENT_E_HANGUP when output_fd (-1: none) lost its
 * reader meanwhile.
 */
enum client_result client_pause(unsigned *delay_ms, int output_fd);
