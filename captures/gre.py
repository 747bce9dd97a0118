"""GRE (RFC 2784) with a key (RFC 2890) between two routers, IP protocol 47, in place of a kernel that has none.

    gre.py CARD LOCAL REMOTE KEY

Carries the packets of the tun interface CARD.
"""

import socket
import struct
import sys

from tunnel import carry

CHECKSUM, KEY, SEQUENCE, VERSION = 0x8000, 0x2000, 0x1000, 0x0007
IPV4 = 0x0800


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
    carry(card, local, remote, socket.IPPROTO_GRE, lambda packet: wrap(packet, key), lambda datagram: unwrap(datagram, key))


if __name__ == "__main__":
    main(*sys.argv[1:])
