/** The stand-in of `command`: commands and files on servers by SSH, commands on this machine. */
import type { Provider } from "../define.ts";
import { CopyToRemote } from "./copy.ts";
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
    "command:remote:CopyToRemote": CopyToRemote,
    "command:local:Command": LocalCommand,
  },
  functions: {},
  close: closeConnections,
};
