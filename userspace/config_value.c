// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <linux/ditto.h>

#include "config_value.h"
#include "why.h"

bool value_name(const char *text)
{
	size_t len = strlen(text);

	if (!len || len > DITTO_NAME_LEN || !strcmp(text, "all"))
		return false;
	if (!isalnum((unsigned char)text[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !strchr("_.-", text[i]))
			return false;
	return true;
}

/* Takes the digits at the start; @rest is what follows them. */
static bool leading_number(const char *text, uint64_t *value, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	*rest = end;
	return !errno;
}

bool value_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	const char *rest;
	uint64_t number;

	if (!leading_number(text, &number, &rest) || *rest)
		return false;
	if (number < min || number > max)
		return false;
	*value = number;
	return true;
}

bool value_time(const char *text, uint32_t min, uint32_t max, uint32_t *ms)
{
	static const struct {
		const char *suffix;
		uint64_t factor;
	} units[] = { { "", 1 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 } };
	const char *rest;
	uint64_t number;

	if (!leading_number(text, &number, &rest) || number > UINT32_MAX)
		return false;
	while (*rest == ' ')
		rest++;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(rest, units[i].suffix))
			continue;
		number *= units[i].factor;
		if (number < min || number > max)
			return false;
		*ms = number;
		return true;
	}
	return false;
}

bool value_size(const char *text, uint64_t *bytes)
{
	static const char letters[] = "KMGTP";
	const char *rest, *letter;
	unsigned int shift = 0;
	uint64_t number;

	if (!leading_number(text, &number, &rest))
		return false;
	while (*rest == ' ')
		rest++;
	if (*rest) {
		letter = strchr(letters, toupper((unsigned char)*rest));
		if (letter) {
			shift = 10 * (letter - letters + 1);
			rest++;
			if (*rest == 'i')
				rest++;
		}
		if (*rest == 'B')
			rest++;
	}
	if (*rest || number > UINT64_MAX >> shift)
		return false;
	*bytes = number << shift;
	return true;
}

/* An address that stands for no host, or for many, is of no use to a peer. */
static bool one_host(const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const void *)address;
	const struct sockaddr_in6 *v6 = (const void *)address;

	if (address->sa_family == AF_INET)
		return v4->sin_addr.s_addr != htonl(INADDR_ANY) &&
		       !IN_MULTICAST(ntohl(v4->sin_addr.s_addr)) &&
		       v4->sin_addr.s_addr != htonl(INADDR_BROADCAST);
	return !IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) &&
	       !IN6_IS_ADDR_MULTICAST(&v6->sin6_addr);
}

bool value_address(const char *text, struct sockaddr_storage *address)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found;
	char host[80], *colon;
	uint64_t port;
	bool good;

	if (strlen(text) >= sizeof(host))
		return false;
	copy_string(host, text, sizeof(host));
	colon = strrchr(host, ':');
	if (!colon || !value_number(colon + 1, 1, 65535, &port))
		return false;
	*colon = '\0';
	hints.ai_family = AF_INET;
	if (host[0] == '[') {
		if (host[strlen(host) - 1] != ']')
			return false;
		host[strlen(host) - 1] = '\0';
		memmove(host, host + 1, strlen(host));
		hints.ai_family = AF_INET6;
	} else if (strspn(host, "0123456789.") != strlen(host)) {
		return false;
	}
	if (getaddrinfo(host, colon + 1, &hints, &found))
		return false;
	good = one_host(found->ai_addr);
	memset(address, 0, sizeof(*address));
	memcpy(address, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return good;
}

bool address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return !memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) &&
	       a6->sin6_scope_id == b6->sin6_scope_id;
}

/* The port lies at the same place in both families. */
bool address_same(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	return address_same_host(a, b) &&
	       ((const struct sockaddr_in *)a)->sin_port ==
	       ((const struct sockaddr_in *)b)->sin_port;
}
