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

const ESTABLISHED = "01";
const POLL_SECONDS = 10;

/** Whether anybody is connected to a local port; the kernel's own table, addresses and ports in hexadecimal. */
function inUse(port: number): boolean {
  const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
  return readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .some((line) => {
      const [, local = "", , state] = line.trim().split(/\s+/);
      return local.endsWith(`:${hexPort}`) && state === ESTABLISHED;
    });
}

const spec = specSchema.parse(JSON.parse(await text(process.stdin)));
const forward = await openForward(spec);
process.stdout.write("open\n");
let idle = 0;
const timer = setInterval(() => {
  idle = inUse(spec.localPort) ? 0 : idle + POLL_SECONDS;
  if (idle >= spec.idleSeconds) end();
}, POLL_SECONDS * 1000);

function end(): void {
  clearInterval(timer);
  forward.close();
}
process.on("SIGTERM", end);
process.on("SIGINT", end);
