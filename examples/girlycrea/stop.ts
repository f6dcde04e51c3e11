import { parseArgs } from "node:util";
import { stopContainers } from "../../tools/containers.ts";
import { clear } from "./run/clearing.ts";
import { createCommands } from "./run/commands.ts";
import { placeOf, ROOT } from "./run/place.ts";

const { values } = parseArgs({
  options: {
    name: { type: "string", default: "local" },
    project: { type: "string", default: ROOT },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  process.stdout.write(
    "Removes everything 'npm start' made: servers, records, stack, users, and the dockerd it started.\n\nExample:\n  $ npm run stop\n",
  );
} else {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  await clear(placeOf(values.name, values.project), createCommands(), say);
  await stopContainers(say);
  say("everything 'npm start' made is gone; caches (engine, server images) stay for the next run");
}
