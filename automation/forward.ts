import { fileURLToPath } from "node:url";
import { OperatorError } from "./errors.ts";
import { startHelper } from "./helper-process.ts";
import { stackOutputs } from "./outputs.ts";
import type { StackSession } from "./session.ts";

const POSTGRES_PORT = 5432;

/**
 * Opens the forward to a deployed stack's database in a process of its own.
 * @returns its process id
 */
export async function holdForward(session: StackSession, idleSeconds: number): Promise<number> {
  const { serverAddress, deployUser, hostKey, forwardPort } = await stackOutputs(session.stack);
  const { sshPrivateKey: privateKey } = session.secrets;
  const where = { host: serverAddress, user: deployUser, localPort: forwardPort, remotePort: POSTGRES_PORT };
  const holder = fileURLToPath(new URL("./forward-holder.ts", import.meta.url));
  const { pid, ready, log } = await startHelper("forward", [holder], {
    orders: JSON.stringify({ ...where, hostKey, privateKey, idleSeconds }),
  });
  if (ready !== null) return pid;
  throw new OperatorError(
    `the way to the database on ${serverAddress} could not be opened`,
    `see ${log}, then try 'ssh ${deployUser}@${serverAddress}'`,
  );
}
