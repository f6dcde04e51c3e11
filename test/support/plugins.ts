import type { Context, Resource } from "../../localcloud/plugins/define.ts";
import { STANDINS } from "../../localcloud/plugins/standins.ts";

/** A resource of a stand-in, by its token. */
export async function resourceOf(token: string): Promise<Resource<unknown>> {
  const found = (await providerOf(token.split(":")[0] ?? "")).resources[token];
  if (found === undefined) throw new Error(`there is no ${token}`);
  return found;
}

/** A stand-in, by its name. */
export async function providerOf(name: string) {
  const standin = STANDINS.find((one) => one.name === name);
  if (standin === undefined) throw new Error(`there is no stand-in of ${name}`);
  return standin.load();
}

/** What one call gets; its log lines are kept. */
export function contextOf<C>(client: C, name = "thing"): Context<C> & { said: string[]; cancel(): void } {
  const said: string[] = [];
  const abort = new AbortController();
  return {
    client,
    name,
    urn: `urn:pulumi:dev::project::type::${name}`,
    signal: abort.signal,
    log: (severity, message) => void said.push(`${severity}: ${message}`),
    progress: (message) => void said.push(message),
    said,
    cancel: () => abort.abort(new Error("cancelled")),
  };
}
