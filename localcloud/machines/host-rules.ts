import type { Names } from "./names.ts";

type RuleNames = Pick<Names, "comment" | "bridges" | "table">;

/** Docker made its chains with one of the two; rules in the other would be of no effect on them. */
const PICK_TOOL = `tool=
for each in iptables-nft iptables-legacy; do
  if $each -w -S DOCKER-USER >/dev/null 2>&1; then tool=$each; break; fi
done`;

/**
 * Shell: traffic inside the instance's block passes between Docker's bridges, which Docker keeps apart, and keeps its source
 * address; traffic inside a private network passes whatever its addresses; what is sent to an address nobody has ends here instead of
 * leaving by the default route.
 */
export function renderOpenLanes(names: RuleNames, block: string): string {
  // Docker puts the masquerade of every new network first, so the rule against it moves before that again.
  const set = rulesOf(names, block).map(({ table, rule }) =>
    table === "nat"
      ? `while $tool -w -t nat -D ${rule} 2>/dev/null; do :; done\n$tool -w -t nat -I ${rule}`
      : `$tool -w -t ${table} -C ${rule} 2>/dev/null || $tool -w -t ${table} -I ${rule}`,
  );
  return `${PICK_TOOL}
if [ -z "$tool" ]; then
  echo "Docker has no chain DOCKER-USER in iptables on this machine; start its engine with iptables enabled" >&2
  exit 1
fi
${set.join("\n")}
ip route replace unreachable ${block}
`;
}

/** Shell: exactly this instance's rules and table go, however often they are there. */
export function renderRemoval(names: RuleNames, block: string): string {
  const remove = rulesOf(names, block).map(
    ({ table, rule }) => `  while $tool -w -t ${table} -D ${rule} 2>/dev/null; do :; done`,
  );
  return `${PICK_TOOL}
if [ -n "$tool" ]; then
${remove.join("\n")}
fi
ip route del unreachable ${block} 2>/dev/null || :
nft -f - <<'END'
table ip ${names.table}
delete table ip ${names.table}
END
`;
}

function rulesOf(names: RuleNames, block: string): { table: "filter" | "nat"; rule: string }[] {
  const accept = `-m comment --comment ${names.comment} -j ACCEPT`;
  return [
    { table: "filter", rule: `DOCKER-USER -s ${block} -d ${block} ${accept}` },
    { table: "filter", rule: `DOCKER-USER -i ${names.bridges}+ -o ${names.bridges}+ ${accept}` },
    { table: "nat", rule: `POSTROUTING -s ${block} -d ${block} ${accept}` },
  ];
}
