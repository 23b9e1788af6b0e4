// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>
#include <string.h>

#include "dial.h"
#include "exchange.h"
#include "link.h"

/**
 * struct dial - an attempt
 * @left: lanes that have not been answered yet
 */
struct dial {
	struct link *link;
	uint64_t cookie;
	unsigned int left;
	struct lane {
		struct exchange exchange;	/* first: done() finds the lane */
		struct dial *dial;
		uint8_t number;
	} lanes[KERNEL_LANES];
};

void dial_cancel(struct dial *dial)
{
	for (int i = 0; i < KERNEL_LANES; i++)
		exchange_end(&dial->lanes[i].exchange);
	dial->link->dial = NULL;
	free(dial);
}

static void fail(struct dial *dial, const char *text)
{
	struct link *link = dial->link;

	dial_cancel(dial);
	link_failed(link, text);
}

static void hand_over(struct dial *dial)
{
	struct link *link = dial->link;
	uint64_t cookie = dial->cookie;
	int fds[KERNEL_LANES];

	for (int i = 0; i < KERNEL_LANES; i++) {
		fds[i] = dial->lanes[i].exchange.fd;
		dial->lanes[i].exchange.fd = -1;
	}
	dial_cancel(dial);
	link_hand_over(link, cookie, fds);
}

static bool answers(const struct preamble *answer, const struct lane *lane)
{
	const struct link *link = lane->dial->link;

	return answer->version == PREAMBLE_VERSION &&
	       answer->cookie == lane->dial->cookie && answer->lane == lane->number &&
	       answer->from == link->peer_id && answer->to == link->own_id &&
	       !memcmp(answer->uuid, link->uuid, sizeof(answer->uuid));
}

static void on_answer(struct exchange *exchange, const char *wrong)
{
	struct lane *lane = (struct lane *)exchange;
	struct dial *dial = lane->dial;
	const struct preamble *answer = &exchange->answer;

	if (!wrong && answer->status != PREAMBLE_OK)
		wrong = preamble_status_text(answer->status);
	if (!wrong && !answers(answer, lane))
		wrong = "the peer's answer is not to what was asked";
	if (wrong)
		fail(dial, wrong);
	else if (!--dial->left)
		hand_over(dial);
}

void dial_start(struct link *link)
{
	struct dial *dial = calloc(1, sizeof(*dial));
	int ret;

	if (!dial) {
		link_failed(link, "out of memory");
		return;
	}
	link->dial = dial;
	dial->link = link;
	dial->cookie = exchange_cookie();
	dial->left = KERNEL_LANES;
	for (int i = 0; i < KERNEL_LANES; i++) {
		dial->lanes[i].dial = dial;
		dial->lanes[i].number = i;
		dial->lanes[i].exchange.done = on_answer;
		dial->lanes[i].exchange.fd = -1;
	}
	for (int i = 0; i < KERNEL_LANES; i++) {
		struct preamble request = exchange_request(link, i, dial->cookie);

		ret = exchange_start(&dial->lanes[i].exchange, link, &request);
		if (ret) {
			fail(dial, strerror(-ret));
			return;
		}
	}
}
