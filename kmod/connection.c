// SPDX-License-Identifier: GPL-2.0
#include "connection.h"

#include <linux/file.h>
#include <linux/mempool.h>
#include <linux/slab.h>
#include <linux/tcp.h>
#include <net/sock.h>
#include <net/tcp.h>

#include "answer.h"
#include "device.h"
#include "disk.h"
#include "log.h"
#include "peer.h"
#include "reader.h"
#include "remote_read.h"
#include "request.h"
#include "resource.h"
#include "state.h"
#include "syncer.h"
#include "trace.h"

/* How soon one looks for memory again. */
#define LATER_MS	10
/* Turns of one run of the work before others get the CPU. */
#define WORK_BUDGET	64

static struct workqueue_struct *connection_wq;

void ditto_connection_kick(struct ditto_connection *conn)
{
	queue_work(connection_wq, &conn->work);
}

void ditto_connection_kick_later(struct ditto_connection *conn)
{
	queue_delayed_work(connection_wq, &conn->later, msecs_to_jiffies(LATER_MS));
}

static void connection_later(struct work_struct *work)
{
	ditto_connection_kick(container_of(work, struct ditto_connection, later.work));
}

static void lane_event(struct sock *sk, size_t saved)
{
	struct ditto_lane *lane;
	void (*chain)(struct sock *sk);

	read_lock_bh(&sk->sk_callback_lock);
	lane = sk->sk_user_data;
	if (lane) {
		chain = *(void (**)(struct sock *))((char *)lane + saved);
		chain(sk);
		ditto_connection_kick(lane->conn);
	}
	read_unlock_bh(&sk->sk_callback_lock);
}

static void lane_data_ready(struct sock *sk)
{
	lane_event(sk, offsetof(struct ditto_lane, data_ready));
}

static void lane_write_space(struct sock *sk)
{
	lane_event(sk, offsetof(struct ditto_lane, write_space));
}

static void lane_state_change(struct sock *sk)
{
	lane_event(sk, offsetof(struct ditto_lane, state_change));
}

static void lane_attach(struct ditto_lane *lane)
{
	struct sock *sk = lane->sock->sk;

	lock_sock(sk);
	sk->sk_allocation = GFP_NOIO | __GFP_MEMALLOC;
	sk->sk_use_task_frag = false;
	/*
	 * Only such a socket takes packets in memory that is kept for those who free
	 * some, as acknowledgements of writes do. It stays so, as nbd's do: each first
	 * and last socket of that sort changes the kernel's code.
	 */
	sk_set_memalloc(sk);
	release_sock(sk);
	tcp_sock_set_nodelay(sk);
	write_lock_bh(&sk->sk_callback_lock);
	lane->data_ready = sk->sk_data_ready;
	lane->write_space = sk->sk_write_space;
	lane->state_change = sk->sk_state_change;
	sk->sk_user_data = lane;
	sk->sk_data_ready = lane_data_ready;
	sk->sk_write_space = lane_write_space;
	sk->sk_state_change = lane_state_change;
	write_unlock_bh(&sk->sk_callback_lock);
}

static void lane_detach(struct ditto_lane *lane)
{
	struct sock *sk = lane->sock->sk;

	write_lock_bh(&sk->sk_callback_lock);
	if (sk->sk_user_data == lane) {
		sk->sk_user_data = NULL;
		sk->sk_data_ready = lane->data_ready;
		sk->sk_write_space = lane->write_space;
		sk->sk_state_change = lane->state_change;
	}
	write_unlock_bh(&sk->sk_callback_lock);
}

static int lane_check(struct ditto_connection *conn, int fd, struct ditto_lane *lane,
		      struct netlink_ext_ack *extack)
{
	struct socket *sock;
	struct sock *sk;
	int err;
	u8 i;

	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return ditto_refuse(extack, err, "lane %u: descriptor %d is not a socket",
				    lane->id, fd);
	lane->sock = sock;
	sk = sock->sk;
	if (sk->sk_protocol != IPPROTO_TCP || sk->sk_type != SOCK_STREAM ||
	    (sk->sk_family != AF_INET && sk->sk_family != AF_INET6))
		return ditto_refuse(extack, -EPROTOTYPE, "lane %u: not a TCP socket", lane->id);
	if (READ_ONCE(sk->sk_state) != TCP_ESTABLISHED)
		return ditto_refuse(extack, -ENOTCONN, "lane %u: not established", lane->id);
	if (sock_net(sk) != conn->res->net)
		return ditto_refuse(extack, -EINVAL, "lane %u: socket of another network namespace",
				    lane->id);
	if (READ_ONCE(sk->sk_user_data))
		return ditto_refuse(extack, -EBUSY, "lane %u: socket is in use", lane->id);
	for (i = 0; i < lane->id; i++)
		if (conn->lanes[i].sock == sock)
			return ditto_refuse(extack, -EINVAL, "lane %u: same socket as lane %u",
					    lane->id, i);
	return 0;
}

static bool connection_turn(struct ditto_connection *conn)
{
	bool moved = false;
	int i, done;

	for (i = 0; i < DITTO_LANES; i++) {
		done = ditto_lane_receive(&conn->lanes[i]);
		if (done == -ECONNRESET) {
			ditto_connection_fail(conn, false, "closed by the peer");
			return false;
		}
		if (done < 0) {
			ditto_connection_fail(conn, false, "receiving failed: error %d", done);
			return false;
		}
		moved |= done > 0;
	}
	for (i = 0; i < DITTO_LANES; i++) {
		done = ditto_lane_send(&conn->lanes[i]);
		if (done < 0) {
			ditto_connection_fail(conn, false, "sending failed: error %d", done);
			return false;
		}
		moved |= done > 0;
	}
	return moved;
}

static void connection_work(struct work_struct *work)
{
	struct ditto_connection *conn = container_of(work, struct ditto_connection, work);
	int budget = WORK_BUDGET;

	while (!test_bit(DITTO_CONN_FAILED, &conn->flags)) {
		if (!connection_turn(conn))
			return;
		if (!--budget) {
			ditto_connection_kick(conn);
			return;
		}
	}
}

/* The peer has had an entry for too long without acknowledging it. */
static bool stalled(struct ditto_connection *conn, unsigned long timeout)
{
	struct ditto_resource *res = conn->res;
	struct ditto_entry *oldest;
	bool late = false;

	spin_lock_irq(&res->stream_lock);
	if (res->stream.followers[conn->peer->node_id].active) {
		oldest = ditto_stream_oldest(&res->stream, conn->peer->node_id);
		late = oldest && time_after(jiffies, ditto_request_of(oldest)->queued + timeout);
	}
	spin_unlock_irq(&res->stream_lock);
	return late;
}

static void connection_timer(struct work_struct *work)
{
	struct ditto_connection *conn = container_of(work, struct ditto_connection, timer.work);
	struct ditto_resource *res = conn->res;
	unsigned long timeout = msecs_to_jiffies(READ_ONCE(res->options.timeout_ms));
	u32 interval = READ_ONCE(res->options.ping_interval_ms);

	if (test_bit(DITTO_CONN_FAILED, &conn->flags))
		return;
	if (time_after(jiffies, READ_ONCE(conn->heard) + timeout)) {
		ditto_connection_fail(conn, false, "silent for %u ms",
				      READ_ONCE(res->options.timeout_ms));
		return;
	}
	if (ditto_remote_read_late(conn, timeout)) {
		ditto_connection_fail(conn, false, "a read was not answered within %u ms",
				      READ_ONCE(res->options.timeout_ms));
		return;
	}
	if (READ_ONCE(res->applier.upstream) == conn && ditto_reader_late(res, timeout)) {
		ditto_connection_fail(conn, false, "a question for a read was not answered within %u ms",
				      READ_ONCE(res->options.timeout_ms));
		return;
	}
	if (stalled(conn, timeout)) {
		ditto_connection_fail(conn, false, "a write was not acknowledged within %u ms",
				      READ_ONCE(res->options.timeout_ms));
		return;
	}
	if (test_bit(DITTO_CONN_OPEN, &conn->flags))
		ditto_connection_say(conn, DITTO_WIRE_PING, jiffies);
	/* Often enough to see a time-out when it is due, too. */
	interval = min(interval, READ_ONCE(res->options.timeout_ms) / 4);
	queue_delayed_work(connection_wq, &conn->timer, msecs_to_jiffies(max(interval, 10u)));
}

static void queue_hello(struct ditto_connection *conn)
{
	struct ditto_resource *res = conn->res;
	struct ditto_wire_header header = { .type = DITTO_WIRE_HELLO };
	struct block_device *bdev = res->disk->backing.bdev;
	struct ditto_wire_hello hello = {
		.version_min = DITTO_WIRE_VERSION_MIN,
		.version_max = DITTO_WIRE_VERSION_MAX,
		.from = res->node_id,
		.to = conn->peer->node_id,
		.data_bytes = res->device->bytes,
		.logical_block = bdev_logical_block_size(bdev),
		.physical_block = bdev_physical_block_size(bdev),
		.max_io = DITTO_WIRE_MAX_WRITE,
		.discard_zeroes = 1,
		.timeout_ms = res->options.timeout_ms,
		.in_use = READ_ONCE(res->device->openers) > 0,
	};
	u8 buf[DITTO_WIRE_HELLO_BYTES];

	memcpy(hello.resource_uuid, res->uuid, sizeof(hello.resource_uuid));
	ditto_state_mine(res, &hello.state);
	ditto_wire_put_hello(&hello, buf);
	ditto_connection_send(conn, DITTO_LANE_CONTROL, &header, buf, sizeof(buf));
}

static void free_messages(struct ditto_connection *conn)
{
	struct ditto_message *message, *next;
	int i;

	for (i = 0; i < DITTO_LANES; i++) {
		list_for_each_entry_safe(message, next, &conn->lanes[i].queue, link)
			mempool_free(message, &conn->messages);
		INIT_LIST_HEAD(&conn->lanes[i].queue);
	}
}

static void connection_free_work(struct work_struct *work)
{
	struct ditto_connection *conn = container_of(work, struct ditto_connection, free_work);
	int i;

	/* Who held a reference may have kicked it after it was closed. */
	cancel_delayed_work_sync(&conn->timer);
	cancel_delayed_work_sync(&conn->later);
	cancel_work_sync(&conn->work);
	free_messages(conn);
	mempool_exit(&conn->messages);
	for (i = 0; i < DITTO_LANES; i++) {
		if (!conn->lanes[i].sock)
			continue;
		/*
		 * What a lost peer has not taken would keep the socket, and that
		 * the namespace, for as long as TCP tries: drop it.
		 */
		if (conn->lanes[i].data_ready)
			sock_no_linger(conn->lanes[i].sock->sk);
		sockfd_put(conn->lanes[i].sock);
	}
	ditto_peer_put(conn->peer);
	kvfree(conn);
}

/* The last reference may go in an interrupt. */
static void connection_free(struct kref *ref)
{
	struct ditto_connection *conn = container_of(ref, struct ditto_connection, ref);

	queue_work(connection_wq, &conn->free_work);
}

struct ditto_connection *ditto_connection_new(struct ditto_peer *peer, u64 cookie, const int *fds,
					      struct netlink_ext_ack *extack)
{
	struct ditto_connection *conn = kvzalloc(sizeof(*conn), DITTO_GFP_CONF);
	int err = 0;
	u8 i;

	if (!conn)
		return ERR_PTR(-ENOMEM);
	if (mempool_init_node(&conn->messages, DITTO_MESSAGES_RESERVED, mempool_kmalloc,
			      mempool_kfree, (void *)sizeof(struct ditto_message),
			      DITTO_GFP_CONF, NUMA_NO_NODE)) {
		kvfree(conn);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&conn->ref);
	conn->peer = ditto_peer_get(peer);
	conn->res = peer->res;
	conn->cookie = cookie;
	conn->block = bdev_logical_block_size(peer->res->disk->backing.bdev);
	conn->heard = jiffies;
	INIT_WORK(&conn->work, connection_work);
	INIT_WORK(&conn->free_work, connection_free_work);
	INIT_DELAYED_WORK(&conn->timer, connection_timer);
	INIT_DELAYED_WORK(&conn->later, connection_later);
	spin_lock_init(&conn->queue_lock);
	INIT_LIST_HEAD(&conn->extents);
	INIT_LIST_HEAD(&conn->answers);
	for (i = 0; i < DITTO_LANES; i++) {
		conn->lanes[i].conn = conn;
		conn->lanes[i].id = i;
		conn->lanes[i].rx.parked = i != DITTO_LANE_CONTROL;
		INIT_LIST_HEAD(&conn->lanes[i].queue);
	}
	for (i = 0; i < DITTO_LANES && !err; i++)
		err = lane_check(conn, fds[i], &conn->lanes[i], extack);
	if (err) {
		ditto_connection_put(conn);
		return ERR_PTR(err);
	}
	return conn;
}

void ditto_connection_begin(struct ditto_connection *conn)
{
	int i;

	queue_hello(conn);
	for (i = 0; i < DITTO_LANES; i++)
		lane_attach(&conn->lanes[i]);
	ditto_connection_kick(conn);
	queue_delayed_work(connection_wq, &conn->timer, 0);
}

void ditto_connection_put(struct ditto_connection *conn)
{
	kref_put(&conn->ref, connection_free);
}

void ditto_connection_fail(struct ditto_connection *conn, bool final, const char *fmt, ...)
{
	struct ditto_peer *peer = conn->peer;
	char reason[DITTO_REASON_LEN];
	va_list args;
	int i;

	if (test_and_set_bit(DITTO_CONN_FAILED, &conn->flags))
		return;
	va_start(args, fmt);
	vscnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	if (final)
		set_bit(DITTO_CONN_FINAL, &conn->flags);
	spin_lock_irq(&conn->res->stream_lock);
	strscpy(peer->reason, reason, sizeof(peer->reason));
	spin_unlock_irq(&conn->res->stream_lock);
	for (i = 0; i < DITTO_LANES; i++)
		kernel_sock_shutdown(conn->lanes[i].sock, SHUT_RDWR);
	ditto_peer_event(peer, DITTO_PEER_LOST);
}

void ditto_connection_close(struct ditto_connection *conn)
{
	int i;

	for (i = 0; i < DITTO_LANES; i++)
		lane_detach(&conn->lanes[i]);
	cancel_delayed_work_sync(&conn->timer);
	cancel_work_sync(&conn->work);
	cancel_delayed_work_sync(&conn->later);
	cancel_work_sync(&conn->work);
	for (i = 0; i < DITTO_LANES; i++) {
		ditto_lane_send_abort(&conn->lanes[i]);
		ditto_lane_receive_abort(&conn->lanes[i]);
	}
	ditto_answer_forget(conn);
}

void ditto_connection_unpark(struct ditto_connection *conn)
{
	int i;

	for (i = 0; i < DITTO_LANES; i++)
		WRITE_ONCE(conn->lanes[i].rx.parked, false);
	ditto_connection_kick(conn);
}

static struct ditto_message *message_new(struct ditto_connection *conn)
{
	struct ditto_message *message = mempool_alloc(&conn->messages, GFP_NOWAIT | __GFP_NOWARN);

	return message ?: kmalloc(sizeof(*message), DITTO_GFP_CONF);
}

void ditto_connection_send(struct ditto_connection *conn, u8 lane,
			   const struct ditto_wire_header *header, const void *payload,
			   u32 length)
{
	struct ditto_message *message = message_new(conn);

	if (!message) {
		ditto_connection_fail(conn, false, "no memory for one more message, of %u",
				      READ_ONCE(conn->lanes[lane].queued));
		return;
	}
	message->header = *header;
	message->header.length = length;
	if (length)
		memcpy(message->payload, payload, length);
	spin_lock_irq(&conn->queue_lock);
	list_add_tail(&message->link, &conn->lanes[lane].queue);
	conn->lanes[lane].queued++;
	spin_unlock_irq(&conn->queue_lock);
	ditto_connection_kick(conn);
}

void ditto_connection_say(struct ditto_connection *conn, u8 type, u64 position)
{
	struct ditto_wire_header header = { .type = type, .position = position };

	ditto_connection_send(conn, DITTO_LANE_CONTROL, &header, NULL, 0);
}

bool ditto_connection_take(struct ditto_connection *conn, u8 lane, struct ditto_wire_header *header,
			   void *payload)
{
	struct ditto_message *message;

	spin_lock_irq(&conn->queue_lock);
	message = list_first_entry_or_null(&conn->lanes[lane].queue, struct ditto_message, link);
	if (message) {
		list_del(&message->link);
		conn->lanes[lane].queued--;
	}
	spin_unlock_irq(&conn->queue_lock);
	if (!message)
		return false;
	*header = message->header;
	memcpy(payload, message->payload, message->header.length);
	mempool_free(message, &conn->messages);
	return true;
}

void ditto_connection_bye(struct ditto_connection *conn, enum ditto_wire_bye why, bool final,
			  const char *reason)
{
	if (test_bit(DITTO_CONN_FAILED, &conn->flags))
		return;
	/* Before the peer can close in answer. */
	if (final)
		set_bit(DITTO_CONN_FINAL, &conn->flags);
	ditto_connection_say(conn, DITTO_WIRE_BYE, why);
	flush_work(&conn->work);
	if (test_bit(DITTO_CONN_FAILED, &conn->flags)) {
		/* The peer has closed in answer: the reason is ours all the same. */
		spin_lock_irq(&conn->res->stream_lock);
		strscpy(conn->peer->reason, reason, sizeof(conn->peer->reason));
		spin_unlock_irq(&conn->res->stream_lock);
	}
	ditto_connection_fail(conn, final, "%s", reason);
}

int ditto_connection_init(void)
{
	/* Not WQ_HIGHPRI: a resync would take the CPUs from those who write. */
	connection_wq = alloc_workqueue("ditto_connection", WQ_MEM_RECLAIM | WQ_CPU_INTENSIVE, 0);
	return connection_wq ? 0 : -ENOMEM;
}

void ditto_connection_exit(void)
{
	destroy_workqueue(connection_wq);
}
