"""Prints the TCP ports of an address that accept a connection. Usage: scan.py ADDRESS"""

import asyncio
import sys

AT_ONCE = 1000
# Generous: a scan that misses an open port on a busy machine would flatter the firewall.
PATIENCE = 1.0


async def is_open(address: str, port: int) -> bool:
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), PATIENCE)
    except (OSError, asyncio.TimeoutError):
        return False
    writer.close()
    return True


async def scan(address: str) -> list[int]:
    limit = asyncio.Semaphore(AT_ONCE)

    async def look(port: int) -> int | None:
        async with limit:
            return port if await is_open(address, port) else None

    found = await asyncio.gather(*(look(port) for port in range(1, 65536)))
    return [port for port in found if port is not None]


print(*asyncio.run(scan(sys.argv[1])), sep=",")
