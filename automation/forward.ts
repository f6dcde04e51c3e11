import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { OperatorError } from "./errors.ts";
import { helperLog } from "./folders.ts";
import { stackOutputs } from "./outputs.ts";
import type { Session } from "./session.ts";

const POSTGRES_PORT = 5432;

/**
 * Opens the forward to a deployed stack's database in a process of its own.
 * @returns its process id
 */
export async function holdForward(session: Session, idleSeconds: number): Promise<number> {
  const { serverAddress, deployUser, hostKey, forwardPort } = await stackOutputs(session.stack);
  const log = helperLog("forward");
  const child = spawn(process.execPath, [fileURLToPath(new URL("./forward-holder.ts", import.meta.url))], {
    detached: true,
    stdio: ["pipe", "pipe", log.descriptor],
  });
  const { sshPrivateKey: privateKey } = session.secrets;
  const where = { host: serverAddress, user: deployUser, localPort: forwardPort, remotePort: POSTGRES_PORT };
  child.stdin.end(JSON.stringify({ ...where, hostKey, privateKey, idleSeconds }));
  for await (const line of createInterface({ input: child.stdout })) {
    if (line !== "open" || child.pid === undefined) break;
    child.stdout.destroy();
    child.unref();
    return child.pid;
  }
  throw new OperatorError(
    `the way to the database on ${serverAddress} could not be opened`,
    `see ${log.path}, then try 'ssh ${deployUser}@${serverAddress}'`,
  );
}
