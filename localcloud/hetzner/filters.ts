import type { MachineFilter, Machines, PacketRule } from "../machines/types.ts";
import { compileSelector } from "./protocol/selectors.ts";
import type { FirewallRecord, ServerRecord, State } from "./state.ts";

/** Decides which firewall holds for which server and hands the whole picture to the packet filter. */
export class Filters {
  readonly #machines: Machines;
  readonly #state: State;
  #last: Promise<void> = Promise.resolve();

  constructor(machines: Machines, state: State) {
    this.#machines = machines;
    this.#state = state;
  }

  /** Firewalls in force for a server, applied to it directly or by its labels. */
  of(server: ServerRecord): FirewallRecord[] {
    return this.#state.firewalls.all().filter((firewall) => this.appliesTo(firewall, server));
  }

  appliesTo(firewall: FirewallRecord, server: ServerRecord): boolean {
    return firewall.targets.some((target) =>
      target.type === "server" ? target.serverId === server.id : compileSelector(target.selector)(server.labels),
    );
  }

  /** The packet filter obeys the state as of now when this resolves; one transaction after the other, never two at once. */
  apply(): Promise<void> {
    const turn = this.#last.then(() => this.#machines.applyFilters(this.#picture()));
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  #picture(): MachineFilter[] {
    return this.#state.servers.all().flatMap((server) => {
      const address = this.#state.primaryIps.find((each) => each.serverId === server.id && each.type === "ipv4");
      if (address === undefined) {
        return [];
      }
      const firewalls = this.of(server);
      const filter = firewalls.length === 0 ? null : firewalls.flatMap(packetRules);
      return [{ serverId: server.id, ipv4: address.ip, filter }];
    });
  }
}

/** IPv6 networks are left out, not the rule: even a rule for IPv6 alone closes everything else in its direction. */
function packetRules(firewall: FirewallRecord): PacketRule[] {
  return firewall.rules.map((rule) => ({
    direction: rule.direction,
    protocol: rule.protocol,
    port: rule.port === "any" ? null : rule.port,
    cidrs: (rule.direction === "in" ? rule.source_ips : rule.destination_ips).filter((cidr) => !cidr.includes(":")),
  }));
}
