import { z } from "zod";
import { hostnameField, idOrName, labelsField } from "../protocol/fields.ts";

const MAX_USER_DATA = 32 * 1024;
const id = z.number("must be an ID").int();

export const userDataField = z
  .string("must be a string")
  .refine((text) => Buffer.byteLength(text) <= MAX_USER_DATA, "is too long, 32 KiB are allowed");

/** Body of `POST /servers`. */
export const createBody = z.strictObject({
  name: hostnameField.min(1, "must not be empty"),
  server_type: idOrName,
  image: idOrName,
  location: z.string().nullish(),
  datacenter: z.string().nullish(),
  start_after_create: z.boolean().default(true),
  ssh_keys: z.array(idOrName).default([]),
  volumes: z.array(id).default([]),
  automount: z.boolean().optional(),
  networks: z.array(id).default([]),
  firewalls: z.array(z.strictObject({ firewall: id })).default([]),
  placement_group: id.nullish(),
  user_data: userDataField.nullish(),
  labels: labelsField.default({}),
  public_net: z
    .strictObject({
      enable_ipv4: z.boolean().default(true),
      enable_ipv6: z.boolean().default(true),
      ipv4: id.nullish(),
      ipv6: id.nullish(),
    })
    .default({ enable_ipv4: true, enable_ipv6: true }),
});
export type CreateBody = z.output<typeof createBody>;

export const updateBody = z.strictObject({ name: hostnameField.optional(), labels: labelsField.optional() });
