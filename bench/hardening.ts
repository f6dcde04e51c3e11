import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { ensurePythonTool } from "../tools/python.ts";
import { type BareServer, withBareServers } from "./bare-servers.ts";
import type { Entry, Figure } from "./figures.ts";
import { applyAll } from "./hostctl-run.ts";
import type { Say } from "./scene.ts";
import { withDatabase } from "./with-database.ts";

/** What auditors say of one server. */
type Audit = {
  /** Algorithms ssh-audit calls a failure. */
  sshAuditFails: number;
  /** `systemd-analyze security` by unit, 0 (closed) to 10 (open). */
  exposure: Record<string, number>;
  /** Lynis' hardening index, of 100. */
  lynis: number;
  /** TCP ports that accept a connection from a neighbour's address. */
  openPorts: string;
};

/** The distribution's packages as they come, and the same with our bundles, by the same four auditors. */
export const hardening: Entry = {
  about:
    "ssh-audit, systemd exposure, Lynis and open ports: a Debian 13 with the packages as they come, and with our bundles",
  run: (say, choice) =>
    withBareServers("hardening", choice, say, async ({ render, order }) => {
      const stock = await order("stock");
      const hardened = await order("hardened");
      // Each server has a network of its own with this machine in it: the operator may come from there, the neighbour is elsewhere.
      const stack = await render({ "bascule:access.adminCidrs": [networkOf(hardened.address)] });
      const planned = withDatabase(stack);
      const packages = [...new Set(planned.flatMap(({ bundle }) => bundle.packages))].join(" ");
      await stock.asRoot(`apt-get -q update >/dev/null; ${APT} install ${packages} >/dev/null`);
      say("stock: packages installed");
      await applyAll(hardened, planned, stack.uploads);
      say("hardened: bundles applied");
      const services = planned.flatMap(({ bundle }) => bundle.units.map(({ name }) => name));
      const units = [...new Set([...services, "ssh.service"])].filter((name) => name.endsWith(".service"));
      const after = await audit(hardened, stock, units, say);
      const before = await audit(stock, hardened, units, say);
      const figure = (value: Figure["value"], unit: string): Figure => ({ value, unit });
      return {
        sshAuditFails: figure(after.sshAuditFails, "algorithms"),
        exposure: figure(after.exposure, "of 10"),
        lynis: figure(after.lynis, "of 100"),
        openPorts: figure(after.openPorts, ""),
        before: figure(before, ""),
      };
    }),
};

/** The /29 an address lies in. */
function networkOf(address: string): string {
  const last = Number(address.slice(address.lastIndexOf(".") + 1));
  return `${address.slice(0, address.lastIndexOf("."))}.${last - (last % 8)}/29`;
}

const APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends";

async function audit(server: BareServer, neighbour: BareServer, units: readonly string[], say: Say): Promise<Audit> {
  const openPorts = await neighbour.asRoot(`python3 - ${server.address} <<'END'\n${scanner()}\nEND`);
  say(`${server.name}: open from a neighbour: ${openPorts.trim() || "none"}`);
  const sshAuditFails = await sshFails(server, say);
  const exposure = await exposures(server, units);
  // Last, as its package is no part of what is measured.
  const lynis = await lynisIndex(server);
  say(`${server.name}: ssh-audit ${sshAuditFails} fails, Lynis ${lynis}`);
  return { sshAuditFails, exposure, lynis, openPorts: openPorts.trim() };
}

function scanner(): string {
  return readFileSync(new URL("./scan.py", import.meta.url), "utf8");
}

const algorithms = z.array(
  z.looseObject({ notes: z.looseObject({ fail: z.array(z.string()).optional() }).optional() }),
);
const sshReport = z.looseObject({ kex: algorithms, key: algorithms, enc: algorithms, mac: algorithms });

async function sshFails(server: BareServer, say: Say): Promise<number> {
  const bin = await ensurePythonTool("ssh-audit", say);
  const { stdout } = await execa(join(bin, "ssh-audit"), ["--json", "--skip-rate-test", server.address], {
    reject: false,
  });
  const report = sshReport.parse(JSON.parse(stdout));
  return [report.kex, report.key, report.enc, report.mac].flat().filter(({ notes }) => notes?.fail !== undefined)
    .length;
}

const exposureReport = z.array(z.looseObject({ unit: z.string(), exposure: z.coerce.number() }));

async function exposures(server: BareServer, units: readonly string[]): Promise<Record<string, number>> {
  const text = await server.asRoot("systemd-analyze security --json=short --no-pager");
  const known = exposureReport.parse(JSON.parse(text)).filter(({ unit }) => units.includes(unit));
  return Object.fromEntries(known.map(({ unit, exposure }) => [unit, exposure]));
}

async function lynisIndex(server: BareServer): Promise<number> {
  const text = await server.asRoot(
    `${APT} install lynis >/dev/null 2>&1; lynis audit system --quick --quiet --no-colors >/dev/null 2>&1 || true; grep ^hardening_index= /var/log/lynis-report.dat`,
  );
  return Number(text.trim().split("=")[1]);
}
