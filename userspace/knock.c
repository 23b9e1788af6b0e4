// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "exchange.h"
#include "knock.h"
#include "link.h"

struct knock {
	struct exchange exchange;		/* first: done() finds the knock */
	struct link *link;
};

void knock_cancel(struct knock *knock)
{
	exchange_end(&knock->exchange);
	knock->link->knock = NULL;
	free(knock);
}

static void on_answer(struct exchange *exchange, const char *wrong)
{
	(void)wrong;
	knock_cancel((struct knock *)exchange);
}

void knock_start(struct link *link)
{
	struct preamble request = exchange_request(link, PREAMBLE_KNOCK, exchange_cookie());
	struct knock *knock;

	if (link->knock)
		knock_cancel(link->knock);
	knock = calloc(1, sizeof(*knock));
	if (!knock)
		return;
	knock->link = link;
	knock->exchange.done = on_answer;
	if (exchange_start(&knock->exchange, link, &request)) {
		free(knock);
		return;
	}
	link->knock = knock;
}
