import { z } from "zod";
import type { Machines } from "../../machines/types.ts";
import type { App, Hub } from "../hub.ts";
import { serviceError } from "../protocol/errors.ts";
import { emptyBody, idParams } from "../protocol/fields.ts";
import { actionSchema } from "../schemas.ts";
import type { ServerRecord } from "../state.ts";
import { freeServer } from "./machine.ts";

interface Power {
  command: string;
  meanwhile: ServerRecord["status"];
  afterwards: ServerRecord["status"];
  /** Only a running server can do this. */
  needsRunning: boolean;
  run(machines: Machines, id: number): Promise<void>;
}

const powers: Record<string, Power> = {
  poweron: {
    command: "start_server",
    meanwhile: "starting",
    afterwards: "running",
    needsRunning: false,
    run: (machines, id) => machines.powerOn(id),
  },
  poweroff: {
    command: "stop_server",
    meanwhile: "stopping",
    afterwards: "off",
    needsRunning: false,
    run: (machines, id) => machines.powerOff(id),
  },
  shutdown: {
    command: "shutdown_server",
    meanwhile: "stopping",
    afterwards: "off",
    needsRunning: false,
    run: (machines, id) => machines.shutdown(id),
  },
  reboot: {
    command: "reboot_server",
    meanwhile: "running",
    afterwards: "running",
    needsRunning: true,
    run: (machines, id) => machines.reboot(id),
  },
  reset: {
    command: "reset_server",
    meanwhile: "running",
    afterwards: "running",
    needsRunning: true,
    run: async (machines, id) => {
      await machines.powerOff(id);
      await machines.powerOn(id);
    },
  },
};

/** `poweron`, `poweroff`, `shutdown`, `reboot`, `reset`. What already is as asked stays so and succeeds. */
export function registerPower(app: App, hub: Hub): void {
  const schema = { params: idParams, body: emptyBody, response: { 201: z.object({ action: actionSchema }) } };
  for (const [name, power] of Object.entries(powers)) {
    app.post(`/servers/:id/actions/${name}`, { schema }, async (request, reply) => {
      const server = freeServer(hub, request.params.id);
      if (power.needsRunning && server.status !== "running") {
        throw serviceError(`cannot ${name} the server because it is not running`);
      }
      const before = server.status;
      const order = {
        command: power.command,
        resources: [{ id: server.id, type: "server" }],
        request,
        lock: true,
        undo: () => void hub.state.servers.patch(server.id, { status: before }),
      };
      const action = hub.actions.begin(order, async () => {
        if (before !== power.afterwards || power.needsRunning) {
          hub.state.servers.patch(server.id, { status: power.meanwhile });
          await power.run(hub.context.machines, server.id);
        }
        hub.state.servers.patch(server.id, { status: power.afterwards });
      });
      return reply.code(201).send({ action });
    });
  }
}
