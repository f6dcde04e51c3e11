import { deployedWeight } from "./flip.ts";
import { stackOutputs } from "./outputs.ts";
import { createProber, type ProbeResult } from "./probe.ts";
import type { Session } from "./session.ts";

export interface StatusResult {
  stack: string;
  domain: string;
  steering: string;
  /** What the stack file asks for. */
  weight: number;
  blue: { address: string } & ProbeResult;
  green: { address: string } & ProbeResult;
  /** Who answered a new request through the public name just now. */
  publicName: ProbeResult;
}

/** Where traffic is and whether both sides could take it; changes nothing. */
export async function status(session: Session): Promise<StatusResult> {
  const prober = createProber(session.settings);
  const { serverAddress } = await stackOutputs(session.stack);
  const { domain, blue, traffic } = session.settings;
  const [blueProbe, greenProbe, publicName] = await Promise.all([
    prober.probeAddress(blue.address),
    prober.probeAddress(serverAddress),
    prober.probe(),
  ]);
  return {
    stack: session.stack.name,
    domain,
    steering: traffic.steering,
    weight: deployedWeight(session),
    blue: { address: blue.address, ...blueProbe },
    green: { address: serverAddress, ...greenProbe },
    publicName,
  };
}
