import { z } from "zod";
import { setting, timeOfDay, wholeNumber } from "../leaves.ts";

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
  swapMiB: setting(wholeNumber(0, 65_536).default(1024), {
    means: "size of the swap file in MiB, where pages go that nobody uses; not in containers",
    allowed: "a whole number from 0 (none) to 65536, far more than helps",
    example: "1024",
    change: "the swap file is made anew; what lies in it is read back into memory first",
  }),
  journalMiB: setting(wholeNumber(64, 16_384).default(1024), {
    means: "most the system's journal may take on disk, in MiB; 90 days are kept at most",
    allowed: "a whole number from 64 (a day of a quiet server) to 16384",
    example: "1024",
    change: "the journal's service restarts, no line is lost; the oldest lines are deleted where there are too many",
  }),
  rebootAt: setting(timeOfDay.optional(), {
    means:
      "when the server reboots after a security update that asks for it; without it nothing reboots the server by itself",
    allowed: "a time of the day in UTC, such as 04:30",
    example: "04:30",
    change: "nothing stops now; a reboot takes the site down for about a minute",
  }),
});
