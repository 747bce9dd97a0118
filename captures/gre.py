"""GRE (RFC 2784) with a key (RFC 2890) between two routers, IP protocol 47, in place of a kernel that has none.

    gre.py CARD LOCAL REMOTE KEY

Carries the packets of the tun interface CARD. What is too large for the path is dropped, as by a kernel that does path MTU discovery.
"""

import errno
import fcntl
import os
import select
import socket
import struct
import sys

CHECKSUM, KEY, SEQUENCE, VERSION = 0x8000, 0x2000, 0x1000, 0x0007
IPV4 = 0x0800


def open_tun(card):
    TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", card.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def open_raw(local, remote):
    IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_GRE)
    raw.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    raw.bind((local, 0))
    raw.connect((remote, 0))
    return raw


def wrap(packet, key):
    return struct.pack("!HHI", KEY, IPV4, key) + packet


def unwrap(datagram, key):
    """The IPv4 packet inside; None where it is something else or has another key."""
    if len(datagram) < 8:
        return None
    flags, protocol = struct.unpack_from("!HH", datagram)
    at = 8 if flags & CHECKSUM else 4
    if flags & VERSION or protocol != IPV4 or not flags & KEY or datagram[at : at + 4] != struct.pack("!I", key):
        return None
    return datagram[at + (8 if flags & SEQUENCE else 4) :]


def main(card, local, remote, key):
    key = int(key, 0)
    raw, tun = open_raw(local, remote), open_tun(card)
    print("ready", flush=True)
    while True:
        for ready in select.select([raw, tun], [], [])[0]:
            if ready is tun:
                try:
                    raw.send(wrap(os.read(tun, 65535), key))
                except OSError as error:
                    if error.errno != errno.EMSGSIZE:
                        raise
            else:
                datagram = raw.recv(65535)
                packet = unwrap(datagram[(datagram[0] & 15) * 4 :], key)
                if packet:
                    os.write(tun, packet)


if __name__ == "__main__":
    main(*sys.argv[1:])
