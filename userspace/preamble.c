// SPDX-License-Identifier: GPL-2.0
#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "port_user.h"
#include "preamble.h"

static const uint8_t magic[8] = "DITTOD\0\1";

/* The bytes on the wire. */
struct frame {
	uint8_t magic[8];
	uint16_t version;
	uint8_t lane;
	uint8_t security;
	uint8_t status;
	uint8_t zero1[3];
	uint8_t uuid[16];
	uint32_t from;
	uint32_t to;
	uint64_t cookie;
	uint8_t zero2[12];
	uint32_t crc;
} __attribute__((packed));

_Static_assert(sizeof(struct frame) == PREAMBLE_SIZE, "preamble size");

static uint32_t checksum(const struct frame *frame)
{
	return ditto_crc32c(~0u, frame, offsetof(struct frame, crc));
}

void preamble_encode(const struct preamble *preamble, uint8_t *bytes)
{
	struct frame frame = {
		.version = htole16(preamble->version),
		.lane = preamble->lane,
		.security = preamble->security,
		.status = preamble->status,
		.from = htole32(preamble->from),
		.to = htole32(preamble->to),
		.cookie = htole64(preamble->cookie),
	};

	memcpy(frame.magic, magic, sizeof(magic));
	memcpy(frame.uuid, preamble->uuid, sizeof(frame.uuid));
	frame.crc = htole32(checksum(&frame));
	memcpy(bytes, &frame, sizeof(frame));
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
	while (n--)
		if (*bytes++)
			return false;
	return true;
}

const char *preamble_decode(const uint8_t *bytes, struct preamble *preamble)
{
	struct frame frame;

	memcpy(&frame, bytes, sizeof(frame));
	if (memcmp(frame.magic, magic, sizeof(magic)))
		return "not a ditto preamble";
	if (le32toh(frame.crc) != checksum(&frame))
		return "preamble with a wrong checksum";
	preamble->version = le16toh(frame.version);
	preamble->lane = frame.lane;
	preamble->security = frame.security;
	preamble->status = frame.status;
	preamble->from = le32toh(frame.from);
	preamble->to = le32toh(frame.to);
	preamble->cookie = le64toh(frame.cookie);
	memcpy(preamble->uuid, frame.uuid, sizeof(frame.uuid));
	/* Another version may fill what is empty in this one. */
	if (preamble->version != PREAMBLE_VERSION)
		return NULL;
	if (!all_zero(frame.zero1, sizeof(frame.zero1)) ||
	    !all_zero(frame.zero2, sizeof(frame.zero2)))
		return "preamble with reserved bytes set";
	if (preamble->lane > PREAMBLE_KNOCK)
		return "preamble for an unknown lane";
	if (!preamble->cookie)
		return "preamble without a cookie";
	return NULL;
}

const char *preamble_status_text(uint8_t status)
{
	static const char *const texts[] = {
		[PREAMBLE_REQUEST] = "answered with a request",
		[PREAMBLE_OK] = "accepted",
		[PREAMBLE_UNKNOWN_RESOURCE] = "the resource is not up there",
		[PREAMBLE_NOT_WANTED] = "no connection is wanted there now",
		[PREAMBLE_WRONG_NODE] = "node ids or addresses differ in its configuration",
		[PREAMBLE_WRONG_VERSION] = "it speaks another version of the preamble",
		[PREAMBLE_WRONG_SECURITY] = "it wants another security",
	};

	return status < __PREAMBLE_LAST ? texts[status] : "refused for an unknown reason";
}
