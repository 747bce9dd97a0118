"""Carries the packets of a tun interface in IP packets of another protocol, in place of a kernel that has no such tunnel."""

import errno
import fcntl
import os
import select
import socket
import struct


def carry(card, local, remote, protocol, wrap, unwrap):
    """All that the tun interface `card` sends goes wrapped from `local` to `remote`, and back; `unwrap` gives None for what is not ours.
    What is too large for the path is dropped, as by a kernel that does path MTU discovery."""
    raw, tun = open_raw(local, remote, protocol), open_tun(card)
    print("ready", flush=True)
    while True:
        for ready in select.select([raw, tun], [], [])[0]:
            if ready is tun:
                try:
                    raw.send(wrap(os.read(tun, 65535)))
                except OSError as error:
                    if error.errno != errno.EMSGSIZE:
                        raise
            else:
                datagram = raw.recv(65535)
                packet = unwrap(datagram[(datagram[0] & 15) * 4 :])
                if packet:
                    os.write(tun, packet)


def open_tun(card):
    TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", card.encode(), IFF_TUN | IFF_NO_PI))
    return tun


def open_raw(local, remote, protocol):
    IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol)
    raw.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
    raw.bind((local, 0))
    raw.connect((remote, 0))
    return raw
