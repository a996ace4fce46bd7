/* SPDX-License-Identifier: MIT */
/* libpcap through its interface: files written and read, filters, errors in words. */
#include "support/remote.h"

#include <pcap.h>

#define PCAP(name) REMOTE(library, name, #name)
#define PACKETS 5

static cbb_library *library;

static void given_libpcap(void)
{
	given_a_host();
	REMOTE_OK(cbb_library_open(remote_host, "libpcap", &library));
}

static struct pcap_pkthdr header_of(unsigned i)
{
	return (struct pcap_pkthdr){.ts = {.tv_sec = 1000 + i, .tv_usec = 7 * i}, .caplen = 20 + i, .len = 100 + i};
}

/* Each is 20 + i bytes of i, on a link of no kind that pcap looks into. */
static const char *record_packets(void)
{
	const char *path = harness_temp_path("record.pcap");
	u_char bytes[20 + PACKETS];
	pcap_t *pcap = PCAP(pcap_open_dead)(DLT_RAW, 4096);
	pcap_dumper_t *dumper = PCAP(pcap_dump_open)(pcap, path);
	REQUIRE(dumper != NULL);
	for (unsigned i = 0; i < PACKETS; i++) {
		struct pcap_pkthdr header = header_of(i);
		memset(bytes, (int)i, sizeof bytes);
		PCAP(pcap_dump)((u_char *)dumper, &header, bytes);
	}
	PCAP(pcap_dump_close)(dumper);
	PCAP(pcap_close)(pcap);
	EXPECT_CALL_OK();
	return path;
}

static pcap_t *open_record(const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap = PCAP(pcap_open_offline)(path, error);
	REQUIRE(pcap != NULL);
	EXPECT_EQUAL(PCAP(pcap_datalink)(pcap), DLT_RAW);
	EXPECT_EQUAL(PCAP(pcap_snapshot)(pcap), 4096);
	return pcap;
}

static void expect_packet(unsigned i, const struct pcap_pkthdr *header, const u_char *bytes)
{
	struct pcap_pkthdr expected = header_of(i);
	EXPECT_BYTES(header, sizeof *header, &expected, sizeof expected);
	for (unsigned j = 0; j < header->caplen; j++)
		EXPECT_EQUAL(bytes[j], i);
}

static void on_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	unsigned *n = (unsigned *)user;
	expect_packet((*n)++, header, bytes);
}

static void given_a_record_when_looped_over_then_each_packet_comes_with_its_bytes(void)
{
	unsigned n = 0;
	given_libpcap();
	pcap_t *pcap = open_record(record_packets());
	EXPECT_EQUAL(PCAP(pcap_loop)(pcap, 2, on_packet, (u_char *)&n), 0);
	EXPECT_EQUAL(n, 2);
	EXPECT_EQUAL(PCAP(pcap_dispatch)(pcap, -1, on_packet, (u_char *)&n), PACKETS - 2);
	EXPECT_EQUAL(n, PACKETS);
	PCAP(pcap_close)(pcap);
	EXPECT_CALL_OK();
	remote_end();
}

static void given_a_record_when_packets_are_fetched_then_their_bytes_can_be_read(void)
{
	struct pcap_pkthdr first, *header = NULL;
	const u_char *bytes = NULL;
	u_char read[64];
	given_libpcap();
	pcap_t *pcap = open_record(record_packets());
	const u_char *copy = PCAP(pcap_next)(pcap, &first);
	REQUIRE(copy != NULL);
	expect_packet(0, &first, copy);
	for (unsigned i = 1; i < PACKETS; i++) {
		EXPECT_EQUAL(PCAP(pcap_next_ex)(pcap, &header, &bytes), 1);
		REQUIRE(header != NULL && header->caplen <= sizeof read);
		REMOTE_OK(cbb_read(remote_host, bytes, read, header->caplen));
		expect_packet(i, header, read);
	}
	EXPECT_EQUAL(PCAP(pcap_next_ex)(pcap, &header, &bytes), PCAP_ERROR_BREAK);
	EXPECT(PCAP(pcap_next)(pcap, &first) == NULL);
	PCAP(pcap_close)(pcap);
	EXPECT_CALL_OK();
	remote_end();
}

static pcap_t *breaking;

static void on_packet_break(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	on_packet(user, header, bytes);
	PCAP(pcap_breakloop)(breaking);
}

static void given_a_handler_when_it_breaks_the_loop_then_the_loop_ends(void)
{
	unsigned n = 0;
	given_libpcap();
	breaking = open_record(record_packets());
	EXPECT_EQUAL(PCAP(pcap_loop)(breaking, -1, on_packet_break, (u_char *)&n), PCAP_ERROR_BREAK);
	EXPECT_EQUAL(n, 1);
	PCAP(pcap_close)(breaking);
	remote_end();
}

static void given_a_filter_when_it_is_set_then_only_what_fits_comes(void)
{
	struct bpf_program program = {0};
	unsigned n = 3;
	given_libpcap();
	pcap_t *pcap = open_record(record_packets());
	EXPECT_EQUAL(PCAP(pcap_compile)(pcap, &program, "len = 103", 1, PCAP_NETMASK_UNKNOWN), 0);
	EXPECT_EQUAL(PCAP(pcap_setfilter)(pcap, &program), 0);
	PCAP(pcap_freecode)(&program);
	EXPECT_EQUAL(program.bf_len, 0);
	EXPECT_EQUAL(PCAP(pcap_loop)(pcap, -1, on_packet, (u_char *)&n), 0);
	EXPECT_EQUAL(n, 4);
	EXPECT_EQUAL(PCAP(pcap_compile)(pcap, &program, "port eighty", 1, PCAP_NETMASK_UNKNOWN), PCAP_ERROR);
	EXPECT_CONTAINS(PCAP(pcap_geterr)(pcap), "eighty");
	PCAP(pcap_close)(pcap);
	EXPECT_CALL_OK();
	remote_end();
}

static void given_no_record_when_opened_then_the_error_has_words(void)
{
	char error[PCAP_ERRBUF_SIZE] = "";
	given_libpcap();
	EXPECT(PCAP(pcap_open_offline)("/nonexistent", error) == NULL);
	EXPECT_CALL_OK();
	EXPECT_STRING(error, "/nonexistent: No such file or directory");
	remote_end();
}

static const struct test tests[] = {
	TEST(given_a_record_when_looped_over_then_each_packet_comes_with_its_bytes),
	TEST(given_a_record_when_packets_are_fetched_then_their_bytes_can_be_read),
	TEST(given_a_handler_when_it_breaks_the_loop_then_the_loop_ends),
	TEST(given_a_filter_when_it_is_set_then_only_what_fits_comes),
	TEST(given_no_record_when_opened_then_the_error_has_words),
};
HARNESS_MAIN(tests)
