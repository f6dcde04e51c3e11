import { type Move, openMove } from "../../../../migration/redis/move.ts";
import { Policies } from "../../../../migration/redis/policy.ts";
import { switchTo } from "../../../../migration/redis/switch.ts";
import type { Side } from "../../../../migration/side.ts";

/*
 * The operator as a process of its own, so that it can die: `node operator.ts '<task as JSON>'`.
 */
export interface Task {
  access: Move["access"];
  to: Side;
  dieAt: string;
}

const { access, to, dieAt } = JSON.parse(process.argv[2] ?? "") as Task;
const move = {
  access,
  policies: Policies.parse({ "copy:": "copy", "cache:": "drop", "queue:": "drain" }),
  writers: { blue: ["app"], green: ["app"] },
};
const session = await openMove(move, { who: `operator ${process.pid}` });
await switchTo(session, {
  to,
  onLine: ({ line, phase }) => {
    if (`${phase} ${line}` === dieAt) process.kill(process.pid, "SIGKILL");
  },
});
await session.close();
