/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Answers to a node that cannot read its own disk (remote_read.h): the other node's
 * side. The data is read into pages of our own, waits in the connection's list,
 * and goes out by its bulk lane. A Primary whose own disk has failed has a member
 * read it.
 */
#ifndef DITTO_ANSWER_H
#define DITTO_ANSWER_H

struct bio;
struct ditto_answer;
struct ditto_connection;
struct ditto_wire_header;

/* Answers that one connection may have to wait for, several times what a Primary asks. */
#define DITTO_ANSWERS_MOST	256

/*
 * A READ has come. One that this copy cannot answer is answered by READ_FAILED.
 * Context: the connection's work. Return: 0; -EPROTO where there are too many; -EAGAIN
 * where there is no memory now.
 */
int ditto_answer_begin(struct ditto_connection *conn, const struct ditto_wire_header *header);

/* The next to be sent, with its header filled in, or NULL. */
struct ditto_answer *ditto_answer_next(struct ditto_connection *conn,
				       struct ditto_wire_header *header);
/* The payload of a READ_DATA. */
struct bio *ditto_answer_data(struct ditto_answer *answer);
/* It has been sent, or never will be. */
void ditto_answer_sent(struct ditto_connection *conn, struct ditto_answer *answer);

/* The connection is closed: those that wait are dropped, others when they are read. */
void ditto_answer_forget(struct ditto_connection *conn);

int ditto_answer_init(void);
void ditto_answer_exit(void);

#endif /* DITTO_ANSWER_H */
