/** The stand-in of `cloudflare`, for the Cloudflare API of the local cloud. */
import type { Provider } from "../define.ts";
import { requireLocalApi } from "../local-only.ts";
import { LoadBalancer, LoadBalancerMonitor, LoadBalancerPool } from "./balancing.ts";
import { Cloudflare } from "./client.ts";
import { DnsRecord, Zone, ZoneSetting } from "./dns.ts";
import { getDnsRecords, getZone, getZones } from "./lookups.ts";

const TOKEN = /^[0-9A-Za-z\-_]{40,80}$/;
const tokensOnly = "use an API token ('apiToken')";

export const provider: Provider<Cloudflare> = {
  name: "cloudflare",
  version: "6.22.1",
  notesDefaults: true,
  config: {
    apiToken: { type: "string", secret: true },
    baseUrl: { type: "string" },
    userAgentOperatorSuffix: { type: "string" },
    apiKey: { type: "string", refused: tokensOnly },
    email: { type: "string", refused: tokensOnly },
    apiUserServiceKey: { type: "string", refused: tokensOnly },
  },
  configure({ apiToken, baseUrl }) {
    const token = apiToken ?? process.env.CLOUDFLARE_API_TOKEN;
    if (typeof token !== "string" || token === "") {
      throw new Error("cloudflare: no token: set the configuration key cloudflare:apiToken or CLOUDFLARE_API_TOKEN");
    }
    if (!TOKEN.test(token)) {
      throw new Error("cloudflare: the API token has a form no API token has (40 to 80 letters, digits, '-' or '_')");
    }
    const address = baseUrl ?? process.env.CLOUDFLARE_BASE_URL ?? "https://api.cloudflare.com/client/v4";
    return new Cloudflare(requireLocalApi("cloudflare", String(address)), token);
  },
  resources: {
    "cloudflare:index/zone:Zone": Zone,
    "cloudflare:index/zoneSetting:ZoneSetting": ZoneSetting,
    "cloudflare:index/dnsRecord:DnsRecord": DnsRecord,
    "cloudflare:index/loadBalancer:LoadBalancer": LoadBalancer,
    "cloudflare:index/loadBalancerPool:LoadBalancerPool": LoadBalancerPool,
    "cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor": LoadBalancerMonitor,
  },
  functions: {
    "cloudflare:index/getZone:getZone": getZone,
    "cloudflare:index/getZones:getZones": getZones,
    "cloudflare:index/getDnsRecords:getDnsRecords": getDnsRecords,
  },
};
