import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const LISTENING = "0A";

/** The process that listens on a TCP port, in words, or null when that cannot be known (another user's, or not Linux). */
export function portHolder(port: number): string | null {
  try {
    const inode = listeningInode(port);
    const pid = inode === null ? null : ownerOf(inode);
    return pid === null ? null : `${readFileSync(`/proc/${pid}/comm`, "utf8").trim()} (process ${pid})`;
  } catch {
    return null;
  }
}

function listeningInode(port: number): string | null {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of readFileSync(table, "utf8").split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
      if (local.endsWith(`:${wanted}`) && state === LISTENING && inode !== undefined) {
        return inode;
      }
    }
  }
  return null;
}

function ownerOf(inode: string): string | null {
  const processes = readdirSync("/proc").filter((entry) => /^\d+$/.test(entry));
  return processes.find((pid) => descriptorsOf(pid).includes(`socket:[${inode}]`)) ?? null;
}

/** Processes come and go, and those of other users are closed to us: neither is an error here. */
function descriptorsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return "";
      }
    });
  } catch {
    return [];
  }
}
