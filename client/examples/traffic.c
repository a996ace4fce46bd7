/* SPDX-License-Identifier: MIT */
/*
 * traffic FILE: writes what a recorder on a small network could have written in three seconds, in pcap's format: names
 * looked up, pages fetched, a ping, two neighbours that ask for each other. Of each packet the first 96 bytes. The last
 * one is cut off, as when the recorder's disk is full. No part of cbbroker.
 */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#define SNAP 96
#define ROUNDS 400

enum { ICMP = 1, TCP = 6, UDP = 17, ICMP6 = 58 };

struct packet {
	uint8_t bytes[SNAP];
	unsigned size, length; /* of what is kept; of what there was */
};

static FILE *file;
static unsigned long now_us;

static void put(struct packet *packet, unsigned value, unsigned n_bytes)
{
	while (n_bytes-- > 0 && packet->size < SNAP)
		packet->bytes[packet->size++] = (uint8_t)(value >> (8 * n_bytes));
}

static void write32(uint32_t value)
{
	fwrite(&value, sizeof value, 1, file);
}

static void record(const struct packet *packet, unsigned gap_us)
{
	now_us += gap_us;
	write32(1700000000u + (uint32_t)(now_us / 1000000));
	write32((uint32_t)(now_us % 1000000));
	write32(packet->size);
	write32(packet->length);
	fwrite(packet->bytes, 1, packet->size, file);
}

static struct packet ethernet(unsigned type)
{
	struct packet packet = {.length = 0};
	put(&packet, 0x5254, 2), put(&packet, 0x00000001, 4);
	put(&packet, 0x5254, 2), put(&packet, 0x00000002, 4);
	put(&packet, type, 2);
	return packet;
}

/* TCP and UDP begin with the two ports; ICMP has its type where they are. */
static void put_ports(struct packet *packet, unsigned protocol, unsigned from, unsigned to, unsigned payload)
{
	put(packet, from, 2), put(packet, to, 2);
	if (protocol == TCP)
		put(packet, 1, 4), put(packet, 1, 4), put(packet, 0x5018, 2), put(packet, 64240, 2), put(packet, 0, 4);
	else
		put(packet, payload + 8, 2), put(packet, 0, 2);
	for (unsigned i = 0; i < payload; i++)
		put(packet, 'a' + i % 26, 1);
}

static unsigned header_size(unsigned protocol)
{
	return protocol == TCP ? 20 : 8;
}

static void ip4(unsigned protocol, uint32_t source, unsigned from, uint32_t target, unsigned to, unsigned payload)
{
	struct packet packet = ethernet(0x0800);
	unsigned total = 20 + header_size(protocol) + payload;
	put(&packet, 0x4500, 2), put(&packet, total, 2), put(&packet, 0x12344000, 4);
	put(&packet, 64, 1), put(&packet, protocol, 1), put(&packet, 0, 2);
	put(&packet, source, 4), put(&packet, target, 4);
	put_ports(&packet, protocol, from, to, payload);
	packet.length = 14 + total;
	record(&packet, 1200);
}

static void ip6(unsigned protocol, unsigned source, unsigned from, unsigned target, unsigned to, unsigned payload)
{
	struct packet packet = ethernet(0x86dd);
	unsigned total = header_size(protocol) + payload;
	put(&packet, 0x60000000, 4), put(&packet, total, 2), put(&packet, protocol, 1), put(&packet, 64, 1);
	put(&packet, 0x20010db8, 4), put(&packet, 0, 4), put(&packet, 0, 4), put(&packet, source, 4);
	put(&packet, 0x20010db8, 4), put(&packet, 0, 4), put(&packet, 0, 4), put(&packet, target, 4);
	put_ports(&packet, protocol, from, to, payload);
	packet.length = 54 + total;
	record(&packet, 1500);
}

static void arp(uint32_t source, uint32_t target)
{
	struct packet packet = ethernet(0x0806);
	put(&packet, 0x00010800, 4), put(&packet, 0x06040001, 4);
	put(&packet, 0x5254, 2), put(&packet, 2, 4), put(&packet, source, 4);
	put(&packet, 0, 2), put(&packet, 0, 4), put(&packet, target, 4);
	packet.length = packet.size;
	record(&packet, 900);
}

/* Somebody looks a name up and fetches a page. */
static void visit(unsigned i)
{
	const uint32_t client = 0x0a000002 + i % 3, resolver = 0x0a000001, server = 0xc6336400 + 10 + i % 7;
	unsigned port = 40000 + 17 * i;
	ip4(UDP, client, port, resolver, 53, 33 + i % 11);
	ip4(UDP, resolver, 53, client, port, 49 + i % 23);
	ip4(TCP, client, port + 1, server, 80, 0);
	ip4(TCP, client, port + 1, server, 80, 78 + i % 40);
	ip4(TCP, server, 80, client, port + 1, 1400);
	ip4(TCP, server, 80, client, port + 1, 211 + i);
}

int main(int argc, char **argv)
{
	file = argc == 2 ? fopen(argv[1], "wb") : NULL;
	if (!file)
		return 1;
	const uint32_t head[] = {0xa1b2c3d4, 2 | 4 << 16, 0, 0, SNAP, 1 /* Ethernet */};
	fwrite(head, sizeof head, 1, file);
	arp(0x0a000002, 0x0a000001);
	for (unsigned i = 0; i < ROUNDS; i++) {
		visit(i);
		if (i % 8 == 3)
			ip4(ICMP, 0x0a000003, 0x0800, 0x0a000001, 0, 56);
		if (i % 5 == 2)
			ip6(UDP, 0x11, 5353 + i, 0xfb, 5353, 120);
		if (i % 10 == 6)
			ip6(TCP, 0x11, 50000 + i, 0x22, 443, 517), ip6(ICMP6, 0x22, 0x8800, 0x11, 0, 24);
	}
	long whole = ftell(file);
	ip4(TCP, 0x0a000004, 45000, 0xc633640a, 80, 900);
	if (fclose(file) != 0)
		return 1;
	/* The last packet is there in part. */
	return truncate(argv[1], whole + 40) == 0 ? 0 : 1;
}
