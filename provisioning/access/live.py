#!/usr/bin/env python3
"""Usage: live.py KEX HOST_KEYS CIPHERS MACS : the running sshd offers exactly these lists, as a client sees them (RFC 4253, 7.1)."""

import socket
import struct
import sys

NAMES = ("key exchange", "host keys", "ciphers", "MACs")
# Words in the list of key exchanges that are no key exchange.
MARKS = ("ext-info-s", "kex-strict-s-v00@openssh.com")


def offer() -> list[str]:
    with socket.create_connection(("127.0.0.1", 22), timeout=5) as connection, connection.makefile("rwb") as stream:
        while not stream.readline().startswith(b"SSH-2.0-"):
            pass
        stream.write(b"SSH-2.0-bascule_probe\r\n")
        stream.flush()
        length, padding = struct.unpack(">IB", stream.read(5))
        # After the message's number a cookie of 16 bytes.
        rest = stream.read(length - 1 - padding)[17:]
    lists: list[str] = []
    while len(lists) < 6:
        size = struct.unpack(">I", rest[:4])[0]
        lists.append(rest[4:4 + size].decode())
        rest = rest[4 + size:]
    kex = ",".join(name for name in lists[0].split(",") if name not in MARKS)
    return [kex, lists[1], lists[3], lists[5]]


for name, wanted, offered in zip(NAMES, sys.argv[1:], offer(), strict=True):
    if wanted != offered:
        sys.exit(f"the running sshd offers the {name} {offered}, expected {wanted}; it was not reloaded: systemctl reload ssh")
