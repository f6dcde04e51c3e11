import { connect, createServer, type Socket } from "node:net";
import { freePort } from "./cluster.ts";

/** A way through the network to one port of this machine, whose faults a test decides. */
export interface Network {
  port: number;
  /** Keeps back what flows through the connections that are there now, without closing them; new ones are not touched. */
  hold(): void;
  /** Lets flow again what {@link hold} kept back. */
  release(): void;
  /** Ends all connections and takes no new ones until {@link mend}. */
  cut(): void;
  mend(): void;
  remove(): Promise<void>;
}

/** @param delayMs one way, so that a round trip takes twice as long */
export async function startNetwork(target: number, delayMs = 0): Promise<Network> {
  const port = await freePort();
  const pairs = new Set<readonly [Socket, Socket]>();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) return near.destroy();
    const far = connect(target, "127.0.0.1");
    const pair = [near, far] as const;
    pairs.add(pair);
    for (const [from, to] of [pair, [far, near] as const]) {
      from.setNoDelay(true);
      from.on("data", (data) => (delayMs > 0 ? setTimeout(() => to.write(data), delayMs) : to.write(data)));
      from.on("error", () => undefined);
      from.on("close", () => {
        to.destroy();
        pairs.delete(pair);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const everySocket = () => [...pairs].flat();
  const cut = () => {
    whole = false;
    for (const socket of everySocket()) socket.destroy();
  };
  return {
    port,
    hold: () => {
      for (const socket of everySocket()) socket.pause();
    },
    release: () => {
      for (const socket of everySocket()) socket.resume();
    },
    cut,
    mend: () => {
      whole = true;
    },
    remove: async () => {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
