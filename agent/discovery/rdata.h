// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: 2026 The epmdns authors

/*
 * The names and the wire data of the raw records that make a service (RFC 1035 §3, RFC 2782,
 * RFC 6763 §4). Names are in Avahi's text form: labels escaped, joined by dots. Pure.
 */
#pragma once

#include <avahi-common/strlst.h>
#include <stddef.h>
#include <stdint.h>

#include "model/service.h"

#define SERVICE_DOMAIN "local"
#define SERVICE_BASE SERVICE_TYPE "." SERVICE_DOMAIN

#define RDATA_NAME_MAX 255 // RFC 1035 §2.3.4
#define RDATA_SRV_MAX (6 + RDATA_NAME_MAX)
#define RDATA_TEXT_MAX 1014 // AVAHI_DOMAIN_NAME_MAX

// rdata_service_name(): INSTANCE._erlang-dist._tcp.local. Return: 0 or -EINVAL.
int rdata_service_name(const char *instance, char name[RDATA_TEXT_MAX]);
// rdata_subtype_name(): LABEL._sub._erlang-dist._tcp.local. Return: 0 or -EINVAL.
int rdata_subtype_name(const char *label, char name[RDATA_TEXT_MAX]);
// rdata_name(): a name on the wire, uncompressed. Return: its bytes or -EINVAL.
int rdata_name(const char *name, uint8_t out[RDATA_NAME_MAX]);
// rdata_srv(): priority and weight 0. Return: bytes or -EINVAL.
int rdata_srv(uint16_t port, const char *target, uint8_t out[RDATA_SRV_MAX]);

/*
 * rdata_txt(): a TXT record as a resolver has it. avahi-daemon up to 0.8 passes the strings on in
 * reverse; that is undone, as far as "txtvers" (RFC 6763 §6.7 wants it first) tells. Return: bytes,
 * or -EMSGSIZE.
 */
int rdata_txt(AvahiStringList *list, uint8_t *out, size_t cap);
