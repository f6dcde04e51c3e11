import { CleanBlue } from "./components/clean-blue.ts";
import { Dns } from "./components/dns.ts";
import { MailDns } from "./components/mail-dns.ts";
import { mailRecords } from "./components/mail-records.ts";
import { stackNaming } from "./components/naming.ts";
import { SingleVps } from "./components/single-vps.ts";
import { Traffic } from "./components/traffic.ts";
import { lookUpZone } from "./components/zone.ts";
import { loadSettings } from "./settings/load.ts";

// The SDK writes a stack down for each of its promises and looks up every line of it in source maps. There are none here: types are
// stripped in place. Without this a fifth of the program's time goes there.
Reflect.deleteProperty(Error, "prepareStackTrace");

const { settings, secrets } = loadSettings();

const green = new SingleVps("green", { settings, secrets });
const zone = await lookUpZone(settings.zone);
const dns = new Dns("dns", { zone, addresses: { green: green.server.address } });
const records = mailRecords(settings.mail, settings.zone);
const mail = records.length > 0 ? [new MailDns("mail", { zone, records })] : [];
// Last, and only when everything on the server answered its probes.
const traffic = new Traffic(
  "traffic",
  {
    naming: stackNaming(),
    zone,
    domain: settings.domain,
    traffic: settings.traffic,
    addresses: { blue: settings.blue.address, green: green.server.address },
    healthPath: settings.app.healthPath,
  },
  { dependsOn: [green, dns] },
);
// After all of it, so that its end comes before everything else's.
if (settings.data.move === "replication")
  new CleanBlue("clean-blue", green.server, { dependsOn: [green, dns, ...mail, traffic] });

export const serverAddress = green.server.address;
export const domain = settings.domain;
export const weight = settings.traffic.weight;
export const steering = settings.traffic.steering;
export const greenUrl = `https://${green.hostname}`;
export const deployUser = settings.access.user;
export const hostKey = green.server.hostKey;
export const forwardPort = settings.postgres.forwardPort;
