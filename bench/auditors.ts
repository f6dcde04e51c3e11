import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { z } from "zod";
import { ensurePythonTool } from "../tools/python.ts";
import type { BareServer } from "./bare-servers.ts";
import type { Say } from "./scene.ts";

/** What the tools say of one server that tell of its hardening. */
export type Audit = {
  /** Algorithms ssh-audit calls a failure. */
  sshAuditFails: number;
  /** `systemd-analyze security` by unit, 0 (closed) to 10 (open); units the server has not are left out. */
  exposure: Record<string, number>;
  /** Lynis' hardening index, of 100. */
  lynis: number;
  /** TCP ports that accept a connection from a neighbour's address. */
  openPorts: string;
};

const APT = "DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends";

/** Every figure of `server`; `openPorts` was looked at before, as a scan beside a busy auditor misses what is open. */
export async function audit(server: BareServer, openPorts: string, units: readonly string[], say: Say): Promise<Audit> {
  const sshAuditFails = await sshFails(server, say);
  const exposure = await exposures(server, units);
  // Last, as its package is no part of what is measured.
  const lynis = await lynisIndex(server, say);
  say(`${server.name}: ssh-audit ${sshAuditFails} fails, open from a neighbour ${openPorts || "none"}, Lynis ${lynis}`);
  return { sshAuditFails, exposure, lynis, openPorts };
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

/** One by one: without names it leaves out what does not run just now, such as a timer's service. */
async function exposures(server: BareServer, units: readonly string[]): Promise<Record<string, number>> {
  const text = await server.asRoot(
    `for unit in ${units.join(" ")}; do systemd-analyze security --no-pager "$unit" 2>/dev/null | tail -n 1 || true; done`,
  );
  const found = [...text.matchAll(/exposure level for (\S+): ([\d.]+)/g)];
  return Object.fromEntries(found.map(([, unit, level]) => [unit, Number(level)]));
}

/** All 65,535 of TCP that accept a connection from `neighbour`. */
export async function portsSeenBy(neighbour: BareServer, server: BareServer): Promise<string> {
  const scanner = readFileSync(new URL("./scan.py", import.meta.url), "utf8");
  return (await neighbour.asRoot(`python3 - ${server.address} <<'END'\n${scanner}\nEND`)).trim();
}

/** What it would have more of goes to `say`, so that a figure can be looked into. */
async function lynisIndex(server: BareServer, say: Say): Promise<number> {
  await server.asRoot(
    `${APT} install lynis >/dev/null 2>&1; lynis audit system --quick --quiet --no-colors >/dev/null 2>&1 || true`,
  );
  const report = await server.asRoot("grep -E '^(hardening_index|warning|suggestion)' /var/log/lynis-report.dat");
  for (const [, kind, test, text] of report.matchAll(/^(warning|suggestion)\[\]=([^|]*)\|([^|]*)\|/gm))
    say(`${server.name}: ${kind} of Lynis, ${test}: ${text}`);
  return Number(/^hardening_index=(\d+)$/m.exec(report)?.[1] ?? Number.NaN);
}

/** What testssl's rating is made of, and nothing else: no simulated clients, no flaws of long ago that do not count in it. */
const RATED = "-p -s -f -S -h -H -I -T -R -C -O -Z -D -A -4 -J --BB";

/**
 * The grade testssl gives a site, by the guide of SSL Labs, as a visitor sees it. A browser's own roots do not know the authority of
 * the local cloud, so its root is added to them.
 */
export async function tlsGrade(
  visitor: BareServer,
  server: BareServer,
  domain: string,
  rootCa: string,
  say: Say,
): Promise<string> {
  const text = await visitor.asRoot(`
    ${APT} install testssl.sh </dev/null >/dev/null 2>&1
    cat >/tmp/root.pem <<'END'\n${rootCa}\nEND
    testssl --quiet --warnings off --color 0 --nodns none --ip ${server.address} --add-ca /tmp/root.pem ${RATED} https://${domain}/ </dev/null || true`);
  const grade = /Overall Grade\s+(\S+)/.exec(text)?.[1];
  if (grade === undefined) throw new Error(`testssl gave no grade:\n${text.slice(-3000)}`);
  say(`${domain}: ${text.slice(text.indexOf("Rating (experimental)"))}`);
  return grade;
}
