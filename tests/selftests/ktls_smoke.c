// SPDX-License-Identifier: GPL-2.0
/*
 * Hands two nodes sockets that the kernel encrypts.
 *
 *	ktls_smoke RESOURCE NETNS ADDRESS ID NETNS ADDRESS ID [alert]
 *
 * Two threads, each in one node's network namespace, make a TLS session over
 * each of three sockets, have the kernel encrypt them, and give them to their
 * node's resource as lanes. A GnuTLS that is built with kTLS switches it on where
 * it was told to (by the file that GNUTLS_SYSTEM_PRIORITY_FILE names); Debian 12's
 * is not built so, and its keys are given to the kernel here. With "alert" one says goodbye in TLS afterwards: a
 * record that is no data.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/socket.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "genl.h"

#define LANES	3
#define PORT	7998
#define USER	"ditto"
/* A cipher that the kernel has, and SHA-256 for the key. */
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:" \
	"-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK"

#ifndef SOL_TLS
#define SOL_TLS	282
#endif

struct node {
	const char *netns;
	const char *address;
	uint32_t id;
	uint32_t peer;
	bool server;
	const char *peer_address;
	gnutls_session_t sessions[LANES];
	int fds[LANES];
};

static const char *resource;
static uint64_t cookie;
static pthread_barrier_t listening;
static pthread_barrier_t accepted;
static const unsigned char key[32] = "a key that only this test uses";

static void fail(const struct node *node, const char *what, const char *why)
{
	fprintf(stderr, "ktls_smoke: node %u: %s: %s\n", node->id, what, why);
	exit(1);
}

static void check(const struct node *node, const char *what, int error)
{
	if (error < 0)
		fail(node, what, gnutls_strerror(error));
}

static void enter(const struct node *node)
{
	int fd = open(node->netns, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(node, node->netns, strerror(errno));
	close(fd);
}

static int psk(gnutls_session_t session, const char *user, gnutls_datum_t *found)
{
	(void)session;
	if (strcmp(user, USER))
		return -1;
	found->data = gnutls_malloc(sizeof(key));
	if (!found->data)
		return -1;
	memcpy(found->data, key, sizeof(key));
	found->size = sizeof(key);
	return 0;
}

static void take_sockets(struct node *node)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int listener, i, yes = 1;

	inet_pton(AF_INET, node->server ? node->address : node->peer_address, &address.sin_addr);
	if (node->server) {
		listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
		if (bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
		    listen(listener, LANES))
			fail(node, "listen", strerror(errno));
		/* One at a time: the order of connecting is not that of accepting. */
		for (i = 0; i < LANES; i++) {
			pthread_barrier_wait(&listening);
			node->fds[i] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			pthread_barrier_wait(&accepted);
		}
		close(listener);
		return;
	}
	for (i = 0; i < LANES; i++) {
		pthread_barrier_wait(&listening);
		node->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(node->fds[i], (struct sockaddr *)&address, sizeof(address)))
			fail(node, "connect", strerror(errno));
		pthread_barrier_wait(&accepted);
	}
}

static void give_key(const struct node *node, gnutls_session_t session, int fd, bool receive)
{
	struct tls12_crypto_info_aes_gcm_128 info = {
		.info = { .version = TLS_1_3_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
	};
	gnutls_datum_t mac, iv, cipher;
	unsigned char sequence[8];

	check(node, "keys", gnutls_record_get_state(session, receive, &mac, &iv, &cipher,
						    sequence));
	if (iv.size != sizeof(info.salt) + sizeof(info.iv) || cipher.size != sizeof(info.key))
		fail(node, "keys", "not those of AES-128-GCM");
	memcpy(info.salt, iv.data, sizeof(info.salt));
	memcpy(info.iv, iv.data + sizeof(info.salt), sizeof(info.iv));
	memcpy(info.key, cipher.data, sizeof(info.key));
	memcpy(info.rec_seq, sequence, sizeof(info.rec_seq));
	if (setsockopt(fd, SOL_TLS, receive ? TLS_RX : TLS_TX, &info, sizeof(info)))
		fail(node, receive ? "TLS_RX" : "TLS_TX", strerror(errno));
}

static void to_kernel(const struct node *node, gnutls_session_t session, int fd)
{
	if (gnutls_transport_is_ktls_enabled(session) == GNUTLS_KTLS_DUPLEX)
		return;
	if (gnutls_record_check_pending(session))
		fail(node, "handshake", "something follows it");
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")))
		fail(node, "TCP_ULP", strerror(errno));
	give_key(node, session, fd, false);
	give_key(node, session, fd, true);
}

/* close_notify, through the kernel. */
static void say_goodbye(const struct node *node, int fd)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(1)];
	} control = { 0 };
	unsigned char alert[2] = { 1, 0 };
	struct iovec vec = { .iov_base = alert, .iov_len = sizeof(alert) };
	struct msghdr msg = {
		.msg_iov = &vec,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_TLS;
	control.header.cmsg_type = TLS_SET_RECORD_TYPE;
	control.header.cmsg_len = CMSG_LEN(1);
	*CMSG_DATA(&control.header) = 21;
	if (sendmsg(fd, &msg, MSG_NOSIGNAL) != sizeof(alert))
		fail(node, "alert", strerror(errno));
}

static void handshake(struct node *node, int lane)
{
	const gnutls_datum_t datum = { .data = (unsigned char *)key, .size = sizeof(key) };
	gnutls_psk_client_credentials_t client;
	gnutls_psk_server_credentials_t server;
	gnutls_session_t session;
	int ret;

	/* Tickets would be records that are no data, after the handshake. */
	check(node, "init", gnutls_init(&session, (node->server ? GNUTLS_SERVER : GNUTLS_CLIENT) |
					GNUTLS_NO_TICKETS));
	check(node, "priority", gnutls_priority_set_direct(session, PRIORITY, NULL));
	if (node->server) {
		check(node, "credentials", gnutls_psk_allocate_server_credentials(&server));
		gnutls_psk_set_server_credentials_function(server, psk);
		gnutls_credentials_set(session, GNUTLS_CRD_PSK, server);
	} else {
		check(node, "credentials", gnutls_psk_allocate_client_credentials(&client));
		gnutls_psk_set_client_credentials(client, USER, &datum, GNUTLS_PSK_KEY_RAW);
		gnutls_credentials_set(session, GNUTLS_CRD_PSK, client);
	}
	gnutls_transport_set_int(session, node->fds[lane]);
	gnutls_handshake_set_timeout(session, 20000 * time_scale());
	do {
		ret = gnutls_handshake(session);
	} while (ret < 0 && !gnutls_error_is_fatal(ret));
	check(node, "handshake", ret);
	to_kernel(node, session, node->fds[lane]);
	node->sessions[lane] = session;
}

static void *run(void *arg)
{
	struct node *node = arg;
	struct genl_peer peer;
	struct genl genl;
	int i, err;

	enter(node);
	take_sockets(node);
	for (i = 0; i < LANES; i++)
		handshake(node, i);
	if (genl_open(&genl))
		fail(node, "netlink", "no family ditto");
	err = genl_lanes(&genl, resource, node->peer, cookie, node->fds);
	if (err)
		fail(node, "LANES", genl.text);
	err = genl_peer_wait(&genl, resource, node->peer, DITTO_CONNECTION_CONNECTED,
			     10000 * time_scale(), &peer);
	if (err)
		fail(node, "it is not Connected", peer.reason);
	printf("node %u: Connected by %s\n", node->id,
	       gnutls_protocol_get_name(gnutls_protocol_get_version(node->sessions[0])));
	genl_close(&genl);
	return NULL;
}

int main(int argc, char **argv)
{
	struct node nodes[2] = { 0 };
	pthread_t threads[2];
	int i;

	if (argc < 8 || (argc == 9 && strcmp(argv[8], "alert")) || argc > 9) {
		fprintf(stderr, "usage: see the head of the source\n");
		return 2;
	}
	resource = argv[1];
	if (getrandom(&cookie, sizeof(cookie), 0) < 0)
		return 1;
	cookie |= 1;
	pthread_barrier_init(&listening, NULL, 2);
	pthread_barrier_init(&accepted, NULL, 2);
	for (i = 0; i < 2; i++) {
		nodes[i].netns = argv[2 + 3 * i];
		nodes[i].address = argv[3 + 3 * i];
		nodes[i].id = atoi(argv[4 + 3 * i]);
		nodes[i].peer = atoi(argv[4 + 3 * !i]);
		nodes[i].peer_address = argv[3 + 3 * !i];
		nodes[i].server = i;
	}
	for (i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, run, &nodes[i]))
			return 1;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	if (argc == 9)
		say_goodbye(&nodes[0], nodes[0].fds[LANES - 1]);
	/* The descriptors go with us, the sockets stay the kernel's. */
	return 0;
}
