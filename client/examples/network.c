/* SPDX-License-Identifier: MIT */
/*
 * network [FILE [FILTER]]: a network monitor over a recorded file. libpcap reads it in a host, on a thread of its own
 * (cbb_call_async), and does not wait for this program: packets come as events. This program is slow on purpose.
 * At most 256 may wait for it; when there are more, the oldest are dropped, and the stream says how many and where.
 */
#include "examples.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>

#define LINES_SHOWN 12

/* What pcap.h declares, as pointers into the host. */
typedef struct pcap pcap_t;
struct pcap_pkthdr {
	struct timeval ts;
	uint32_t caplen, len;
};
struct bpf_program {
	unsigned bf_len;
	void *bf_insns;
};
typedef void handler_fn(unsigned char *user, const struct pcap_pkthdr *header, const unsigned char *bytes);
static pcap_t *(*pcap_open_offline)(const char *path, char *error);
static int (*pcap_compile)(pcap_t *, struct bpf_program *, const char *text, int optimize, unsigned mask);
static int (*pcap_setfilter)(pcap_t *, struct bpf_program *);
static void (*pcap_freecode)(struct bpf_program *);
static char *(*pcap_geterr)(pcap_t *);
static void (*pcap_close)(pcap_t *);
static const char *(*pcap_lib_version)(void);

static cbb_library *library;
static cbb_queue *queue;
static cbb_callback *packets;
static unsigned long n_seen, n_lost, n_lines;

static unsigned get16(const unsigned char *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static const char *protocol_name(unsigned number)
{
	return number == 6 ? "TCP" : number == 17 ? "UDP" : number == 1 || number == 58 ? "ICMP" : "?";
}

/* "10.0.0.2:40000 > 10.0.0.1:53 UDP", of at least 54 bytes (IPv4: 42) behind the Ethernet header that is 14 of them. */
static void describe(const unsigned char *bytes, unsigned size, char *text, size_t text_size)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	unsigned type = size >= 14 ? get16(bytes + 12) : 0, is_6 = type == 0x86dd;
	const unsigned char *ip = bytes + 14, *ports = ip + (is_6 ? 40 : 20);
	if ((type != 0x0800 && !is_6) || size < (is_6 ? 58u : 38u)) {
		snprintf(text, text_size, type == 0x0806 ? "ARP" : "type %04x", type);
		return;
	}
	inet_ntop(is_6 ? AF_INET6 : AF_INET, ip + (is_6 ? 8 : 12), from, sizeof from);
	inet_ntop(is_6 ? AF_INET6 : AF_INET, ip + (is_6 ? 24 : 16), to, sizeof to);
	unsigned protocol = ip[is_6 ? 6 : 9];
	if (protocol == 6 || protocol == 17)
		snprintf(text, text_size, is_6 ? "[%s]:%u > [%s]:%u %s" : "%s:%u > %s:%u %s", from, get16(ports), to,
		         get16(ports + 2), protocol_name(protocol));
	else
		snprintf(text, text_size, "%s > %s %s", from, to, protocol_name(protocol));
}

static void on_packet(unsigned char *user, const struct pcap_pkthdr *header, const unsigned char *bytes)
{
	char text[160];
	(void)user;
	n_seen++;
	describe(bytes, header->caplen, text, sizeof text);
	if (n_lines++ < LINES_SHOWN)
		printf("  %ld.%06ld %s, %u bytes\n", (long)header->ts.tv_sec % 1000, (long)header->ts.tv_usec, text,
		       header->len);
	else if (n_lines == LINES_SHOWN + 1)
		printf("  ... (the rest is only counted)\n");
	usleep(100); /* a slow consumer */
}

/* In the stream, where they are missing. */
static void on_lost(cbb_callback *callback, const cbb_loss *loss, void *user_data)
{
	(void)callback, (void)user_data;
	n_lost += loss->count;
	printf("  -- %lu packets lost here, behind %lu that were seen: this program is too slow --\n",
	       (unsigned long)loss->count, n_seen);
}

/* The reader has come to the end, or to an error. What it told before is still handled. */
static void on_read(cbb_async *async, int status, void *user_data)
{
	(void)async, (void)user_data;
	check(status, "pcap_loop");
	check(cbb_callback_close(packets, NULL), "close the callback");
}

/* Whether libpcap understands it; else it has said why not. */
static int set_filter(pcap_t *pcap, const char *text)
{
	struct bpf_program program = {0};
	int r = pcap_compile(pcap, &program, text, 1, 0xffffffff);
	check_last("pcap_compile");
	if (r < 0)
		return 0;
	r = pcap_setfilter(pcap, &program);
	check_last("pcap_setfilter");
	pcap_freecode(&program);
	return r == 0;
}

/* Reads to the end, on a thread of the host; its packets are handled here. */
static void read_all(pcap_t *pcap)
{
	int result = 0, all = -1;
	unsigned char *user = NULL;
	cbb_function *loop = NULL;
	n_seen = n_lost = n_lines = 0;
	cbb_callback_options options = {.size = sizeof options, .delivery = CBB_LISTENER,
	                                .overflow = CBB_OVERFLOW_DROP_OLDEST,
	                                .max_queued = 256, .on_lost = on_lost};
	check(cbb_callback_open(library, "pcap_handler", CBB_FUNCTION(on_packet), &options, &packets), "open a callback");
	handler_fn *handler = (handler_fn *)cbb_callback_pointer(packets);
	check(cbb_function_find(library, "pcap_loop", &loop), "find pcap_loop");
	cbb_async_options async = {.size = sizeof async, .done = on_read};
	check(cbb_call_async(loop, &result, (void *[]){&pcap, &all, &handler, &user}, &async, NULL), "begin pcap_loop");
	check(cbb_queue_run(queue), "run"); /* until the call is over and the callback is closed */
	printf("  %lu packets shown or counted, %lu lost, %lu in all\n", n_seen, n_lost, n_seen + n_lost);
	if (result < 0)
		printf("  libpcap says: %s\n", pcap_geterr(pcap));
}

static void show(const char *path, const char *filter)
{
	char error[256];
	printf("%s%s%s:\n", path, filter ? ", " : "", filter ? filter : "");
	pcap_t *pcap = pcap_open_offline(path, error);
	check_last("pcap_open_offline");
	if (!pcap)
		printf("  cannot be read: %s\n", error);
	else if (filter && !set_filter(pcap, filter))
		printf("  is no filter: %s\n", pcap_geterr(pcap));
	else
		read_all(pcap);
	if (pcap)
		pcap_close(pcap);
}

#define FIND(name) check_that((name = CBB_SYMBOL(library, __typeof__(*name), #name)) != NULL, #name " is found")

int main(int argc, char **argv)
{
	cbb_client *client = NULL;
	cbb_host *host = NULL;
	show_at_once();
	check(cbb_connect(&client, NULL), "connect");
	check(cbb_host_open(client, NULL, &host), "open a host");
	check(cbb_library_open(host, "libpcap", &library), "open libpcap");
	queue = cbb_queue_default(client);
	FIND(pcap_open_offline);
	FIND(pcap_compile);
	FIND(pcap_setfilter);
	FIND(pcap_freecode);
	FIND(pcap_geterr);
	FIND(pcap_close);
	FIND(pcap_lib_version);
	printf("%s, in process %d.\n", pcap_lib_version(), (int)cbb_host_pid(host));
	if (argc > 1) {
		show(argv[1], argc > 2 ? argv[2] : NULL);
	} else {
		show(TRAFFIC, NULL);
		show(TRAFFIC, "icmp or arp");
		show(TRAFFIC, "port eighty");
		show("/nonexistent.pcap", NULL);
	}
	check_that(cbb_disconnect(client) == NULL, "disconnected");
	return 0;
}
