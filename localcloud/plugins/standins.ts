/** The stand-ins and the versions of the official plugins they stand in for; each is loaded when first needed. */
import type { Provider } from "./define.ts";

export interface Standin {
  readonly name: string;
  readonly version: string;
  readonly load: () => Promise<Provider<unknown>>;
}

function standin(name: string, version: string, load: () => Promise<{ provider: Provider<unknown> }>): Standin {
  let loaded: Promise<Provider<unknown>> | undefined;
  return {
    name,
    version,
    load: () => {
      loaded ??= load().then(({ provider }) => provider);
      return loaded;
    },
  };
}

export const STANDINS: readonly Standin[] = [
  standin("hcloud", "1.41.0", () => import("./hcloud/index.ts")),
  standin("cloudflare", "6.22.1", () => import("./cloudflare/index.ts")),
  standin("command", "1.2.1", () => import("./command/index.ts")),
  standin("random", "4.21.2", () => import("./random/index.ts")),
  standin("postgresql", "3.18.1", () => import("./postgresql/index.ts")),
];
