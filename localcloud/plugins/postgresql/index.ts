/** The stand-in of `postgresql`, for databases of the local cloud. */
import type { Provider } from "../define.ts";

export const provider: Provider<null> = {
  name: "postgresql",
  version: "3.18.1",
  notesDefaults: true,
  config: {},
  configure: () => null,
  resources: {},
  functions: {},
};
