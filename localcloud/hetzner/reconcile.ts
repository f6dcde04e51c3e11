import type { Hub } from "./hub.ts";
import { nicsOf, specOf } from "./servers/machine.ts";
import { removeServer } from "./servers/remove.ts";
import type { ServerRecord } from "./state.ts";

/**
 * Makes the machines what the state says after a start, or after the container engine was gone: the packet filter first, then each
 * server by itself, so that one broken server does not keep the others down.
 */
export async function reconcile(hub: Hub, report: (line: string) => void): Promise<void> {
  hub.actions.failInterrupted();
  await hub.filters.apply();
  const states = new Map((await hub.context.machines.states()).map((state) => [state.id, state.running]));
  const busy = (server: ServerRecord): boolean => hub.actions.isLocked({ id: server.id, type: "server" });
  for (const server of hub.state.servers.all().filter((each) => !busy(each))) {
    try {
      await settle(hub, server, states.get(server.id), report);
    } catch (error) {
      hub.context.log.error({ server: server.id, err: error }, `server ${server.name} could not be brought back`);
      hub.state.servers.patch(server.id, { status: "unknown" });
    }
  }
  for (const id of states.keys()) {
    if (hub.state.servers.get(id) === undefined) {
      hub.context.log.warn({ server: id }, "a machine the state does not know is removed");
      await hub.context.machines.deleteServer(id);
    }
  }
}

async function settle(
  hub: Hub,
  server: ServerRecord,
  running: boolean | undefined,
  report: (line: string) => void,
): Promise<void> {
  const { machines } = hub.context;
  if (server.status === "deleting") {
    return removeServer(hub, server);
  }
  if (server.status === "rebuilding") {
    report(`rebuilding server ${server.name} again`);
    await machines.rebuild(specOf(hub, server, true), nicsOf(server));
  } else if (running === undefined) {
    await remake(hub, server, report);
  } else if (shouldRun(server) && !running) {
    report(`starting server ${server.name}`);
    await machines.powerOn(server.id);
  } else if (!shouldRun(server) && running) {
    await machines.powerOff(server.id);
  }
  hub.state.servers.patch(server.id, { status: shouldRun(server) ? "running" : "off" });
}

/** A machine that was being made when the daemon died is made anew; any other that is gone took its disk with it. */
async function remake(hub: Hub, server: ServerRecord, report: (line: string) => void): Promise<void> {
  if (server.status !== "initializing") {
    throw new Error("its container is gone");
  }
  report(`making server ${server.name} again`);
  await hub.context.machines.createServer(specOf(hub, server, true));
  for (const nic of nicsOf(server)) {
    await hub.context.machines.attachNetwork(server.id, nic);
  }
}

function shouldRun(server: ServerRecord): boolean {
  return server.status !== "off" && server.status !== "stopping";
}

/** Servers that were halted from inside are off at the API too; called now and then while the engine answers. */
export async function observe(hub: Hub): Promise<void> {
  for (const { id, running } of await hub.context.machines.states()) {
    const server = hub.state.servers.get(id);
    const free = !hub.actions.isLocked({ id, type: "server" });
    if (server?.status === "running" && !running && free) {
      hub.context.log.info({ server: id }, "the server was halted from inside");
      hub.state.servers.patch(id, { status: "off" });
    }
  }
}
