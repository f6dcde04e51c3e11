import { canInstall, install } from "./apt.ts";
import { findAll } from "./executables.ts";
import { type Report, ToolError } from "./report.ts";

/** Programs that the operator's machine needs, and the Debian packages they come from. */
const CLIENTS: Record<string, string> = {
  ssh: "openssh-client",
  "ssh-keygen": "openssh-client",
  openssl: "openssl",
  git: "git",
};

/** Makes sure that the client programs are there: installs what is missing where that is allowed, else says how. */
export async function ensureClients(report: Report, mayInstall = canInstall): Promise<void> {
  const missing = await missingClients();
  if (missing.length === 0) {
    return;
  }
  const packages = [...new Set(missing.map((name) => CLIENTS[name] ?? name))];
  const names = missing.join(", ");
  if (!(await mayInstall())) {
    throw new ToolError(`not found on PATH: ${names}. Install with: sudo apt-get install ${packages.join(" ")}`);
  }
  report(`not found on PATH: ${names}`);
  await install(packages, report);
  const still = await missingClients();
  if (still.length > 0) {
    throw new ToolError(
      `installed ${packages.join(" ")}, but still not found on PATH: ${still.join(", ")}. Check PATH: echo $PATH`,
    );
  }
}

async function missingClients(): Promise<string[]> {
  const names = Object.keys(CLIENTS);
  const found = await Promise.all(names.map((name) => findAll(name)));
  return names.filter((_, index) => found[index]?.length === 0);
}
