import { z } from "zod";
import { setting } from "../leaves.ts";

export const server = z.strictObject({
  type: setting(z.string().regex(/^[a-z]{2,4}\d{2}$/), {
    means: "Hetzner server type; decides cores and memory",
    allowed: "a type of hcloud server-type list, such as cx33",
    example: "cx33",
    change: "the server is switched off, resized and started again (about a minute down); never to a smaller disk",
  }),
  location: setting(z.string().regex(/^[a-z]{3}\d?$/), {
    means: "Hetzner location the server and its address live in",
    allowed: "a location of hcloud location list, such as fsn1",
    example: "fsn1",
    change: "REPLACES the server and its address: all data on it is lost",
  }),
  image: setting(z.enum(["debian-12", "debian-13", "ubuntu-24.04"]), {
    means: "operating system of the server",
    allowed: "debian-12, debian-13 or ubuntu-24.04",
    example: "debian-13",
    change: "REPLACES the server: all data on it is lost",
  }),
  protect: setting(z.boolean().default(true), {
    means: "deletion protection of the server and its address, at Hetzner and in Pulumi",
    allowed: "true or false",
    example: "true",
    change: "nothing stops; set it to false and run pulumi up before a pulumi destroy",
  }),
});
