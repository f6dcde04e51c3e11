import { join } from "node:path";
import { prepareAnsible } from "./ansible.ts";
import { type BareServer, withBareServers } from "./bare-servers.ts";
import { type Entry, rounded, seconds } from "./figures.ts";
import { applyAll } from "./hostctl-run.ts";
import { type Say, timed } from "./scene.ts";
import { withDatabase } from "./with-database.ts";

/** hostctl against Ansible and against apt alone, each on a bare server of its own, one after the other. */
export const converge: Entry = {
  about: "a bare Debian 13 server to all bundles: hostctl over SSH, an Ansible playbook of the same, apt-get alone",
  run: (say, choice) =>
    withBareServers("converge", choice, say, async ({ place, render, order }) => {
      const stack = await render();
      const planned = withDatabase(stack);
      // hostctl's own bundle would be nothing to Ansible.
      const bundles = planned.filter(({ service }) => service !== "hostctl").map(({ bundle }) => bundle);
      const packages = [...new Set(bundles.flatMap((bundle) => bundle.packages))].sort();

      const stock = await order("stock");
      const aptSeconds = await measureApt(stock, packages, say);

      const ours = await order("ours");
      const oursSeconds = await timed(() => applyAll(ours, planned, stack.uploads));
      const secondOursSeconds = await timed(() => applyAll(ours, planned, stack.uploads));
      say(`hostctl: ${oursSeconds} s, then ${secondOursSeconds} s`);

      const theirs = await order("theirs", { sudo: true });
      const ansible = await prepareAnsible(join(place.folder, "ansible"), theirs, bundles, stack.uploads, say);
      let changed = 0;
      const ansibleSeconds = await timed(async () => {
        changed = await ansible.run();
      });
      say(`ansible: ${ansibleSeconds} s, ${changed} changed`);
      const secondAnsibleSeconds = await timed(async () => {
        changed = await ansible.run();
      });
      say(`ansible again: ${secondAnsibleSeconds} s, ${changed} changed`);
      return {
        oursSeconds: seconds(oursSeconds),
        ansibleSeconds: seconds(ansibleSeconds),
        ratio: { value: rounded(oursSeconds / ansibleSeconds), unit: "ours to Ansible" },
        secondOursSeconds: seconds(secondOursSeconds),
        secondAnsibleSeconds: seconds(secondAnsibleSeconds),
        secondAnsibleChanged: { value: changed, unit: "tasks" },
        aptSeconds: seconds(aptSeconds),
        ratioToApt: { value: rounded(oursSeconds / aptSeconds), unit: "ours to apt-get alone" },
        bundles: { value: planned.length, unit: "bundles" },
      };
    }),
};

/** Downloads once without counting, so that nobody finds a mirror that is still cold. */
async function measureApt(server: BareServer, packages: readonly string[], say: Say): Promise<number> {
  const apt = "DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends";
  await server.asRoot(
    `apt-get -q update >/dev/null; ${apt} install --download-only ${packages.join(" ")} >/dev/null; apt-get clean; rm -rf /var/lib/apt/lists/*`,
  );
  const took = await timed(() =>
    server.asRoot(`apt-get -q update >/dev/null; ${apt} install ${packages.join(" ")} >/dev/null`),
  );
  say(`apt-get update and install of ${packages.length} packages: ${took} s`);
  return took;
}
