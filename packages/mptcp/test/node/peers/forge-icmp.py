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
    if ":" in source:
        addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
        return struct.pack("!IHBB", 0x60000000, length, 17, 64) + addresses + udp
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0x4000, 64, 17, 0) + addresses + udp


def unreachable(source, quoted):
    if ":" in source:
        return struct.pack("!BBHI", 1, 4, 0, 0) + quoted
    message = struct.pack("!BBHI", 3, 3, 0, 0) + quoted
    message += b"\0" * (len(message) % 2)
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


def segment():
    return bytes([0x50, 0x10, 1, 0]) + os.urandom(12)


raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
raw6 = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
for line in sys.stdin:
    order = json.loads(line)
    source, destination = order["source"], order["destination"]
    # 0: every port that this system picks (net.ipv4.ip_local_port_range).
    ports = [order["sourcePort"]] if order["sourcePort"] != 0 else range(32768, 61000)
    kinds = {"nothing": lambda: b"", "segment": segment, "probe": lambda: b"\0" + os.urandom(16)}
    for i in range(order["count"]):
        payload = kinds[order["quotes"][i % len(order["quotes"])]]()
        for port in ports:
            message = unreachable(source, quote(source, port, destination, order["destinationPort"], payload))
            (raw6 if ":" in source else raw).sendto(message, (source, 0))
    print("done", flush=True)
