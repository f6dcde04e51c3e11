/** The stand-in of `hcloud`, for the Hetzner API of the local cloud. */
import type { Provider } from "../define.ts";
import { requireLocalApi } from "../local-only.ts";
import { Hcloud } from "./client.ts";
import { Firewall, FirewallAttachment } from "./firewall.ts";
import {
  getDatacenter,
  getImage,
  getLocation,
  getLocations,
  getServerType,
  getServerTypes,
  getSshKey,
} from "./lookups.ts";
import { Network, NetworkSubnet } from "./network.ts";
import { PrimaryIp } from "./primary-ip.ts";
import { Rdns } from "./rdns.ts";
import { Server } from "./server.ts";
import { ServerNetwork } from "./server-network.ts";
import { SshKey } from "./ssh-key.ts";
import { Volume, VolumeAttachment } from "./volume.ts";

const TOKEN_LENGTH = 64;

export const provider: Provider<Hcloud> = {
  name: "hcloud",
  version: "1.41.0",
  notesDefaults: true,
  config: {
    token: { type: "string", secret: true },
    endpoint: { type: "string" },
    endpointHetzner: { type: "string" },
    pollInterval: { type: "string" },
    pollFunction: { type: "string" },
  },
  configure({ token, endpoint }) {
    const key = token ?? process.env.HCLOUD_TOKEN;
    if (typeof key !== "string" || key === "") {
      throw new Error("hcloud: no token: set the configuration key hcloud:token or HCLOUD_TOKEN");
    }
    if (key.length !== TOKEN_LENGTH) {
      throw new Error(`hcloud: entered token is invalid (must be exactly 64 characters long, not ${key.length})`);
    }
    const address = endpoint ?? process.env.HCLOUD_ENDPOINT ?? "https://api.hetzner.cloud/v1";
    return new Hcloud(requireLocalApi("hcloud", String(address)), key);
  },
  resources: {
    "hcloud:index/sshKey:SshKey": SshKey,
    "hcloud:index/network:Network": Network,
    "hcloud:index/networkSubnet:NetworkSubnet": NetworkSubnet,
    "hcloud:index/firewall:Firewall": Firewall,
    "hcloud:index/firewallAttachment:FirewallAttachment": FirewallAttachment,
    "hcloud:index/server:Server": Server,
    "hcloud:index/serverNetwork:ServerNetwork": ServerNetwork,
    "hcloud:index/primaryIp:PrimaryIp": PrimaryIp,
    "hcloud:index/volume:Volume": Volume,
    "hcloud:index/volumeAttachment:VolumeAttachment": VolumeAttachment,
    "hcloud:index/rdns:Rdns": Rdns,
  },
  functions: {
    "hcloud:index/getServerType:getServerType": getServerType,
    "hcloud:index/getServerTypes:getServerTypes": getServerTypes,
    "hcloud:index/getImage:getImage": getImage,
    "hcloud:index/getLocation:getLocation": getLocation,
    "hcloud:index/getLocations:getLocations": getLocations,
    "hcloud:index/getDatacenter:getDatacenter": getDatacenter,
    "hcloud:index/getSshKey:getSshKey": getSshKey,
  },
};
