"""What anybody can send who knows addresses and ports: ICMP errors about datagrams from one end to the other, as lines of JSON ask for them."""
import json
import os
import socket
import struct
import sys


def checksum(octets):
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def quote(source, source_port, destination, destination_port, payload):
    length = 8 + len(payload)
    udp = struct.pack("!HHHH", source_port, destination_port, length, 0x1234) + payload
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0x4000, 64, 17, 0) + addresses + udp


def segment():
    return bytes([0x50, 0x10, 1, 0]) + os.urandom(12)


raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
for line in sys.stdin:
    order = json.loads(line)
    ends = [order[key] for key in ("source", "sourcePort", "destination", "destinationPort")]
    kinds = {"nothing": lambda: b"", "segment": segment, "probe": lambda: b"\0" + os.urandom(16)}
    for i in range(order["count"]):
        payload = kinds[order["quotes"][i % len(order["quotes"])]]()
        message = struct.pack("!BBHI", 3, 3, 0, 0) + quote(*ends, payload)
        message += b"\0" * (len(message) % 2)
        message = message[:2] + struct.pack("!H", checksum(message)) + message[4:]
        raw.sendto(message, (order["source"], 0))
    print("done", flush=True)
