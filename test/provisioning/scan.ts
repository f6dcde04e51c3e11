import type { TestServer } from "./server.ts";

/** Ports of what a server of ours may run, and one that a program opened by mistake. */
export const servicePorts = [22, 80, 443, 3001, 3002, 3003, 3004, 5432, 6379, 6432, 8099, 9999];

/** Those, and all below 1025. */
export const manyPorts = [...new Set([...Array.from({ length: 1024 }, (_, index) => index + 1), ...servicePorts])];

const listener = `import asyncio, sys
async def main():
    for port in map(int, sys.argv[2:]):
        await asyncio.start_server(lambda reader, writer: writer.close(), sys.argv[1].split(","), port)
    print("listening", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
`;

/** A port that refuses counts, too: the packet filter let the question through. */
const scanner = `import asyncio, sys
async def reaches(address, port, gate):
    async with gate:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 2)
            writer.close()
        except ConnectionRefusedError:
            return True
        except (OSError, asyncio.TimeoutError):
            return False
        return True
async def main():
    gate = asyncio.Semaphore(400)
    ports = list(map(int, sys.argv[2:]))
    found = await asyncio.gather(*(reaches(sys.argv[1], port, gate) for port in ports))
    print(*(port for port, reached in zip(ports, found) if reached))
asyncio.run(main())
`;

/** Has something listen on these addresses and ports of the server until it is removed. */
export async function listen(server: TestServer, addresses: string[], ports: number[]): Promise<void> {
  await server.asRoot(
    `cat >/run/listener.py <<'END'\n${listener}END\n` +
      `systemd-run --quiet --collect python3 /run/listener.py ${addresses.join(",")} ${ports.join(" ")}\n` +
      `for _ in $(seq 50); do ss -Hltn "sport = :${ports.at(-1)}" | grep -q . && exit; sleep 0.2; done; exit 1`,
  );
}

/** Which of the ports can be reached from `from`; `within` enters another network first. */
export async function scan(from: TestServer, address: string, ports: number[], within = ""): Promise<number[]> {
  const found = await from.asRoot(
    `cat >/run/scanner.py <<'END'\n${scanner}END\n${within} python3 /run/scanner.py ${address} ${ports.join(" ")}`,
  );
  return found.split(" ").filter(Boolean).map(Number);
}
