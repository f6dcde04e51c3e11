import { contains, networkAddress, parseCidr } from "./cidr.ts";
import { type SettingProblem, setCommand } from "./problems.ts";
import { firewallRules } from "./rules/firewall.ts";
import { mailRules } from "./rules/mail.ts";
import { problem, type Rule } from "./rules/rule.ts";
import { storeRules } from "./rules/stores.ts";
import { webRules } from "./rules/web.ts";
import type { Settings } from "./schema.ts";

/** One A record points at one side; a share in between exists only with pools. */
const recordCarriesAllOrNothing: Rule = ({ traffic }) =>
  traffic && traffic.steering === "record" && traffic.weight !== 0 && traffic.weight !== 100
    ? [
        problem(
          "bascule:traffic.weight",
          `got ${traffic.weight} with steering record; allowed: 0 or 100, one A record cannot carry a share. Set it: ${setCommand("bascule:traffic.weight", "100")} or ${setCommand("bascule:traffic.steering", "load-balancer")}`,
        ),
      ]
    : [];

const recordIdNeedsRecord: Rule = ({ traffic }) =>
  traffic?.recordId && traffic.steering !== "record"
    ? [
        problem(
          "bascule:traffic.recordId",
          `got "${traffic.recordId}" with steering ${traffic.steering}; allowed: only with steering record. Remove it: pulumi config rm --path bascule:traffic.recordId`,
        ),
      ]
    : [];

const domainInZone: Rule = ({ domain, zone }) =>
  domain && zone && domain !== zone && !domain.endsWith(`.${zone}`)
    ? [
        problem(
          "bascule:domain",
          `got "${domain}", which is not in the zone "${zone}"; allowed: ${zone} or a name that ends in .${zone}. Set it: ${setCommand("bascule:domain", `www.${zone}`)}`,
        ),
      ]
    : [];

/** `green.<zone>` is the server's own name, by which probes reach it whatever the weight. */
const domainIsNotTheServers: Rule = ({ domain, zone }) =>
  domain && zone && domain === `green.${zone}`
    ? [
        problem(
          "bascule:domain",
          `got "${domain}", which is the server's own name; allowed: another name in ${zone}. Set it: ${setCommand("bascule:domain", `www.${zone}`)}`,
        ),
      ]
    : [];

const privateNetwork: Rule = ({ network }) => {
  const cidr = network && parseCidr(network.cidr);
  const subnet = network && parseCidr(network.subnet);
  if (!cidr || !subnet) return [];
  const problems: SettingProblem[] = [];
  for (const [field, range, smallest] of [
    ["cidr", cidr, 24],
    ["subnet", subnet, 29],
  ] as const) {
    const path = `bascule:network.${field}`;
    const base = `${networkAddress(range)}/${range.prefix}`;
    if (network[field] !== base) {
      problems.push(
        problem(
          path,
          `got "${network[field]}", which has bits set behind the prefix; allowed: "${base}". Set it: ${setCommand(path, base)}`,
        ),
      );
    }
    if (range.prefix < 8 || range.prefix > smallest) {
      problems.push(
        problem(
          path,
          `got "${network[field]}"; allowed: a prefix from /8 to /${smallest}. Set it: ${setCommand(path, field === "cidr" ? "10.20.0.0/16" : "10.20.1.0/24")}`,
        ),
      );
    }
  }
  if (!contains(cidr, subnet)) {
    problems.push(
      problem(
        "bascule:network.subnet",
        `got "${network.subnet}", which is not inside bascule:network.cidr "${network.cidr}"; allowed: a part of it. Set it: ${setCommand("bascule:network.subnet", `${networkAddress(cidr)}/${Math.max(cidr.prefix, 24)}`)}`,
      ),
    );
  }
  return problems;
};

const notRoot: Rule = ({ access, postgres }) => {
  const problems: SettingProblem[] = [];
  if (access?.user === "root") {
    problems.push(
      problem(
        "bascule:access.user",
        `got "root"; allowed: any other account, root cannot log in. Set it: ${setCommand("bascule:access.user", "deploy")}`,
      ),
    );
  }
  if (postgres && /^(postgres|pg_.*|pgbouncer.*|bascule)$/.test(postgres.role)) {
    problems.push(
      problem(
        "bascule:postgres.role",
        `got "${postgres.role}"; allowed: any other name, this one belongs to PostgreSQL or to Bascule. Set it: ${setCommand("bascule:postgres.role", "shop")}`,
      ),
    );
  }
  return problems;
};

const TAKEN_PORTS: Readonly<Record<number, string>> = {
  5432: "PostgreSQL",
  6081: "Varnish",
  6379: "the cache",
  6380: "the queue",
  6432: "PgBouncer",
  8098: "Nginx",
  8099: "Nginx",
};

const RELAY_PORT: Readonly<Record<number, string>> = { 6381: "the relay" };

const instancePorts: Rule = ({ app, redis }) => {
  if (!app) return [];
  const last = app.firstPort + app.instances - 1;
  const ports = redis?.move ? { ...TAKEN_PORTS, ...RELAY_PORT } : TAKEN_PORTS;
  const taken = Object.entries(ports).find(([port]) => Number(port) >= app.firstPort && Number(port) <= last);
  if (last <= 65535 && !taken) return [];
  const why = taken ? `port ${taken[0]} belongs to ${taken[1]}` : "ports end at 65535";
  return [
    problem(
      "bascule:app.firstPort",
      `got ${app.firstPort} with ${app.instances} instances, ports ${app.firstPort} to ${last}, but ${why}; allowed: a range that is free. Set it: ${setCommand("bascule:app.firstPort", "3001")}`,
    ),
  ];
};

/** Set by the app's own bundle; a second value would win or lose silently. */
const OWN_VARIABLES = ["DATABASE_URL", "REDIS_URL", "QUEUE_URL", "PORT", "SHOP_SIDE", "NODE_ENV"];

const ownVariables: Rule = ({ app }) =>
  Object.keys(app?.environment ?? {})
    .filter((name) => OWN_VARIABLES.includes(name))
    .map((name) =>
      problem(
        `bascule:app.environment.${name}`,
        `Bascule sets this variable itself; allowed: any name but ${OWN_VARIABLES.join(", ")}. Remove it: pulumi config rm --path bascule:app.environment.${name}`,
      ),
    );

/** 20 got its last fix in April 2026. */
const OLDEST_NODE = 22;

const nodeIsMaintained: Rule = ({ app }) => {
  if (!app || Number(app.node.split(".")[0]) >= OLDEST_NODE) return [];
  return [
    problem(
      "bascule:app.node",
      `got "${app.node}", which gets no security fixes any more; allowed: ${OLDEST_NODE} and later. Set it: ${setCommand("bascule:app.node", "24.21.0")}`,
    ),
  ];
};

const RULES: readonly Rule[] = [
  domainInZone,
  domainIsNotTheServers,
  recordCarriesAllOrNothing,
  recordIdNeedsRecord,
  privateNetwork,
  ...firewallRules,
  notRoot,
  ...storeRules,
  instancePorts,
  ownVariables,
  ...webRules,
  ...mailRules,
  nodeIsMaintained,
];

/** What is wrong between settings. */
export function crossFieldProblems(settings: Partial<Settings>): SettingProblem[] {
  return RULES.flatMap((rule) => rule(settings));
}
