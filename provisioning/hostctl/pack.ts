import { readdirSync, readFileSync } from "node:fs";
import { crc32 } from "node:zlib";

const packages = ["hostctl", "jobs"];
const shebang = "#!/usr/bin/python3 -I\n";

/** hostctl as one executable file: its modules in a zip archive that Python runs, the same bytes on every machine. Base64. */
export function packHostctl(): string {
  const modules = packages.flatMap((name) => modulesOf(name));
  const entries = ["__main__.py", ...modules].map((name) => ({ name, content: codeOf(name) }));
  return Buffer.concat([Buffer.from(shebang), zip(entries, shebang.length)]).toString("base64");
}

/** The modules of one of hostctl's Python packages, as the archive names them. */
export function modulesOf(name: string): string[] {
  const files = readdirSync(new URL(`./${name}/`, import.meta.url)).filter((file) => file.endsWith(".py"));
  return files.sort().map((file) => `${name}/${file}`);
}

/** A module without comments, docstrings and empty lines: user data has little room, and they are a fifth of it. */
export function codeOf(module: string): Buffer {
  const text = readFileSync(new URL(module, import.meta.url), "utf8");
  return Buffer.from(text.replace(/^\s*("""[^"\n]*"""|#.*)?\n/gm, ""));
}

interface Entry {
  name: string;
  content: Buffer;
}

/** An uncompressed zip: compressed bytes would differ between versions of zlib, and with them the bundle's hash. */
function zip(entries: Entry[], start: number): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = start;
  for (const { name, content } of entries) {
    const fields = commonFields(name, content);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), fields, Buffer.from(name), content]);
    const central = Buffer.alloc(14);
    central.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\x01\x02\x14\x00"), fields, central, Buffer.from(name));
    locals.push(local);
    offset += local.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(listing.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, listing, end]);
}

/** Version, flags, method 0, the first of January 1980, checksum and sizes: alike in both kinds of header. */
function commonFields(name: string, content: Buffer): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(20, 0);
  fields.writeUInt16LE(0x21, 8);
  fields.writeUInt32LE(crc32(content), 10);
  fields.writeUInt32LE(content.length, 14);
  fields.writeUInt32LE(content.length, 18);
  fields.writeUInt16LE(Buffer.byteLength(name), 22);
  return fields;
}
