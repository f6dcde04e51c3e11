import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where the gates of one session are put up; no other user can, so none can be the one who says "go". */
export interface GatePlace {
  /** For whoever runs the program: it looks there for a gate (`components/traffic-gate.ts`). */
  variables: Record<string, string>;
  /** Traffic waits in every update from now on until the gate is taken down. */
  putUp(): Promise<Gate>;
  remove(): void;
}

/** Keeps traffic waiting in an update that runs already. */
export interface Gate {
  /** To whoever waits, and whoever comes later. @param word "go", or why not */
  say(word: string): void;
  takeDown(): void;
}

export function gatePlace(): GatePlace {
  const folder = mkdtempSync(join(tmpdir(), "bascule-gate-"));
  const path = join(folder, "gate");
  return {
    variables: { BASCULE_TRAFFIC_GATE: path },
    putUp: () => putUpGate(path),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function putUpGate(path: string): Promise<Gate> {
  const waiting = new Set<Socket>();
  let said: string | undefined;
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    if (said === undefined) waiting.add(socket);
    else socket.end(said);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  return {
    say(word) {
      said = word;
      for (const socket of waiting) socket.end(word);
      waiting.clear();
    },
    takeDown() {
      for (const socket of waiting) socket.destroy();
      // Takes the socket's file along.
      server.close();
    },
  };
}
