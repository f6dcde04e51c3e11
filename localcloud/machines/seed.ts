import { randomUUID } from "node:crypto";
import type { MachineSpec } from "./types.ts";

/** One file, directory or link of an archive that is unpacked at the root of a container. */
export interface SeedEntry {
  path: string;
  /** Content of a file; a directory has none. */
  content?: string;
  /** Target of a symbolic link. */
  link?: string;
  mode: number;
}

const SEED = "var/lib/cloud/seed/nocloud";

/** As in the provider's images: its keys are for root, and no other user is made unless the user data says so. */
const ROOT_LOGIN = `disable_root: false
system_info: {default_user: {name: root, lock_passwd: true}}
`;

/** A container that may not reboot the machine ends the same way for `reboot` and `poweroff`; this tells them apart. */
const REBOOT = `[Unit]
SuccessAction=exit-force
SuccessActionExitStatus=133
`;

/** cloud-init's NoCloud seed for a server; a new `instanceId` makes cloud-init run everything again. */
export function seedEntries(
  spec: Pick<MachineSpec, "name" | "userData" | "sshKeys">,
  instanceId: string = randomUUID(),
): SeedEntry[] {
  // JSON is YAML, and quotes whatever a key's comment may hold.
  const metaData = { "instance-id": instanceId, "local-hostname": spec.name, "public-keys": spec.sshKeys };
  return [
    ...["var/lib/cloud", "var/lib/cloud/seed", SEED].map((path) => ({ path, mode: 0o755 })),
    { path: `${SEED}/meta-data`, content: `${JSON.stringify(metaData)}\n`, mode: 0o644 },
    { path: `${SEED}/user-data`, content: spec.userData || "#cloud-config\n{}\n", mode: 0o600 },
    { path: `${SEED}/vendor-data`, content: "", mode: 0o600 },
    { path: "etc/cloud/cloud.cfg.d/91-root.cfg", content: ROOT_LOGIN, mode: 0o644 },
    { path: "etc/systemd/system/systemd-reboot.service.d", mode: 0o755 },
    { path: "etc/systemd/system/systemd-reboot.service.d/10-restart.conf", content: REBOOT, mode: 0o644 },
  ];
}

const BLOCK = 512;
const NAME_LENGTH = 100;

/** A tar archive in memory, owned by root: the way of files into a container without a path on the host. */
export function tarOf(entries: SeedEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? "");
    const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
    return [tarHeader(entry, content.length), content, padding];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function tarHeader(entry: SeedEntry, size: number): Buffer {
  if (Buffer.byteLength(entry.path) > NAME_LENGTH || Buffer.byteLength(entry.link ?? "") > NAME_LENGTH) {
    throw new Error(`path too long for an archive: ${entry.path}`);
  }
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`;
  const type = entry.link !== undefined ? "2" : entry.content !== undefined ? "0" : "5";
  header.write(entry.path, 0);
  header.write(octal(entry.mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(size, 12), 124);
  header.write(octal(0, 12), 136);
  // The checksum counts its own field as blanks.
  header.write(" ".repeat(8), 148);
  header.write(type, 156);
  header.write(entry.link ?? "", 157);
  header.write("ustar\0" + "00", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}
