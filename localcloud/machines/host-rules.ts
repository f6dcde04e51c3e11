import type { Names } from "./names.ts";

/** Docker made its chains with one of the two; rules in the other would be of no effect on them. */
const PICK_TOOL = `tool=
for each in iptables-nft iptables-legacy; do
  if $each -w -S DOCKER-USER >/dev/null 2>&1; then tool=$each; break; fi
done`;

/**
 * Shell: traffic inside the instance's block passes between Docker's bridges, which Docker keeps apart, and keeps its source
 * address. Rules that are there already stay as they are.
 */
export function renderOpenLanes(names: Pick<Names, "comment">, block: string): string {
  const match = matchOf(names, block);
  return `${PICK_TOOL}
if [ -z "$tool" ]; then
  echo "Docker has no chain DOCKER-USER in iptables on this machine; start its engine with iptables enabled" >&2
  exit 1
fi
$tool -w -C DOCKER-USER ${match} 2>/dev/null || $tool -w -I DOCKER-USER 1 ${match}
$tool -w -t nat -C POSTROUTING ${match} 2>/dev/null || $tool -w -t nat -I POSTROUTING 1 ${match}
`;
}

/** Shell: exactly this instance's rules and table go, however often they are there. */
export function renderRemoval(names: Pick<Names, "comment" | "table">, block: string): string {
  const match = matchOf(names, block);
  return `${PICK_TOOL}
if [ -n "$tool" ]; then
  while $tool -w -D DOCKER-USER ${match} 2>/dev/null; do :; done
  while $tool -w -t nat -D POSTROUTING ${match} 2>/dev/null; do :; done
fi
nft -f - <<'END'
table ip ${names.table}
delete table ip ${names.table}
END
`;
}

function matchOf(names: Pick<Names, "comment">, block: string): string {
  return `-s ${block} -d ${block} -m comment --comment ${names.comment} -j ACCEPT`;
}
