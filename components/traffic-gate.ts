import { existsSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import * as pulumi from "@pulumi/pulumi";

/**
 * Where an update is run together with a move of the data (`automation/gate.ts`), traffic waits here until the data is where it
 * goes; made anew it must not be then. Everywhere else there is nothing to wait for, and a preview never waits.
 */
export function trafficGate(): pulumi.CustomResourceOptions {
  const socket = process.env.BASCULE_TRAFFIC_GATE;
  if (socket === undefined) return {};
  return {
    hooks: {
      beforeUpdate: [new pulumi.ResourceHook("bascule-traffic-gate", () => pass(socket))],
      beforeCreate: [new pulumi.ResourceHook("bascule-traffic-kept", () => refuse(socket))],
    },
  };
}

/** @throws Error where there is a gate: an update that moves traffic replaces nothing */
async function refuse(socket: string): Promise<void> {
  if (!isFree(socket)) throw new Error("traffic stays where it is: it would not be moved but made anew");
}

/** @throws Error, with which the update fails before it has changed anything, unless there is no gate or it answers "go" */
async function pass(socket: string): Promise<void> {
  const answer = await ask(socket).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" && isFree(socket)) return "go";
    throw new Error(`traffic stays where it is: whoever moves the data is gone (${error.message})`);
  });
  if (answer !== "go")
    throw new Error(`traffic stays where it is: ${answer || "nobody said that the data has arrived"}`);
}

/** Whoever runs updates has a place for gates as long as it lives; without one it has ended, and nobody knows what it was about. */
function isFree(socket: string): boolean {
  return existsSync(dirname(socket)) && !existsSync(socket);
}

async function ask(socket: string): Promise<string> {
  let said = "";
  for await (const part of connect(socket)) said += String(part);
  return said;
}
