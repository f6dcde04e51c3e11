import type { Hub } from "../hub.ts";
import type { ServerRecord } from "../state.ts";

/** Removes machine and record with all that hangs on them: own addresses go, the caller's are kept, firewalls forget it. */
export async function removeServer(hub: Hub, server: ServerRecord): Promise<void> {
  const { servers, primaryIps, volumes, firewalls } = hub.state;
  for (const volume of volumes.all().filter((each) => each.serverId === server.id)) {
    await hub.context.machines.detachVolume(server.id, volume.id);
    volumes.patch(volume.id, { serverId: null });
  }
  await hub.context.machines.deleteServer(server.id);
  servers.remove(server.id);
  for (const address of primaryIps.all().filter((each) => each.serverId === server.id)) {
    if (address.autoDelete) {
      primaryIps.remove(address.id);
    } else {
      primaryIps.patch(address.id, { serverId: null });
    }
  }
  for (const firewall of firewalls.all()) {
    const targets = firewall.targets.filter((target) => target.type !== "server" || target.serverId !== server.id);
    if (targets.length < firewall.targets.length) {
      firewalls.patch(firewall.id, { targets });
    }
  }
  await hub.filters.apply();
}
