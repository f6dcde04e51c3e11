import { wantedWeight } from "./flip.ts";
import { deployedWeight } from "./history.ts";
import { stackOutputs } from "./outputs.ts";
import { createProber, type ProbeResult } from "./probe.ts";
import type { Session } from "./session.ts";

export interface StatusResult {
  stack: string;
  domain: string;
  steering: string;
  /** What the last successful update deployed. */
  weight: number;
  /** What the stack file asks for; differs after a change that was not deployed yet, or broke off. */
  wanted: number;
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
    weight: deployedWeight(await session.stack.history(100, 1)),
    wanted: wantedWeight(session),
    blue: { address: blue.address, ...blueProbe },
    green: { address: serverAddress, ...greenProbe },
    publicName,
  };
}
