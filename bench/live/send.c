/*
 * Sends traffic into an interface, so that captures at the other end of its cable can be counted: whole Ethernet frames through an AF_PACKET socket, many a
 * system call, at a given rate.
 *
 *   cc -O2 -o send send.c
 *   ./send -i IFACE -n PACKETS -r PER_SECOND [-s imix|small|full] [-f FLOWS] [-t NEW_FLOWS_PER_SECOND] [-w INCIDENTS_PER_SECOND] [-d MOST_SECONDS]
 *   ./send -i IFACE -n PROBES  -r PER_SECOND -p udp|arp
 *
 * The first form sends questions and their answers of FLOWS conversations: UDP, DNS with changing ids, TCP, ping, ARP, in which nothing is wrong. -r 0: as fast
 * as it goes. -w adds incidents that go on: DNS answered from an address that was not asked, and an address that two cards of a host answer for, eight and
 * four of them in turn. Prints JSON: {"sent", "octets", "incidents", "seconds"}.
 *
 * The second form sends an incident of its own for each probe, at random distances, and prints for each the address that its finding is about, and the time when
 * its last frame went out, in nanoseconds since 1970.
 *
 * Checksums of IPv4 are right; those of TCP and ICMP are not made.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ETHERNET = 14, IPV4 = 20, UDP = 8, TCP = 20, ICMP = 8, MOST_HEAD = 112, SIZES = 3, MOST_BATCH = 32, SHORTEST = 60 };
enum { ASK, ANSWER };
enum { KIND_UDP, KIND_DNS, KIND_TCP, KIND_PING, KIND_ARP };

/* Lengths without the frame check sequence: the Internet's mixture, 7 to 4 to 1. */
static const int LENGTH[SIZES] = {60, 590, 1514};

typedef struct {
    uint8_t head[MOST_HEAD];
    int head_length;
    int length;
    /* One's complement sum of the IPv4 header without its identification. */
    uint32_t sum;
} Cell;

typedef struct {
    int kind;
    int is_new;
    Cell cells[2][SIZES];
} Flow;

static Flow *flows;
static int flow_count = 1000;
static uint32_t next_client;
static uint8_t filling[1514];
static uint64_t random_state = 88172645463325252ull;
static uint16_t ident, transaction;

static int sock;
static struct mmsghdr messages[MOST_BATCH];
static struct iovec pieces[MOST_BATCH][2];
static int queued;
static uint64_t sent, octets, incidents;

static uint32_t random32(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

static uint64_t now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void sleep_until(uint64_t at) {
    struct timespec time = {(time_t)(at / 1000000000u), (long)(at % 1000000000u)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) continue;
}

static void put16(uint8_t *at, uint32_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value) {
    put16(at, value >> 16);
    put16(at + 2, value);
}

static void put_mac(uint8_t *at, uint32_t host) {
    put16(at, 0x0200);
    put32(at + 2, host);
}

/* Ends of a conversation: whose MAC, IPv4 address and port. */
typedef struct {
    uint32_t mac, ip, port;
} End;

static void ethernet(Cell *cell, const End *from, const End *to, uint32_t type) {
    put_mac(cell->head, to->mac);
    put_mac(cell->head + 6, from->mac);
    put16(cell->head + 12, type);
}

static void ip(Cell *cell, const End *from, const End *to, uint32_t protocol, int length) {
    uint8_t *at = cell->head + ETHERNET;
    ethernet(cell, from, to, 0x0800);
    memset(at, 0, IPV4);
    at[0] = 0x45;
    put16(at + 2, (uint32_t)(length - ETHERNET));
    at[8] = 64;
    at[9] = (uint8_t)protocol;
    put32(at + 12, from->ip);
    put32(at + 16, to->ip);
    cell->length = length;
    cell->sum = 0;
    for (int i = 0; i < IPV4; i += 2) cell->sum += (uint32_t)at[i] << 8 | at[i + 1];
}

static void identify(Cell *cell) {
    uint8_t *at = cell->head + ETHERNET;
    if (cell->sum == 0) return;
    put16(at + 4, ++ident);
    uint32_t sum = cell->sum + ident;
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    put16(at + 10, ~sum & 0xffff);
}

static void udp(Cell *cell, const End *from, const End *to, int length) {
    uint8_t *at = cell->head + ETHERNET + IPV4;
    ip(cell, from, to, 17, length);
    put16(at, from->port);
    put16(at + 2, to->port);
    put16(at + 4, (uint32_t)(length - ETHERNET - IPV4));
    put16(at + 6, 0);
    cell->head_length = ETHERNET + IPV4 + UDP;
}

/* A question for the address of a.example, or its answer. */
static void dns(Cell *cell, const End *from, const End *to, int is_answer) {
    static const uint8_t question[] = "\1a\7example\0\0\1\0\1";
    static const uint8_t answer[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 99};
    int length = ETHERNET + IPV4 + UDP + 12 + (int)sizeof question - 1 + (is_answer ? (int)sizeof answer : 0);
    udp(cell, from, to, length);
    uint8_t *at = cell->head + cell->head_length;
    memset(at, 0, 12);
    put16(at + 2, is_answer ? 0x8180 : 0x0100);
    at[5] = 1;
    at[7] = is_answer ? 1 : 0;
    memcpy(at + 12, question, sizeof question - 1);
    if (is_answer) memcpy(at + 12 + sizeof question - 1, answer, sizeof answer);
    cell->head_length = length;
}

static void tcp(Cell *cell, const End *from, const End *to, int length) {
    uint8_t *at = cell->head + ETHERNET + IPV4;
    ip(cell, from, to, 6, length);
    memset(at, 0, TCP);
    put16(at, from->port);
    put16(at + 2, to->port);
    put32(at + 4, random32());
    put32(at + 8, random32());
    at[12] = 5 << 4;
    put16(at + 14, 65535);
    cell->head_length = ETHERNET + IPV4 + TCP;
}

static void ping(Cell *cell, const End *from, const End *to, int is_answer, uint32_t number, int length) {
    uint8_t *at = cell->head + ETHERNET + IPV4;
    ip(cell, from, to, 1, length);
    memset(at, 0, ICMP);
    at[0] = is_answer ? 0 : 8;
    put16(at + 4, number);
    put16(at + 6, 1);
    cell->head_length = ETHERNET + IPV4 + ICMP;
}

static void arp(Cell *cell, const End *from, const End *to, int is_answer) {
    uint8_t *at = cell->head + ETHERNET;
    ethernet(cell, from, to, 0x0806);
    if (!is_answer) memset(cell->head, 0xff, 6);
    put16(at, 1);
    put16(at + 2, 0x0800);
    at[4] = 6;
    at[5] = 4;
    put16(at + 6, is_answer ? 2 : 1);
    put_mac(at + 8, from->mac);
    put32(at + 14, from->ip);
    if (is_answer) put_mac(at + 18, to->mac);
    else memset(at + 18, 0, 6);
    put32(at + 24, to->ip);
    cell->head_length = ETHERNET + 28;
    cell->length = SHORTEST;
    cell->sum = 0;
}

/* The router by which all clients come, and its address among the servers. */
static const End router = {0x0001, 0xcb0071fe, 0};

static int kind_of(int i) {
    if (i % 200 == 8) return KIND_ARP;
    int part = i % 20;
    return part < 2 ? KIND_DNS : part < 7 ? KIND_TCP : part < 8 ? KIND_PING : KIND_UDP;
}

/* Fills a flow's frames: a client that was not there before asks a server. */
static void make_flow(int i) {
    Flow *flow = &flows[i];
    uint32_t server = 1 + (uint32_t)i % 240;
    flow->kind = kind_of(i);
    flow->is_new = 1;
    uint32_t number = next_client++;
    End client = {router.mac, 0x0a000000 | (number & 0xffffff), 32768 + number * 7 % 28000};
    End asked = {0x10000 + server, 0xcb007100 + server, flow->kind == KIND_DNS ? 53 : 7000 + (uint32_t)i % 8};
    for (int size = 0; size < SIZES; size++) {
        int length = LENGTH[size];
        Cell *ask = &flow->cells[ASK][size], *answer = &flow->cells[ANSWER][size];
        switch (flow->kind) {
        case KIND_DNS:
            dns(ask, &client, &asked, 0);
            dns(answer, &asked, &client, 1);
            break;
        case KIND_TCP:
            tcp(ask, &client, &asked, length);
            tcp(answer, &asked, &client, length);
            break;
        case KIND_PING:
            ping(ask, &client, &asked, 0, number, length);
            ping(answer, &asked, &client, 1, number, length);
            break;
        case KIND_ARP:
            arp(ask, &router, &asked, 0);
            arp(answer, &asked, &router, 1);
            break;
        default:
            udp(ask, &client, &asked, length);
            udp(answer, &asked, &client, length);
        }
    }
}

static void flush(void) {
    for (int done = 0; done < queued;) {
        int taken = sendmmsg(sock, messages + done, (unsigned)(queued - done), 0);
        if (taken > 0) {
            done += taken;
        } else if (errno == ENOBUFS || errno == EAGAIN || errno == EINTR) {
            sched_yield();
        } else {
            perror("send");
            exit(1);
        }
    }
    sent += (uint64_t)queued;
    queued = 0;
}

static void queue(Cell *cell) {
    if (queued == MOST_BATCH) flush();
    int length = cell->length < SHORTEST ? SHORTEST : cell->length;
    identify(cell);
    pieces[queued][0] = (struct iovec){cell->head, (size_t)cell->head_length};
    pieces[queued][1] = (struct iovec){filling, (size_t)(length - cell->head_length)};
    messages[queued].msg_hdr.msg_iov = pieces[queued];
    messages[queued].msg_hdr.msg_iovlen = 2;
    queued++;
    octets += (uint64_t)length;
}

static int imix_size(void) {
    uint32_t of_twelve = random32() % 12;
    return of_twelve < 7 ? 0 : of_twelve < 11 ? 1 : 2;
}

static int small_size(void) { return 0; }
static int full_size(void) { return 2; }
static int (*size_of)(void) = imix_size;

/* Questions of some flows, then their answers. */
static void send_pairs(int pairs) {
    Flow *chosen[MOST_BATCH / 2];
    for (int i = 0; i < pairs; i++) {
        Flow *flow = chosen[i] = &flows[random32() % (uint32_t)flow_count];
        int size = size_of();
        Cell *ask = &flow->cells[ASK][size];
        if (flow->kind == KIND_DNS) {
            transaction++;
            put16(ask->head + 42, transaction);
            for (int each = 0; each < SIZES; each++) put16(flow->cells[ANSWER][each].head + 42, transaction);
        }
        if (flow->kind == KIND_TCP) ask->head[47] = flow->is_new ? 0x02 : 0x10;
        queue(ask);
    }
    for (int i = 0; i < pairs; i++) {
        Cell *answer = &chosen[i]->cells[ANSWER][size_of()];
        if (chosen[i]->kind == KIND_TCP) answer->head[47] = chosen[i]->is_new ? 0x12 : 0x10;
        chosen[i]->is_new = 0;
        queue(answer);
    }
    flush();
}

/* Incident `number`: a resolver that answers from another of its addresses. */
static uint32_t wrong_source(uint32_t number) {
    static Cell ask, answer;
    End client = {router.mac, 0xc6120000 + number, 40000};
    End asked = {0x20001, 0xcb0071fa, 53}, other = {0x20001, 0xcb0071fb, 53};
    dns(&ask, &client, &asked, 0);
    dns(&answer, &other, &client, 1);
    put16(ask.head + 42, ++transaction);
    put16(answer.head + 42, transaction);
    queue(&ask);
    queue(&answer);
    flush();
    return client.ip;
}

/* Incident `number`: a host with two cards that answers for both of its addresses from both; a ping enters by one and leaves by the other. */
static uint32_t flux(uint32_t number) {
    static Cell cells[8];
    End cards[2] = {{0x30000 + 2 * number, 0, 0}, {0x30001 + 2 * number, 0, 0}};
    uint32_t base = 0xac100000 + 4 * number;
    End asker = {0x40001, 0xac1ffffe, 0};
    int used = 0;
    for (uint32_t address = base + 1; address <= base + 2; address++) {
        End target = {0, address, 0};
        arp(&cells[used++], &asker, &target, 0);
        for (int card = 0; card < 2; card++) {
            End answering = {cards[card].mac, address, 0};
            arp(&cells[used++], &answering, &asker, 1);
        }
    }
    End enters = {cards[0].mac, base + 1, 0}, leaves = {cards[1].mac, base + 1, 0};
    ping(&cells[used++], &asker, &enters, 0, number & 0xffff, 98);
    ping(&cells[used++], &leaves, &asker, 1, number & 0xffff, 98);
    for (int i = 0; i < used; i++) queue(&cells[i]);
    flush();
    return base + 1;
}

static void send_traffic(uint64_t packets, double rate, double turnover, double trouble, double most_seconds) {
    int pairs = rate > 0 && rate < 16000 ? 1 : MOST_BATCH / 2;
    uint64_t begun = now(CLOCK_MONOTONIC), renewed = 0;
    while (sent < packets) {
        double elapsed = (double)(now(CLOCK_MONOTONIC) - begun) / 1e9;
        double due = rate > 0 ? (double)sent / rate : 0;
        if (elapsed >= most_seconds) break;
        if (due > elapsed) {
            sleep_until(begun + (uint64_t)(due * 1e9));
            elapsed = due;
        }
        while ((double)renewed < elapsed * turnover) make_flow((int)(renewed++ % (uint64_t)flow_count));
        if ((double)incidents < elapsed * trouble) {
            wrong_source((uint32_t)incidents % 8);
            flux((uint32_t)incidents % 4);
            incidents++;
        }
        send_pairs(pairs);
    }
    double seconds = (double)(now(CLOCK_MONOTONIC) - begun) / 1e9;
    printf("{\"sent\":%llu,\"octets\":%llu,\"incidents\":%llu,\"seconds\":%.3f}\n", (unsigned long long)sent, (unsigned long long)octets,
           (unsigned long long)incidents, seconds);
}

static void send_probes(uint64_t probes, double rate, uint32_t (*incident)(uint32_t)) {
    for (uint32_t i = 0; i < probes; i++) {
        double part = (double)random32() / 4294967296.0;
        sleep_until(now(CLOCK_MONOTONIC) + (uint64_t)((0.5 + part) / rate * 1e9));
        /* Not those of -w. */
        struct in_addr address = {htonl(incident(1000 + i))};
        printf("%s %llu\n", inet_ntoa(address), (unsigned long long)now(CLOCK_REALTIME));
    }
}

static void open_socket(const char *interface) {
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface)};
    int on = 1, buffer = 16 << 20;
    sock = socket(AF_PACKET, SOCK_RAW, 0);
    if (sock < 0 || to.sll_ifindex == 0 || bind(sock, (struct sockaddr *)&to, sizeof to) != 0) {
        perror(interface);
        exit(1);
    }
    setsockopt(sock, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on);
    setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
}

static void usage(void) {
    fprintf(stderr, "send -i IFACE -n PACKETS -r PER_SECOND [-s imix|small|full] [-f FLOWS] [-t NEW_FLOWS_PER_SECOND] [-w INCIDENTS_PER_SECOND] [-d MOST_SECONDS]\n"
                    "send -i IFACE -n PROBES -r PER_SECOND -p udp|arp\n");
    exit(2);
}

int main(int argc, char **argv) {
    const char *interface = NULL, *probe = NULL;
    uint64_t packets = 0;
    double rate = -1, turnover = 0, trouble = 0, most_seconds = 1e9;
    for (int option; (option = getopt(argc, argv, "i:n:r:s:f:t:w:d:p:")) != -1;) {
        switch (option) {
        case 'i': interface = optarg; break;
        case 'n': packets = strtoull(optarg, NULL, 10); break;
        case 'r': rate = atof(optarg); break;
        case 's': size_of = optarg[0] == 's' ? small_size : optarg[0] == 'f' ? full_size : imix_size; break;
        case 'f': flow_count = atoi(optarg); break;
        case 't': turnover = atof(optarg); break;
        case 'w': trouble = atof(optarg); break;
        case 'd': most_seconds = atof(optarg); break;
        case 'p': probe = optarg; break;
        default: usage();
        }
    }
    if (!interface || packets == 0 || rate < 0 || flow_count < 1 || (probe && rate == 0)) usage();
    prctl(PR_SET_TIMERSLACK, 1);
    open_socket(interface);
    random_state ^= (uint64_t)getpid() << 32;
    memset(filling, 'f', sizeof filling);
    if (probe) {
        send_probes(packets, rate, probe[0] == 'a' ? flux : wrong_source);
        return 0;
    }
    flows = calloc((size_t)flow_count, sizeof(Flow));
    if (!flows) return 1;
    for (int i = 0; i < flow_count; i++) make_flow(i);
    send_traffic(packets, rate, turnover, trouble, most_seconds);
    return 0;
}
