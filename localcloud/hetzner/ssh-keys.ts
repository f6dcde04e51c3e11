import { createHash } from "node:crypto";
import { z } from "zod";
import type { App, Hub } from "./hub.ts";
import { invalidField, notFound, notUnique } from "./protocol/errors.ts";
import { idParams, labelsField, nameField } from "./protocol/fields.ts";
import { registerReads } from "./reads.ts";
import { type SshKey, sshKeySchema } from "./schemas.ts";

const createBody = z.strictObject({
  name: nameField,
  public_key: z.string("must be a string").min(1, "must not be empty"),
  labels: labelsField.default({}),
});
const updateBody = z.strictObject({ name: nameField.optional(), labels: labelsField.optional() });
const answer = z.object({ ssh_key: sshKeySchema });

export function registerSshKeys(app: App, hub: Hub): void {
  const keys = hub.state.sshKeys;
  registerReads(app, {
    many: "ssh_keys",
    one: "ssh_key",
    kind: "SSH key",
    schema: sshKeySchema,
    items: () => keys.all(),
    sortable: ["id", "name"],
    filters: ["name", "fingerprint"],
  });

  app.post("/ssh_keys", { schema: { body: createBody, response: { 201: answer } } }, async (request, reply) => {
    const { name, public_key, labels } = request.body;
    const fingerprint = fingerprintOf(public_key);
    assertNameFree(keys.all(), name);
    if (keys.find((key) => key.fingerprint === fingerprint) !== undefined) {
      throw notUnique("SSH key with the same fingerprint already exists", "public_key");
    }
    const id = hub.context.store.nextId();
    const ssh_key = keys.put({ id, name, fingerprint, public_key, labels, created: new Date().toISOString() });
    return reply.code(201).send({ ssh_key });
  });

  const update = { params: idParams, body: updateBody, response: { 200: answer } };
  app.put("/ssh_keys/:id", { schema: update }, async (request) => {
    const present = existing(request.params.id);
    const { name = present.name, labels = present.labels } = request.body;
    assertNameFree(keys.all(), name, present.id);
    return { ssh_key: keys.patch(present.id, { name, labels }) };
  });

  app.delete("/ssh_keys/:id", { schema: { params: idParams } }, async (request, reply) => {
    keys.remove(existing(request.params.id).id);
    return reply.code(204).send();
  });

  function existing(id: number): SshKey {
    const key = keys.get(id);
    if (key === undefined) {
      throw notFound("SSH key", id);
    }
    return key;
  }
}

function assertNameFree(keys: SshKey[], name: string, except?: number): void {
  if (keys.some((key) => key.name === name && key.id !== except)) {
    throw notUnique("SSH key name is already used", "name");
  }
}

/** MD5 of the key blob in colon form. The blob names its own type, which must be the type before it. */
function fingerprintOf(publicKey: string): string {
  const [type = "", encoded = ""] = publicKey.trim().split(/\s+/);
  const blob = Buffer.from(encoded, "base64");
  const length = blob.length >= 4 ? blob.readUInt32BE(0) : 0;
  if (type === "" || length === 0 || blob.subarray(4, 4 + length).toString() !== type) {
    throw invalidField("public_key", "is not a valid SSH public key");
  }
  return createHash("md5")
    .update(blob)
    .digest("hex")
    .replace(/..(?=.)/g, "$&:");
}
