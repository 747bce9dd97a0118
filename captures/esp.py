"""ESP in tunnel mode (RFC 4303) between two gateways, IP protocol 50, in place of a kernel that has none.

    esp.py CARD LOCAL REMOTE initiator|responder SPI-IN SPI-OUT CHARON-LOG

Carries the packets of the tun interface CARD. AES-CBC-256 (RFC 3602) and HMAC-SHA-256-128 (RFC 4868). The keys come from a real IKE_SA: SK_d and
the nonces are read from the log of charon (ike at level 4), and KEYMAT is computed from them as for the first CHILD_SA (RFC 7296 section 2.17).
"""

import hashlib
import hmac
import os
import re
import socket
import struct
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from tunnel import carry

BLOCK = 16
ICV = 16
WINDOW = 64
NEXT_IPV4 = 4


def dumps(log, title):
    """What charon's log dumps under this title, each as octets."""
    found, octets = [], None
    for line in log.splitlines():
        part = re.match(r"\d+\[IKE\] +\d+: ((?:[0-9A-F]{2} ?){1,16})", line)
        if part and octets is not None:
            octets += bytes.fromhex(part[1])
        elif title in line and " => " in line:
            octets = bytearray()
            found.append(octets)
        else:
            octets = None
    return found


def negotiated(log):
    """SK_d, Ni and Nr. What an end signs is its own IKE_SA_INIT message and the nonce of the other one: both ends' are in the log, the initiator's first."""
    secret = dumps(log, "Sk_d secret")[0]
    signed = dumps(log, "octets = message + nonce + prf(Sk_px, IDx')")
    nonces = []
    for octets in signed[:2]:
        length = struct.unpack_from("!I", octets, 24)[0]
        nonces.append(bytes(octets[length:-32]))
    # The initiator signs with Nr.
    of_responder, of_initiator = nonces
    return bytes(secret), of_initiator + of_responder


def keymat(secret, seed, length):
    """prf+ of RFC 7296 section 2.13."""
    block, octets, count = b"", b"", 1
    while len(octets) < length:
        block = hmac.digest(secret, block + seed + bytes([count]), hashlib.sha256)
        octets += block
        count += 1
    return octets[:length]


class Sending:
    def __init__(self, spi, keys):
        self.spi, self.encryption, self.integrity, self.sequence = spi, keys[:32], keys[32:], 0

    def seal(self, packet):
        self.sequence += 1
        padding = -(len(packet) + 2) % BLOCK
        plain = packet + bytes(range(1, padding + 1)) + bytes([padding, NEXT_IPV4])
        iv = os.urandom(BLOCK)
        encryptor = Cipher(algorithms.AES(self.encryption), modes.CBC(iv)).encryptor()
        sealed = struct.pack("!II", self.spi, self.sequence) + iv + encryptor.update(plain) + encryptor.finalize()
        return sealed + hmac.digest(self.integrity, sealed, hashlib.sha256)[:ICV]


class Receiving:
    def __init__(self, spi, keys):
        self.spi, self.encryption, self.integrity, self.highest, self.seen = spi, keys[:32], keys[32:], 0, 0

    def open(self, sealed):
        """The packet inside; None where it is not ours, not genuine, or was here before."""
        if len(sealed) < 8 + BLOCK + BLOCK + ICV or (len(sealed) - 8 - ICV) % BLOCK != 0:
            return None
        spi, sequence = struct.unpack_from("!II", sealed)
        icv = hmac.digest(self.integrity, sealed[:-ICV], hashlib.sha256)[:ICV]
        if spi != self.spi or not hmac.compare_digest(icv, sealed[-ICV:]) or not self.fresh(sequence):
            return None
        decryptor = Cipher(algorithms.AES(self.encryption), modes.CBC(sealed[8 : 8 + BLOCK])).decryptor()
        plain = decryptor.update(sealed[8 + BLOCK : -ICV]) + decryptor.finalize()
        padding, following = plain[-2:]
        return plain[: -2 - padding] if following == NEXT_IPV4 else None

    def fresh(self, sequence):
        """The window of RFC 4303 section 3.4.3; bit 0 of `seen` is the highest number."""
        if sequence > self.highest:
            self.seen = (self.seen << (sequence - self.highest) | 1) & ((1 << WINDOW) - 1)
            self.highest = sequence
            return True
        bit = 1 << (self.highest - sequence)
        if bit >= 1 << WINDOW or self.seen & bit:
            return False
        self.seen |= bit
        return True


def main(card, local, remote, role, spi_in, spi_out, log):
    with open(log) as file:
        secret, seed = negotiated(file.read())
    octets = keymat(secret, seed, 128)
    of_initiator, of_responder = octets[:64], octets[64:]
    outgoing, incoming = (of_initiator, of_responder) if role == "initiator" else (of_responder, of_initiator)
    sending, receiving = Sending(int(spi_out, 0), outgoing), Receiving(int(spi_in, 0), incoming)
    carry(card, local, remote, socket.IPPROTO_ESP, sending.seal, receiving.open)


if __name__ == "__main__":
    main(*sys.argv[1:])
