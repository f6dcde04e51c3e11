import { connect, createServer, type Socket } from "node:net";
import { freePort } from "./cluster.ts";

/** A way to a server by which this program gets through, and no other server that would subscribe, while it is closed. */
export interface Gate {
  port: number;
  /** Lets subscriptions through, too. */
  open(): void;
  remove(): Promise<void>;
}

/** The question whether the connection may be encrypted is that long, and holds nothing else. */
const QUESTION_BYTES = 8;

/** @param target the server's port */
export async function startGate(target: number): Promise<Gate> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let closed = true;
  const server = createServer((near) => {
    sockets.add(near.on("error", () => undefined));
    const first = (packet: Buffer) => {
      if (packet.length === QUESTION_BYTES) return near.write("N", () => near.once("data", first));
      if (closed && isSubscription(packet)) return near.destroy();
      const far = connect(target, "127.0.0.1").on("error", () => near.destroy());
      sockets.add(far);
      far.write(packet);
      near.pipe(far).pipe(near);
      near.once("close", () => far.destroy());
      far.once("close", () => near.destroy());
    };
    near.once("data", first);
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    port,
    open: () => {
      closed = false;
    },
    remove: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** What a server says when it logs in at another one to subscribe; neither `pg_dump` nor this program asks for both. */
function isSubscription(packet: Buffer): boolean {
  const text = packet.toString("latin1");
  return text.includes("replication\0database\0") && text.includes("datestyle");
}
