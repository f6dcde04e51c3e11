/** The stand-in of `cloudflare`, for the Cloudflare API of the local cloud. */
import type { Provider } from "../define.ts";

export const provider: Provider<null> = {
  name: "cloudflare",
  version: "6.22.1",
  notesDefaults: true,
  config: {},
  configure: () => null,
  resources: {},
  functions: {},
};
