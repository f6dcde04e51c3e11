/** The stand-in of `command`: commands on servers by SSH, and on this machine. */
import type { Provider } from "../define.ts";
import { Command as LocalCommand } from "./local.ts";
import { Command as RemoteCommand } from "./remote.ts";
import { closeConnections } from "./ssh.ts";

export const provider: Provider<null> = {
  name: "command",
  version: "1.2.1",
  notesDefaults: false,
  config: {},
  configure: () => null,
  resources: {
    "command:remote:Command": RemoteCommand,
    "command:local:Command": LocalCommand,
  },
  functions: {},
  close: closeConnections,
};
