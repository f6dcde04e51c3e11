import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { z } from "zod";
import { openForward } from "../provisioning/ssh/forward.ts";

/*
 * Holds the way to the database open for plain `pulumi refresh` and `destroy`, which do not run the program. Started detached by
 * `bascule env`; takes its orders from stdin, because a key must not stand in an argument; ends when nobody uses it.
 */
const specSchema = z.object({
  host: z.string(),
  user: z.string(),
  privateKey: z.string(),
  hostKey: z.string(),
  localPort: z.number(),
  remotePort: z.number(),
  idleSeconds: z.number(),
});

/** The kernel's own numbers for the states of a socket. */
const ESTABLISHED = "01";
const LISTEN = "0A";
const POLL_SECONDS = 10;

/** States of all sockets on a local port, from the kernel's own table, where addresses and ports are hexadecimal. */
function socketStates(port: number): string[] {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = ""]) => local.endsWith(`:${hexPort}`))
    .map(([, , , state = ""]) => state);
}

const spec = specSchema.parse(JSON.parse(await text(process.stdin)));
const forward = await openForward(spec);
process.stdout.write("open\n");
let idle = 0;
const timer = setInterval(() => {
  const states = socketStates(spec.localPort);
  idle = states.includes(ESTABLISHED) ? 0 : idle + POLL_SECONDS;
  // Without its client (the server was replaced, the line was cut) this process would only look like an open way.
  if (idle >= spec.idleSeconds || !states.includes(LISTEN)) end();
}, POLL_SECONDS * 1000);

function end(): void {
  clearInterval(timer);
  forward.close();
}
process.on("SIGTERM", end);
process.on("SIGINT", end);
