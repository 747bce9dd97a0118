/*
 * What a capture costs to read with libpcap: parses link layer, IP and ports of every packet, and, with --flows, counts packets by 5-tuple in an
 * open-addressing table. A lower bound for any analyzer that reads through libpcap, not an analyzer.
 *
 *   cc -O2 -o libpcap libpcap.c -lpcap && ./libpcap [--flows] FILE      prints the number of packets (and of flows)
 */
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint32_t source[4], destination[4];
    uint16_t source_port, destination_port;
    uint32_t protocol;
} Key;

typedef struct {
    Key key;
    uint32_t packets;
    uint32_t octets;
} Flow;

static Flow *flows;
static uint32_t flow_limit = 1 << 16, flow_count;
static uint64_t packets, ports_seen;
static int linktype, with_flows;

static uint32_t u16(const uint8_t *at) { return (uint32_t)at[0] << 8 | at[1]; }

static uint32_t hash(const Key *key) {
    const uint32_t *word = (const uint32_t *)key;
    uint32_t result = 0;
    for (size_t i = 0; i < sizeof(Key) / 4; i++) {
        result = (result ^ word[i]) * 0x9e3779b1u;
        result ^= result >> 15;
    }
    return result;
}

static Flow *place(const Key *key) {
    uint32_t at = hash(key) & (flow_limit - 1);
    while (flows[at].packets && memcmp(&flows[at].key, key, sizeof(Key))) at = (at + 1) & (flow_limit - 1);
    return &flows[at];
}

static void *zeros(size_t count) {
    void *memory = calloc(count, sizeof(Flow));
    if (!memory) exit(1);
    return memory;
}

static void grow(void) {
    Flow *old = flows;
    uint32_t old_limit = flow_limit;
    flow_limit *= 2;
    flows = zeros(flow_limit);
    for (uint32_t i = 0; i < old_limit; i++)
        if (old[i].packets) *place(&old[i].key) = old[i];
    free(old);
}

static void count_flow(const Key *key, uint32_t octets) {
    Flow *flow = place(key);
    if (!flow->packets) {
        flow->key = *key;
        if (++flow_count > flow_limit / 2) {
            grow();
            flow = place(key);
            flow->key = *key;
        }
    }
    flow->packets++;
    flow->octets += octets;
}

static void ip(const uint8_t *at, const uint8_t *end) {
    Key key = {0};
    const uint8_t *transport;
    int has_ports = 1;
    if (at + 20 > end) return;
    if (at[0] >> 4 == 4) {
        memcpy(&key.source[3], at + 12, 4);
        memcpy(&key.destination[3], at + 16, 4);
        key.protocol = at[9];
        has_ports = (u16(at + 6) & 0x1fff) == 0;
        transport = at + (at[0] & 15) * 4;
    } else if (at[0] >> 4 == 6 && at + 40 <= end) {
        memcpy(key.source, at + 8, 16);
        memcpy(key.destination, at + 24, 16);
        key.protocol = at[6];
        transport = at + 40;
    } else {
        return;
    }
    if (has_ports && (key.protocol == 6 || key.protocol == 17) && transport + 4 <= end) {
        key.source_port = u16(transport);
        key.destination_port = u16(transport + 2);
        ports_seen++;
    }
    if (with_flows) count_flow(&key, end - at);
}

static void packet(u_char *user, const struct pcap_pkthdr *header, const u_char *at) {
    const uint8_t *end = at + header->caplen;
    uint32_t type;
    (void)user;
    packets++;
    switch (linktype) {
    case DLT_EN10MB:
        if (at + 14 > end) return;
        type = u16(at + 12);
        at += 14;
        while ((type == 0x8100 || type == 0x88a8) && at + 4 <= end) {
            type = u16(at + 2);
            at += 4;
        }
        break;
    case DLT_LINUX_SLL2:
        if (at + 20 > end) return;
        type = u16(at);
        at += 20;
        break;
    default:
        type = 0x0800;
    }
    if (type == 0x0800 || type == 0x86dd) ip(at, end);
}

int main(int argc, char **argv) {
    char error[PCAP_ERRBUF_SIZE];
    with_flows = argc == 3 && !strcmp(argv[1], "--flows");
    if (argc != 2 + with_flows) return fprintf(stderr, "usage: %s [--flows] FILE\n", argv[0]), 2;
    pcap_t *capture = pcap_open_offline(argv[argc - 1], error);
    if (!capture) return fprintf(stderr, "%s\n", error), 1;
    linktype = pcap_datalink(capture);
    flows = zeros(flow_limit);
    if (pcap_loop(capture, -1, packet, NULL) < 0) return fprintf(stderr, "%s\n", pcap_geterr(capture)), 1;
    printf("%llu packets, %llu with ports, %u flows\n", (unsigned long long)packets, (unsigned long long)ports_seen, flow_count);
    return 0;
}
