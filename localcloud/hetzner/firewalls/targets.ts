import { z } from "zod";
import type { Hub } from "../hub.ts";
import { ApiError } from "../protocol/errors.ts";
import { compileSelector } from "../protocol/selectors.ts";
import type { FirewallRecord, FirewallTarget } from "../state.ts";

const MAX_PER_SERVER = 5;

const targetBody = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("server"), server: z.strictObject({ id: z.number().int() }) }),
  z.strictObject({
    type: z.literal("label_selector"),
    label_selector: z.strictObject({ selector: z.string().min(1, "must not be empty") }),
  }),
]);

/** Where a firewall is to be applied to or removed from. */
export const targetsField = z
  .array(targetBody)
  .transform((targets) =>
    targets.map(
      (target): FirewallTarget =>
        target.type === "server"
          ? { type: "server", serverId: target.server.id }
          : { type: "label_selector", selector: target.label_selector.selector },
    ),
  );

export function sameTarget(a: FirewallTarget, b: FirewallTarget): boolean {
  return a.type === "server"
    ? b.type === "server" && a.serverId === b.serverId
    : b.type === "label_selector" && a.selector === b.selector;
}

/** Throws when the firewall cannot be applied to one of these; nothing is changed then. */
export function assertApplicable(hub: Hub, firewall: FirewallRecord | null, targets: FirewallTarget[]): void {
  for (const target of targets) {
    if (firewall?.targets.some((present) => sameTarget(present, target))) {
      throw new ApiError(409, "firewall_already_applied", "firewall was already applied on resource");
    }
    if (target.type === "label_selector") {
      compileSelector(target.selector);
    } else {
      assertServerTakes(hub, target.serverId);
    }
  }
}

function assertServerTakes(hub: Hub, serverId: number): void {
  const server = hub.state.servers.get(serverId);
  if (server === undefined) {
    throw new ApiError(404, "firewall_resource_not_found", `server with ID '${serverId}' not found`);
  }
  if (hub.state.primaryIps.find((each) => each.serverId === serverId) === undefined) {
    throw new ApiError(422, "private_net_only_server", "the server has no public interface");
  }
  if (hub.filters.of(server).length >= MAX_PER_SERVER) {
    throw new ApiError(403, "resource_limit_exceeded", `a server takes at most ${MAX_PER_SERVER} firewalls`);
  }
}

/** Throws when the firewall is not applied to one of these directly. */
export function assertRemovable(hub: Hub, firewall: FirewallRecord, targets: FirewallTarget[]): void {
  for (const target of targets) {
    if (firewall.targets.some((present) => sameTarget(present, target))) {
      continue;
    }
    const server = target.type === "server" ? hub.state.servers.get(target.serverId) : undefined;
    if (server !== undefined && hub.filters.appliesTo(firewall, server)) {
      const message = "firewall is applied via a label selector and cannot be removed from a single server";
      throw new ApiError(422, "firewall_managed_by_label_selector", message);
    }
    throw new ApiError(404, "firewall_resource_not_found", "firewall is not applied to the resource");
  }
}
