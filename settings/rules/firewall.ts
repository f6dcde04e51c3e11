import { networkAddress, parseCidr } from "../cidr.ts";
import { type SettingProblem, setCommand } from "../problems.ts";
import { problem, type Rule } from "./rule.ts";

/** What one range of a list that opens the packet filter may not be; `meant` says what to write instead. */
function rangeProblems(path: string, text: string, meant: string, example: string): SettingProblem[] {
  const range = parseCidr(text);
  if (range?.prefix === 0) {
    return [
      problem(path, `got "${text}", the whole internet; allowed: ${meant}. Set it: ${setCommand(path, example)}`),
    ];
  }
  if (range?.family === "ipv4" && networkAddress(range) !== range.address) {
    const base = `${networkAddress(range)}/${range.prefix}`;
    return [
      problem(
        path,
        `got "${text}", which has bits set behind the prefix; allowed: "${base}". Set it: ${setCommand(path, base)}`,
      ),
    ];
  }
  return [];
}

/** SSH open to the world is what the first scanner finds. */
const adminsAreSomewhere: Rule = ({ access }) =>
  (access?.adminCidrs ?? []).flatMap((text, index) =>
    rangeProblems(`bascule:access.adminCidrs[${index}]`, text, "the ranges you work from", "203.0.113.7/32"),
  );

/** A proxy that is everybody is no proxy. */
const proxiesAreSomewhere: Rule = ({ firewall }) =>
  (firewall?.proxyCidrs ?? []).flatMap((text, index) =>
    rangeProblems(`bascule:firewall.proxyCidrs[${index}]`, text, "the ranges of your proxies", "198.51.100.0/24"),
  );

/** The A record of steering record is not proxied: visitors come straight, and would all be refused. */
const visitorsComeThroughCloudflare: Rule = ({ firewall, traffic }) =>
  firewall?.publicFrom === "cloudflare" && traffic?.steering === "record"
    ? [
        problem(
          "bascule:firewall.publicFrom",
          `got "cloudflare" with steering record, whose visitors come straight to the server; allowed: everywhere. Set it: ${setCommand("bascule:firewall.publicFrom", "everywhere")} or ${setCommand("bascule:traffic.steering", "load-balancer")}`,
        ),
      ]
    : [];

export const firewallRules: readonly Rule[] = [adminsAreSomewhere, proxiesAreSomewhere, visitorsComeThroughCloudflare];
