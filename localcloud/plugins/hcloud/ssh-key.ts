/** Public keys the API gives to new servers. */
import { resource } from "../define.ts";
import type { Hcloud } from "./client.ts";
import { isCode } from "./client.ts";
import { apiId, autoname, name, shownLabels } from "./inputs.ts";
import type { SshKey as View } from "./views.ts";

function stateOf({ name, public_key, fingerprint, labels }: View) {
  return { name, publicKey: public_key, fingerprint, labels };
}

export const SshKey = resource<Hcloud>()({
  inputs: { name, publicKey: { type: "string", required: true, replace: true }, labels: shownLabels },
  outputs: { fingerprint: {} },
  autoname,
  async create({ client, signal }, { name, publicKey, labels }) {
    const body = { name: name ?? "", public_key: publicKey, labels };
    const { ssh_key } = await client.call<{ ssh_key: View }>(signal, "POST", "/ssh_keys", body);
    return { id: String(ssh_key.id), state: stateOf(ssh_key) };
  },
  async read({ client, signal }, id) {
    const found = await client.find<{ ssh_key: View }>(signal, `/ssh_keys/${apiId(id)}`);
    return found && { id, state: stateOf(found.ssh_key) };
  },
  async update({ client, signal }, { id, new: { name, labels } }) {
    const body = { name: name ?? "", labels };
    const { ssh_key } = await client.call<{ ssh_key: View }>(signal, "PUT", `/ssh_keys/${apiId(id)}`, body);
    return stateOf(ssh_key);
  },
  async delete({ client, signal }, id) {
    await client.call(signal, "DELETE", `/ssh_keys/${apiId(id)}`).catch((error: unknown) => {
      if (!isCode(error, "not_found")) throw error;
    });
  },
});
