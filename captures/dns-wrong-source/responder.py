"""A DNS server as one writes it first: one socket on all addresses, sendto() to whoever asked. The routing table chooses the source of the answers."""

import socket
import struct

ANSWER = bytes([192, 0, 2, 80])

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("0.0.0.0", 53))
print("ready", flush=True)
while True:
    query, client = server.recvfrom(512)
    end = query.index(0, 12) + 5
    header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, 1, 0, 0)
    record = struct.pack("!HHHIH", 0xC00C, 1, 1, 60, len(ANSWER)) + ANSWER
    server.sendto(header + query[12:end] + record, client)
