/* SPDX-License-Identifier: GPL-2.0 */
/* Values as people write them. Nothing here prints. */
#ifndef DITTO_CONFIG_VALUE_H
#define DITTO_CONFIG_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* A name of a resource or a node: letters, digits and _.- in the middle. */
bool value_name(const char *text);

/* A decimal number from @min to @max. */
bool value_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* Milliseconds: a number alone, or followed by ms, s or m; @min to @max ms. */
bool value_time(const char *text, uint32_t min, uint32_t max, uint32_t *ms);

/* Bytes: a number alone, or followed by K, M, G, with or without iB or B. */
bool value_size(const char *text, uint64_t *bytes);

/* IPv4:port or [IPv6]:port of one host. */
bool value_address(const char *text, struct sockaddr_storage *address);

/* The same host, whatever the port. */
bool address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
bool address_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b);

#endif /* DITTO_CONFIG_VALUE_H */
