import type { MovedKeys } from "../../../provisioning/mover/relay.ts";
import type { TestServer } from "../server.ts";
import { canary, redisInMove } from "../specs.ts";

/** Everything a URL, a configuration file and a shell have a meaning for. */
const ODD = "pa'ss w;rd #1=%\\\"$x";

const KEYS = 2_000;

/** A Redis as somebody runs it: on the server's own address, the application as the default user, with keys of each kind. */
export async function startBlueRedis(blue: TestServer): Promise<void> {
  const { address } = blue;
  await blue.asRoot(
    `systemd-run --quiet --unit=old-redis redis-server --bind ${address} --port 6379 --protected-mode no --save ''
     for _ in $(seq 100); do redis-cli -h ${address} ping >/dev/null 2>&1 && break; sleep 0.05; done`,
  );
  const quoted = ODD.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
  const lines = [
    `ACL SETUSER bascule on ">${quoted}" ~* &* +@all`,
    `EVAL "for i = 1, ${KEYS} do redis.call('set', 'copy:' .. i, i, 'ex', 3600) redis.call('set', 'cache:' .. i, i) end" 0`,
  ];
  await blue.asRoot(`redis-cli -h ${address} <<'END'\n${lines.join("\n")}\nEND`);
}

/** Whom everybody comes as. */
export function movedKeys(blueAddress: string): MovedKeys {
  const { moverPassword = canary, cache } = redisInMove;
  return {
    blueUrl: `redis://bascule:${encodeURIComponent(ODD)}@${blueAddress}:6379`,
    blueUsers: ["default"],
    policies: { "copy:": "copy", "queue:": "drain", "*": "drop" },
    moverPassword,
    appPassword: cache.password,
  };
}
