// SPDX-License-Identifier: GPL-2.0
/* From messages to structs: every attribute, wrong sizes, unknown ones. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>

#include "netlink_parse.h"
#include "tap.h"

static char buffer[65536];

static struct nlmsghdr *begin(void)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	mnl_nlmsg_put_extra_header(nlh, sizeof(struct genlmsghdr));
	return nlh;
}

static int parse(const struct nlmsghdr *nlh, struct kernel_resource *r)
{
	memset(r, 0, sizeof(*r));
	return netlink_parse_resource(nlh, r);
}

static void put_peer(struct nlmsghdr *nlh, uint32_t id, unsigned int n_ranges)
{
	struct nlattr *peer = mnl_attr_nest_start(nlh, 0), *ranges;
	uint64_t range[2] = { 4096, 512 };

	for (uint16_t type = DITTO_PEER_A_ID; type <= DITTO_PEER_A_MAX; type++) {
		switch (type) {
		case DITTO_PEER_A_NAME:
			mnl_attr_put_strz(nlh, type, "beta");
			break;
		case DITTO_PEER_A_REASON:
			mnl_attr_put_strz(nlh, type, "why");
			break;
		case DITTO_PEER_A_VERIFY_RANGES:
			ranges = mnl_attr_nest_start(nlh, type);
			for (unsigned int i = 0; i < n_ranges; i++)
				mnl_attr_put(nlh, 0, sizeof(range), range);
			mnl_attr_nest_end(nlh, ranges);
			break;
		case DITTO_PEER_A_COOKIE:
		case DITTO_PEER_A_OUT_OF_SYNC:
		case DITTO_PEER_A_SYNC_TOTAL:
		case DITTO_PEER_A_SYNC_DONE:
		case DITTO_PEER_A_SYNC_RATE:
		case DITTO_PEER_A_SENT:
		case DITTO_PEER_A_RECEIVED:
		case DITTO_PEER_A_RESYNC_SENT:
		case DITTO_PEER_A_RESYNC_SKIPPED:
		case DITTO_PEER_A_VERIFY_ERRORS:
		case DITTO_PEER_A_VERIFY_SKIPPED:
			mnl_attr_put_u64(nlh, type, type + 1000ULL * id);
			break;
		default:
			mnl_attr_put_u32(nlh, type, type == DITTO_PEER_A_ID ? id : type);
		}
	}
	mnl_attr_nest_end(nlh, peer);
}

static void test_peers(void)
{
	struct kernel_resource *r = malloc(sizeof(*r));
	struct nlmsghdr *nlh = begin();
	struct nlattr *nest;
	struct kernel_peer *p = &r->peers[1];

	mnl_attr_put_strz(nlh, DITTO_A_NAME, "r0");
	nest = mnl_attr_nest_start(nlh, DITTO_A_PEERS);
	put_peer(nlh, 1, 0);
	put_peer(nlh, 2, DITTO_VERIFY_RANGES + 1);
	mnl_attr_nest_end(nlh, nest);
	ok(!parse(nlh, r) && r->n_peers == 2, "two peers");
	ok(p->id == 2 && !strcmp(p->name, "beta") && !strcmp(p->reason, "why") &&
	   p->connection == DITTO_PEER_A_CONNECTION && p->role == DITTO_PEER_A_ROLE &&
	   p->disk == DITTO_PEER_A_DISK && p->replication == DITTO_PEER_A_REPLICATION &&
	   p->paused == DITTO_PEER_A_PAUSED && p->inflight == DITTO_PEER_A_INFLIGHT,
	   "a peer's states");
	ok(p->cookie == 2000 + DITTO_PEER_A_COOKIE &&
	   p->out_of_sync == 2000 + DITTO_PEER_A_OUT_OF_SYNC &&
	   p->sync_total == 2000 + DITTO_PEER_A_SYNC_TOTAL &&
	   p->sync_done == 2000 + DITTO_PEER_A_SYNC_DONE &&
	   p->sync_rate == 2000 + DITTO_PEER_A_SYNC_RATE &&
	   p->sent == 2000 + DITTO_PEER_A_SENT &&
	   p->received == 2000 + DITTO_PEER_A_RECEIVED &&
	   p->resync_sent == 2000 + DITTO_PEER_A_RESYNC_SENT &&
	   p->resync_skipped == 2000 + DITTO_PEER_A_RESYNC_SKIPPED &&
	   p->verify_errors == 2000 + DITTO_PEER_A_VERIFY_ERRORS &&
	   p->verify_skipped == 2000 + DITTO_PEER_A_VERIFY_SKIPPED, "a peer's counters");
	ok(p->n_ranges == DITTO_VERIFY_RANGES && p->ranges[15].offset == 4096 &&
	   p->ranges[15].length == 512, "no more ranges than there is room for");

	nlh = begin();
	mnl_attr_put_strz(nlh, DITTO_A_NAME, "r0");
	nest = mnl_attr_nest_start(nlh, DITTO_A_PEERS);
	for (uint32_t i = 0; i <= DITTO_MAX_NODES; i++)
		put_peer(nlh, i, 0);
	mnl_attr_nest_end(nlh, nest);
	ok(parse(nlh, r) == -EBADMSG, "more peers than there can be");
	free(r);
}

static void test_resource(void)
{
	struct kernel_resource *r = malloc(sizeof(*r));
	struct nlmsghdr *nlh = begin();
	uint8_t uuid[16] = { 1, 2, 3 };
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, DITTO_A_NAME, "r0");
	mnl_attr_put(nlh, DITTO_A_UUID, sizeof(uuid), uuid);
	mnl_attr_put_u32(nlh, DITTO_A_NODE_ID, 3);
	mnl_attr_put_u32(nlh, DITTO_A_ROLE, DITTO_ROLE_PRIMARY);
	mnl_attr_put_u64(nlh, DITTO_A_GENERATION, 1ULL << 63);
	mnl_attr_put_u64(nlh, DITTO_A_POSITION, 77);
	mnl_attr_put_u32(nlh, DITTO_A_ROSTER, 5);
	mnl_attr_put_u32(nlh, DITTO_A_MAX + 7, 5);
	nest = mnl_attr_nest_start(nlh, DITTO_A_OPTIONS);
	for (uint16_t type = 1; type <= DITTO_OPTION_A_MAX; type++)
		mnl_attr_put_u32(nlh, type, type);
	mnl_attr_nest_end(nlh, nest);
	nest = mnl_attr_nest_start(nlh, DITTO_A_DISK);
	mnl_attr_put_u32(nlh, DITTO_DISK_A_STATE, DITTO_DISK_OUTDATED);
	mnl_attr_put_strz(nlh, DITTO_DISK_A_PATH, "/dev/a");
	mnl_attr_put_strz(nlh, DITTO_DISK_A_META_PATH, "/dev/m");
	mnl_attr_put_u32(nlh, DITTO_DISK_A_BLOCK_SHIFT, 14);
	mnl_attr_put_u32(nlh, DITTO_DISK_A_UNCLEAN, 1);
	mnl_attr_put_u64(nlh, DITTO_DISK_A_READ_ERRORS, 1ULL << 40);
	mnl_attr_put_u64(nlh, DITTO_DISK_A_REPAIRED, 4096);
	mnl_attr_nest_end(nlh, nest);
	ok(!parse(nlh, r) && !strcmp(r->name, "r0") && !memcmp(r->uuid, uuid, 16) &&
	   r->node_id == 3 && r->role == DITTO_ROLE_PRIMARY && r->generation == 1ULL << 63 &&
	   r->position == 77 && r->roster == 5, "a resource, with an attribute to come");
	ok(r->options.policy == 1 && r->options.ping_interval == 2 && r->options.timeout == 3 &&
	   r->options.payload_crc == 4 && r->options.on_read_error == 5 &&
	   r->options.resync_checksum == 6, "its options");
	ok(r->disk.state == DITTO_DISK_OUTDATED && !strcmp(r->disk.path, "/dev/a") &&
	   !strcmp(r->disk.meta_path, "/dev/m") && r->disk.block_shift == 14 &&
	   r->disk.unclean == 1 && r->disk.read_errors == 1ULL << 40 && r->disk.repaired == 4096,
	   "its disk");
	ok(!r->device.present, "no device");
	free(r);
}

static void test_device(void)
{
	struct kernel_resource *r = malloc(sizeof(*r));
	struct nlmsghdr *nlh = begin();
	struct kernel_device *d = &r->device;
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, DITTO_A_NAME, "r0");
	nest = mnl_attr_nest_start(nlh, DITTO_A_DEVICE);
	for (uint16_t type = DITTO_DEVICE_A_MINOR; type <= DITTO_DEVICE_A_MAX; type++) {
		if (type == DITTO_DEVICE_A_MINOR || type == DITTO_DEVICE_A_OPENERS ||
		    type == DITTO_DEVICE_A_INFLIGHT || type == DITTO_DEVICE_A_BLOCK ||
		    type == DITTO_DEVICE_A_IO || type == DITTO_DEVICE_A_HELD ||
		    type == DITTO_DEVICE_A_DEPOSED)
			mnl_attr_put_u32(nlh, type, type);
		else
			mnl_attr_put_u64(nlh, type, type);
	}
	mnl_attr_nest_end(nlh, nest);
	ok(!parse(nlh, r) && d->present && d->minor == DITTO_DEVICE_A_MINOR &&
	   d->size == DITTO_DEVICE_A_SIZE && d->openers == DITTO_DEVICE_A_OPENERS &&
	   d->reads == DITTO_DEVICE_A_READS && d->read_bytes == DITTO_DEVICE_A_READ_BYTES &&
	   d->writes == DITTO_DEVICE_A_WRITES && d->write_bytes == DITTO_DEVICE_A_WRITE_BYTES &&
	   d->flushes == DITTO_DEVICE_A_FLUSHES && d->inflight == DITTO_DEVICE_A_INFLIGHT &&
	   d->epoch == DITTO_DEVICE_A_EPOCH && d->block == DITTO_DEVICE_A_BLOCK &&
	   d->io == DITTO_DEVICE_A_IO &&
	   d->held == DITTO_DEVICE_A_HELD && d->deposed == DITTO_DEVICE_A_DEPOSED, "a device");
	free(r);
}

static void test_wrong(void)
{
	struct kernel_resource *r = malloc(sizeof(*r));
	char name[DITTO_NAME_LEN + 20];
	struct nlmsghdr *nlh = begin();

	mnl_attr_put_u32(nlh, DITTO_A_NODE_ID, 3);
	ok(parse(nlh, r) == -EBADMSG, "a resource without a name");
	nlh = begin();
	mnl_attr_put_strz(nlh, DITTO_A_NAME, "r0");
	mnl_attr_put_u64(nlh, DITTO_A_NODE_ID, 3);
	ok(parse(nlh, r) == -EBADMSG, "8 bytes where 4 are due");
	nlh = begin();
	mnl_attr_put_strz(nlh, DITTO_A_NAME, "r0");
	mnl_attr_put_u32(nlh, DITTO_A_UUID, 3);
	ok(parse(nlh, r) == -EBADMSG, "a UUID of 4 bytes");
	nlh = begin();
	mnl_attr_put_str(nlh, DITTO_A_NAME, "r0");
	ok(parse(nlh, r) == -EBADMSG, "a string without its NUL");
	nlh = begin();
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	mnl_attr_put_strz(nlh, DITTO_A_NAME, name);
	ok(!parse(nlh, r) && strlen(r->name) == DITTO_NAME_LEN, "a name that is too long is cut");
	free(r);
}

static void test_event(void)
{
	struct nlmsghdr *nlh = begin();
	struct kernel_event event;

	mnl_attr_put_u32(nlh, DITTO_A_EVENT, DITTO_EVENT_CONNECTION);
	mnl_attr_put_strz(nlh, DITTO_A_NAME, "r0");
	ok(!netlink_parse_event(nlh, &event) && event.event == DITTO_EVENT_CONNECTION &&
	   !event.has_peer && !event.has_states && !event.has_bytes && !event.text[0],
	   "an event without much");
	mnl_attr_put_u32(nlh, DITTO_A_PEER_ID, 0);
	mnl_attr_put_u32(nlh, DITTO_A_OLD, 3);
	mnl_attr_put_u32(nlh, DITTO_A_NEW, 0);
	mnl_attr_put_u64(nlh, DITTO_A_BYTES, 9);
	mnl_attr_put_strz(nlh, DITTO_A_TEXT, "why");
	ok(!netlink_parse_event(nlh, &event) && event.has_peer && !event.peer_id &&
	   event.has_states && event.old_state == 3 && !event.new_state && event.has_bytes &&
	   event.bytes == 9 && !strcmp(event.text, "why"), "an event with everything");
	nlh = begin();
	mnl_attr_put_strz(nlh, DITTO_A_NAME, "r0");
	ok(netlink_parse_event(nlh, &event) == -EBADMSG, "an event without its kind");
}

int main(void)
{
	test_resource();
	test_device();
	test_peers();
	test_wrong();
	test_event();
	return tap_done();
}
