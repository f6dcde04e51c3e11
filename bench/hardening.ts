import type { Bundle } from "../provisioning/bundle.ts";
import { traits } from "../provisioning/image.ts";
import { audit, portsSeenBy, tlsGrade } from "./auditors.ts";
import { withBareServers } from "./bare-servers.ts";
import type { Entry, Figure } from "./figures.ts";
import { applyAll } from "./hostctl-run.ts";
import { withDatabase } from "./with-database.ts";

/** The distribution's packages as they come, and the same with our bundles, by the same auditors. */
export const hardening: Entry = {
  about:
    "ssh-audit, systemd exposure, Lynis, open ports, testssl: Debian with its packages as they come, and with our bundles",
  run: (say, choice) =>
    withBareServers("hardening", choice, say, async ({ journey, render, order }) => {
      const stock = await order("stock", { image: choice.image });
      const hardened = await order("hardened", { image: choice.image });
      // Each server has a network of its own with this machine in it: the operator may come from there, the neighbour is elsewhere.
      const stack = await render({
        "bascule:access.adminCidrs": [networkOf(hardened.address)],
        "bascule:server.image": choice.image,
        "bascule:postgres.version": traits[choice.image].postgres,
      });
      const planned = withDatabase(stack);
      const bundles = planned.map(({ bundle }) => bundle);
      const packages = [...new Set(bundles.flatMap((bundle) => bundle.packages))].join(" ");
      await stock.asRoot(
        `apt-get -q update >/dev/null; DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install ${packages} >/dev/null`,
      );
      say("stock: packages installed");
      await applyAll(hardened, planned, stack.uploads);
      say("hardened: bundles applied");
      const units = servicesOf(bundles);
      const ports = { before: await portsSeenBy(hardened, stock), after: await portsSeenBy(stock, hardened) };
      const [after, before] = await Promise.all([
        audit(hardened, ports.after, units, say),
        audit(stock, ports.before, units, say),
      ]);
      const rating = async () => tlsGrade(stock, hardened, stack.settings.domain, journey.cloud.acme.rootCa, say);
      const figure = (value: Figure["value"], unit: string): Figure => ({ value, unit });
      return {
        sshAuditFails: figure(after.sshAuditFails, "algorithms"),
        exposure: figure(after.exposure, "of 10"),
        lynis: figure(after.lynis, "of 100"),
        openPorts: figure(after.openPorts, ""),
        // The testssl of Debian 12 does not rate yet.
        ...(choice.image === "debian-13" ? { tlsRating: figure(await rating(), "by testssl") } : {}),
        before: figure(before, ""),
      };
    }),
};

/** The /29 an address lies in. */
function networkOf(address: string): string {
  const last = Number(address.slice(address.lastIndexOf(".") + 1));
  return `${address.slice(0, address.lastIndexOf("."))}.${last - (last % 8)}/29`;
}

/** Services that run, those of timers, and those of packages that have an addition of ours. */
function servicesOf(bundles: readonly Bundle[]): string[] {
  const running = bundles.flatMap(({ units }) => units.map(({ name }) => name));
  const written = bundles.flatMap(({ files }) =>
    files.flatMap(({ path }) => /^\/etc\/systemd\/system\/([^/]+\.service)(\.d\/|$)/.exec(path)?.[1] ?? []),
  );
  return [...new Set([...running, ...written])].filter((name) => /(?<!@)\.service$/.test(name)).sort();
}
