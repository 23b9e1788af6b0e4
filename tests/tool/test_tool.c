// SPDX-License-Identifier: GPL-2.0
/*
 * The verbs against a kernel that writes down what it is asked, fails where the
 * script says, and answers dumps from a list of states.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tap.h"
#include "tool.h"

struct kernel {
	int unused;
};

struct kernel_events {
	int unused;
};

/* What was asked, a word each; what fails; the answers of kernel_get(). */
static char asked[2048];
static const char *failing;
static struct kernel_resource states[8];
static unsigned int n_states, state;
static struct kernel_event events[8];
static unsigned int n_events;
static struct kernel_resource *dumped;
static int wake = -1;

__attribute__((format(printf, 2, 3)))
static int ask(struct why *why, const char *format, ...)
{
	char word[128];
	va_list args;

	va_start(args, format);
	vsnprintf(word, sizeof(word), format, args);
	va_end(args);
	if (asked[0])
		strcat(asked, " ");
	strcat(asked, word);
	if (failing && !strcmp(word, failing))
		return why_set(why, -EINVAL, "scripted failure");
	return 0;
}

int kernel_open(struct kernel **k, struct why *why)
{
	static struct kernel the_kernel;

	(void)why;
	*k = &the_kernel;
	return 0;
}

void kernel_close(struct kernel *k)
{
	(void)k;
}

static struct kernel_resource *copy(const struct kernel_resource *from)
{
	struct kernel_resource *to = malloc(sizeof(*to));

	*to = *from;
	to->next = NULL;
	return to;
}

int kernel_dump(struct kernel *k, struct kernel_resource **list, struct why *why)
{
	(void)k;
	*list = dumped ? copy(dumped) : NULL;
	return ask(why, "dump");
}

/* Each look is one state further; the last one stays. */
int kernel_get(struct kernel *k, const char *name, struct kernel_resource **resource,
	       struct why *why)
{
	(void)k;
	if (!n_states)
		return why_set(why, -ENODEV, "%s is not up", name);
	*resource = copy(&states[state]);
	if (state + 1 < n_states)
		state++;
	return 0;
}

void kernel_free(struct kernel_resource *list)
{
	free(list);
}

int kernel_resource_new(struct kernel *k, const char *name, const uint8_t uuid[16],
			uint32_t node_id, const struct kernel_options *options,
			struct why *why)
{
	(void)k;
	return ask(why, "new:%s:%02x:%u:%u,%u,%u,%u,%u,%u", name, uuid[0], node_id, options->policy,
		   options->ping_interval, options->timeout, options->payload_crc,
		   options->on_read_error, options->resync_checksum);
}

int kernel_resource_del(struct kernel *k, const char *name, struct why *why)
{
	(void)k;
	return ask(why, "del:%s", name);
}

int kernel_peer_new(struct kernel *k, const char *name, uint32_t peer_id,
		    const char *peer_name, struct why *why)
{
	(void)k;
	(void)name;
	return ask(why, "peer:%u:%s", peer_id, peer_name);
}

int kernel_attach(struct kernel *k, const char *name, const char *disk_path,
		  const char *meta_path, struct why *why)
{
	(void)k;
	(void)name;
	return ask(why, "attach:%s:%s", disk_path, meta_path ? meta_path : "-");
}

int kernel_detach(struct kernel *k, const char *name, bool force, struct why *why)
{
	(void)k;
	return ask(why, "detach:%s:%d", name, force);
}

int kernel_command(struct kernel *k, uint32_t cmd, const char *name, struct why *why)
{
	(void)k;
	return ask(why, "cmd%u:%s", cmd, name);
}

int kernel_peer_command(struct kernel *k, uint32_t cmd, const char *name, uint32_t peer_id,
			struct why *why)
{
	(void)k;
	(void)name;
	if (cmd == DITTO_CMD_CONNECT)
		return ask(why, "connect:%u", peer_id);
	if (cmd == DITTO_CMD_DISCONNECT)
		return ask(why, "disconnect:%u", peer_id);
	return ask(why, "invalidate:%u", peer_id);
}

int kernel_invalidate(struct kernel *k, const char *name, struct why *why)
{
	(void)k;
	return ask(why, "invalidate:%s", name);
}

int kernel_role(struct kernel *k, const char *name, uint32_t role, uint32_t flags,
		struct why *why)
{
	(void)k;
	(void)name;
	return ask(why, "role:%u:%u", role, flags);
}

int kernel_verify(struct kernel *k, const char *name, bool stop, struct why *why)
{
	(void)k;
	(void)name;
	return ask(why, "verify:%d", stop);
}

int kernel_resume_io(struct kernel *k, const char *name, bool fail, struct why *why)
{
	(void)k;
	(void)name;
	return ask(why, "resume-io:%d", fail);
}

int kernel_events_open(struct kernel_events **to, struct why *why)
{
	static struct kernel_events the_events;

	(void)why;
	*to = &the_events;
	/* Always readable: the tests do not wait for the second to pass. */
	wake = eventfd(1, EFD_CLOEXEC);
	return 0;
}

void kernel_events_close(struct kernel_events *closed)
{
	(void)closed;
	close(wake);
}

int kernel_events_fd(struct kernel_events *of)
{
	(void)of;
	return wake;
}

int kernel_events_read(struct kernel_events *from,
		       void (*handle)(const struct kernel_event *event, void *data),
		       void *data, struct why *why)
{
	(void)from;
	(void)why;
	for (unsigned int i = 0; i < n_events; i++)
		handle(&events[i], data);
	n_events = 0;
	return 0;
}

#define DIR_TEMPLATE	"/tmp/ditto-test-XXXXXX"

/* Filled in by mkdtemp(). */
static char dir[sizeof(DIR_TEMPLATE)];
static char said[8192];
static char target[8] = "r0";

static void write_config(void)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/r0.conf", dir);
	file = fopen(path, "w");
	fprintf(file,
		"[resource]\nuuid = 0f5ea3a4-4a4c-4d3c-9f4b-0123456789ab\n"
		"policy = sync\nsecurity = none\n"
		"[options]\ntimeout = 3s\npayload-checksum = yes\n"
		"on-read-error = detach\nresync-checksum = yes\n"
		"[node alpha]\nid = 4\naddress = 10.0.0.1:1\ndisk = /dev/a\n"
		"[node beta]\nid = 1\naddress = 10.0.0.2:1\ndisk = /dev/b\nmetadata = /dev/m\n"
		"[node gamma]\nid = 2\naddress = 10.0.0.3:1\ndisk = /dev/c\n");
	fclose(file);
}

static struct tool the_tool(void)
{
	return (struct tool){ .config_dir = dir, .node = "alpha", .timeout = -1 };
}

/* Runs a verb; what it prints is in said. */
static int run(int (*verb)(struct tool *tool, int argc, char **argv), struct tool *tool,
	       const char *second)
{
	char *argv[3] = { target, (char *)second };
	FILE *out = tmpfile();
	int saved_out, saved_err, code;

	asked[0] = '\0';
	state = 0;
	fflush(NULL);
	saved_out = dup(STDOUT_FILENO);
	saved_err = dup(STDERR_FILENO);
	dup2(fileno(out), STDOUT_FILENO);
	dup2(fileno(out), STDERR_FILENO);
	code = verb(tool, second ? 2 : 1, argv);
	fflush(NULL);
	dup2(saved_out, STDOUT_FILENO);
	dup2(saved_err, STDERR_FILENO);
	close(saved_out);
	close(saved_err);
	rewind(out);
	said[fread(said, 1, sizeof(said) - 1, out)] = '\0';
	fclose(out);
	return code;
}

static bool was(const char *expected)
{
	if (!strcmp(asked, expected))
		return true;
	printf("# asked: %s\n# expected: %s\n", asked, expected);
	return false;
}

static bool says(const char *text)
{
	if (strstr(said, text))
		return true;
	printf("# said: %s\n# expected: %s\n", said, text);
	return false;
}

#define NEW	"new:r0:0f:4:1,1000,3000,1,2,1"

static void test_up(void)
{
	static const struct {
		const char *fails;
		const char *step;
		const char *asks;
	} steps[] = {
		{ NEW, "create the resource: scripted failure", NEW },
		{ "peer:2:gamma", "add peer gamma: scripted failure",
		  NEW " peer:1:beta peer:2:gamma del:r0" },
		{ "attach:/dev/a:-", "attach /dev/a: scripted failure",
		  NEW " peer:1:beta peer:2:gamma attach:/dev/a:- del:r0" },
		{ "connect:2", "connect gamma: scripted failure",
		  NEW " peer:1:beta peer:2:gamma attach:/dev/a:- connect:1 connect:2 del:r0" },
	};
	struct tool tool = the_tool();

	ok(!run(verb_up, &tool, NULL) &&
	   was(NEW " peer:1:beta peer:2:gamma attach:/dev/a:- connect:1 connect:2"),
	   "up does what the file says");
	tool.node = "beta";
	ok(!run(verb_up, &tool, NULL) && strstr(asked, "attach:/dev/b:/dev/m"),
	   "with external metadata");
	tool.node = "alpha";
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		failing = steps[i].fails;
		ok(run(verb_up, &tool, NULL) == EXIT_FAILED && was(steps[i].asks) &&
		   says(steps[i].step), "up that fails at %s is undone", failing);
	}
	failing = NULL;
}

static void test_simple(void)
{
	struct tool tool = the_tool();
	char expected[64];

	ok(!run(verb_promote, &tool, NULL) && was("role:2:0"), "promote");
	ok(!run(verb_demote, &tool, NULL) && was("role:1:0"), "demote");
	snprintf(expected, sizeof(expected), "cmd%u:r0", DITTO_CMD_RESOURCE_DEL);
	ok(!run(verb_down, &tool, NULL) && was(expected), "down");
	ok(!run(verb_detach, &tool, NULL) && was("detach:r0:0"), "detach");
	ok(!run(verb_attach, &tool, NULL) && was("attach:/dev/a:-"), "attach");
	snprintf(expected, sizeof(expected), "cmd%u:r0", DITTO_CMD_SYNC_PAUSE);
	ok(!run(verb_pause_sync, &tool, NULL) && was(expected), "pause-sync");
	snprintf(expected, sizeof(expected), "cmd%u:r0", DITTO_CMD_SYNC_RESUME);
	ok(!run(verb_resume_sync, &tool, NULL) && was(expected), "resume-sync");
	snprintf(expected, sizeof(expected), "cmd%u:r0", DITTO_CMD_IO_SUSPEND);
	ok(!run(verb_suspend_io, &tool, NULL) && was(expected), "suspend-io");
	ok(!run(verb_resume_io, &tool, NULL) && was("resume-io:0"), "resume-io");
	tool.fail = true;
	ok(!run(verb_resume_io, &tool, NULL) && was("resume-io:1"), "resume-io --fail");
	ok(!run(verb_invalidate, &tool, NULL) && was("invalidate:r0"), "invalidate here");
	ok(!run(verb_verify, &tool, NULL) && was("verify:0"), "verify");
	tool.stop = true;
	ok(!run(verb_verify, &tool, NULL) && was("verify:1"), "verify --stop");
	tool.force = true;
	ok(!run(verb_promote, &tool, NULL) && was("role:2:1"), "promote --force");
	tool.force = false;
	tool.assume_equal = true;
	ok(!run(verb_promote, &tool, NULL) && was("role:2:4"), "promote --assume-equal");
	tool.force = true;
	tool.assume_equal = false;
	ok(!run(verb_demote, &tool, NULL) && was("role:1:1"), "demote --force");
	ok(!run(verb_detach, &tool, NULL) && was("detach:r0:1"), "detach --force");
	failing = "role:2:1";
	ok(run(verb_promote, &tool, NULL) == EXIT_FAILED && says("ditto: r0: scripted failure"),
	   "the kernel's text is printed");
	failing = NULL;
}

static struct kernel_resource *add_state(void)
{
	static const char *const names[] = { "beta", "gamma" };
	struct kernel_resource *r = &states[n_states++];

	memset(r, 0, sizeof(*r));
	copy_string(r->name, "r0", sizeof(r->name));
	r->disk.state = DITTO_DISK_UP_TO_DATE;
	r->n_peers = 2;
	for (unsigned int i = 0; i < 2; i++) {
		r->peers[i].id = i + 1;
		copy_string(r->peers[i].name, names[i], sizeof(r->peers[i].name));
		r->peers[i].connection = DITTO_CONNECTION_CONNECTED;
		r->peers[i].disk = DITTO_DISK_UP_TO_DATE;
		r->peers[i].replication = DITTO_REPLICATION_ESTABLISHED;
	}
	return r;
}

static void test_peers(void)
{
	struct tool tool = the_tool();
	struct kernel_resource *r;

	n_states = 0;
	ok(run(verb_connect, &tool, NULL) == EXIT_FAILED && says("r0 is not up"),
	   "connect of what is not up");
	r = add_state();
	r->peers[1].connection = DITTO_CONNECTION_STANDALONE;
	ok(!run(verb_connect, &tool, NULL) && was("connect:2"),
	   "connect takes those that are StandAlone");
	ok(!run(verb_disconnect, &tool, NULL) && was("disconnect:1"),
	   "disconnect takes the others");
	ok(!run(verb_connect, &tool, "beta") && was("connect:1"), "a peer by name");
	ok(!run(verb_disconnect, &tool, "2") && was("disconnect:2"), "a peer by node id");
	ok(!run(verb_invalidate, &tool, "gamma") && was("invalidate:2"), "invalidate a peer");
	ok(run(verb_connect, &tool, "delta") == EXIT_FAILED && was("") &&
	   says("no peer 'delta'; there are: beta, gamma"), "a peer that is not there");
	copy_string(r->peers[0].name, "2", sizeof(r->peers[0].name));
	ok(!run(verb_connect, &tool, "2") && was("connect:1"), "a name goes before an id");
	failing = "connect:2";
	ok(run(verb_connect, &tool, NULL) == EXIT_FAILED && says("gamma: scripted failure"),
	   "a failure names the peer");
	failing = NULL;
}

static void test_wait_sync(void)
{
	struct tool tool = the_tool();
	struct kernel_resource *r;

	n_states = 0;
	ok(run(verb_wait_sync, &tool, NULL) == EXIT_FAILED && says("r0 is not up"),
	   "wait-sync of what is not up");
	r = add_state();
	r->peers[0].connection = DITTO_CONNECTION_CONNECTING;
	r = add_state();
	r->peers[0].replication = DITTO_REPLICATION_SYNC_SOURCE;
	r->peers[0].disk = DITTO_DISK_INCONSISTENT;
	r->peers[0].out_of_sync = 4096;
	r = add_state();
	r->disk.state = DITTO_DISK_INCONSISTENT;
	add_state();
	ok(!run(verb_wait_sync, &tool, NULL) && state == 3 && !said[0],
	   "wait-sync waits for the last state, and says nothing");
	setenv("DITTO_PROGRESS", "1", 1);
	ok(!run(verb_wait_sync, &tool, NULL) && says("beta is Connecting") && says("beta [") &&
	   says("the local disk is Inconsistent"), "with DITTO_PROGRESS=1 it shows them");
	unsetenv("DITTO_PROGRESS");
	n_states = 3;
	tool.timeout = 0;
	states[0].peers[1].connection = DITTO_CONNECTION_STANDALONE;
	ok(run(verb_wait_sync, &tool, NULL) == EXIT_FAILED && says("beta is Connecting") &&
	   says("gamma is StandAlone"), "when the time is up it says what is missing");
}

static void add_event(uint32_t peer_id)
{
	struct kernel_event *event = &events[n_events++];

	memset(event, 0, sizeof(*event));
	copy_string(event->name, "r0", sizeof(event->name));
	event->event = DITTO_EVENT_VERIFY_DONE;
	event->has_peer = true;
	event->peer_id = peer_id;
}

static void test_verify_wait(void)
{
	struct tool tool = the_tool();
	struct kernel_resource *r;

	tool.wait = true;
	n_states = 0;
	add_state();
	r = add_state();
	r->peers[0].replication = DITTO_REPLICATION_VERIFY;
	r->peers[1].replication = DITTO_REPLICATION_VERIFY;
	add_state();
	ok(!run(verb_verify, &tool, NULL) && was("verify:0") && state == 2 &&
	   says("r0: beta: no differences\nr0: gamma: no differences\n"),
	   "verify --wait ends with the verify, event or not");
	r = &states[2];
	r->peers[1].verify_errors = 8192;
	r->peers[1].n_ranges = 1;
	r->peers[1].ranges[0] = (struct kernel_range){ 4096, 8192 };
	ok(run(verb_verify, &tool, NULL) == EXIT_FAILED && says("gamma: 8.0 KiB differ") &&
	   says("at byte 4096: 8192 bytes"), "differences are listed and fail");
	r->peers[1].verify_errors = 0;
	r->peers[1].connection = DITTO_CONNECTION_CONNECTING;
	ok(run(verb_verify, &tool, NULL) == EXIT_FAILED &&
	   says("gamma was not compared to the end: Connecting"), "a lost peer fails");
	states[0].peers[1].connection = DITTO_CONNECTION_STANDALONE;
	ok(run(verb_verify, &tool, NULL) == EXIT_FAILED && says("was not compared"),
	   "a peer that could not be compared fails");
	n_states = 0;
	add_state();
	add_event(1);
	add_event(2);
	ok(!run(verb_verify, &tool, NULL) && says("gamma: no differences"),
	   "one that is over before it is looked at ends by its events");
	failing = "verify:0";
	ok(run(verb_verify, &tool, NULL) == EXIT_FAILED && says("scripted failure"),
	   "one that the kernel refuses is not waited for");
	failing = NULL;
}

static void test_wait_all(void)
{
	struct tool tool = the_tool();

	n_states = 0;
	dumped = add_state();
	copy_string(target, "all", sizeof(target));
	ok(!run(verb_wait_sync, &tool, NULL), "wait-sync all");
	states[0].disk.state = DITTO_DISK_FAILED;
	tool.timeout = 0;
	ok(run(verb_wait_sync, &tool, NULL) == EXIT_FAILED && says("the local disk is Failed"),
	   "and its failure");
}

int main(void)
{
	char command[64];

	copy_string(dir, DIR_TEMPLATE, sizeof(dir));
	if (!mkdtemp(dir))
		return 99;
	write_config();
	test_up();
	test_simple();
	test_peers();
	test_wait_sync();
	test_verify_wait();
	test_wait_all();
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	if (system(command))
		perror(command);
	return tap_done();
}
