import { readFileSync } from "node:fs";
import { type KeysFile, readKeys } from "../../../../migration/mover/keys/configuration.ts";
import { KeysKeeper } from "../../../../migration/mover/keys/keeper.ts";

/*
 * The part of the mover's service that follows keys, as a process of its own, so that it can die: `node keeper.ts FOLDER FILE`.
 */
const [folder = "", file = ""] = process.argv.slice(2);
const keys = readKeys(JSON.parse(readFileSync(file, "utf8")) as KeysFile, folder, 10_000);
const stop = new AbortController();
process.once("SIGTERM", () => stop.abort());
await new KeysKeeper(keys, () => undefined).run(stop.signal);
