import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";

/** Hears what the engine does as it does it. */
export type Listener = (event: EngineEvent) => void;

/** Tells when the last of these resources is changed. */
export function whenAll(urns: string[], act: () => void): Listener {
  const left = new Set(urns);
  return ({ resOutputsEvent }) => {
    if (resOutputsEvent !== undefined && left.delete(resOutputsEvent.metadata.urn) && left.size === 0) act();
  };
}
