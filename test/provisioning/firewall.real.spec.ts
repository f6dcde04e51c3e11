import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bundle } from "../../provisioning/bundle.ts";
import { cloudflareRanges } from "../../provisioning/cloudflare-ranges.ts";
import { renderFirewall } from "../../provisioning/firewall/render.ts";
import { type Admission, openings } from "../../provisioning/firewall/rules.ts";
import { renderHostctl } from "../../provisioning/hostctl/render.ts";
import { listen, manyPorts, scan, servicePorts } from "./scan.ts";
import { startServer, type TestServer } from "./server.ts";
import { admission } from "./specs.ts";

const images = ["debian-13", "debian-12"] as const;

/** This machine, as a server sees it: the gateway of the server's own /29. */
function operatorOf({ address }: TestServer): string {
  return address.replace(/\d+$/, (last) => `${Number(last) - 1}/32`);
}

/** A second interface of the server that speaks IPv6, and a network on its other end. */
const ipv6Neighbour = `
unshare --mount sh -c 'mount -t proc proc /mnt && echo 0 >/mnt/sys/net/ipv6/conf/all/disable_ipv6 && echo 0 >/mnt/sys/net/ipv6/conf/default/disable_ipv6'
ip netns add outside
ip link add inner type veth peer name outer netns outside
ip addr add fd00:77::1/64 dev inner nodad
ip link set inner up
nsenter --net=/run/netns/outside ip addr add fd00:77::2/64 dev outer nodad
nsenter --net=/run/netns/outside ip link set outer up
`;

/** A question for a name to the container engine's own name server; any answer will do. */
const askNameServer = `python3 -c '
import socket
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(5)
asker.sendto(bytes.fromhex("000701000001000000000000") + b"\\x04test\\x00\\x00\\x01\\x00\\x01", ("127.0.0.11", 53))
print(asker.recv(512)[:2].hex())'`;

/** Returns when the server is up again; what lies in /run does not outlive a boot. */
async function reboot(server: TestServer): Promise<void> {
  await server.asRoot("touch /run/before-reboot; systemctl reboot").catch(() => undefined);
  const end = Date.now() + 60_000;
  for (;;) {
    try {
      await server.asRoot("test ! -e /run/before-reboot; systemctl is-active --quiet multi-user.target");
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(500);
    }
  }
}

describe("firewall: the server's own packet filter", function () {
  this.timeout(120_000);
  let neighbour: TestServer;

  before(async () => {
    neighbour = await startServer({ id: 2 });
  });

  after(() => neighbour?.remove());

  for (const image of images) {
    describe(image, () => {
      let server: TestServer;
      const bundle = (changes: Partial<Admission> = {}): Bundle =>
        renderFirewall({
          image,
          openings: openings({ ...admission, adminCidrs: [operatorOf(server)], ...changes }),
        });
      const settled = async (wanted: Bundle) => {
        // What takes it back unless it is confirmed is looked at on its own.
        const { code, body } = await server.apply({ ...wanted, guardSeconds: undefined });
        assert.equal(code, 0, JSON.stringify(body));
      };
      const probe = () => server.asRoot("/usr/local/lib/bascule/firewall/probe");

      /** Rules for an operator who works from somewhere else: nobody can log in to confirm them. */
      const lockOut = async () => {
        const { code, body } = await server.apply({
          ...bundle({ adminCidrs: ["192.0.2.7/32"] }),
          guardSeconds: 10,
        });
        assert.deepEqual([code, body.result, body.confirm], [0, "changed", "needed"], JSON.stringify(body));
        await assert.rejects(server.hostctl("facts"), /timed out/);
      };
      const untilIn = async () => {
        for (const end = Date.now() + 60_000; ; await sleep(500)) {
          try {
            return await server.hostctl("facts");
          } catch (error) {
            if (Date.now() > end) throw error;
          }
        }
      };

      before(async () => {
        server = await startServer({ image });
        const { code, body } = await server.apply(renderHostctl());
        assert.equal(code, 0, JSON.stringify(body));
        const busy = servicePorts.filter((port) => port !== 22);
        await listen(server, ["0.0.0.0"], busy);
        await server.asRoot(ipv6Neighbour);
        await listen(server, ["fd00:77::1"], [...busy, 10_000]);
      });

      after(() => server?.remove());

      it("is needed: without it a neighbour reaches all that listens", async () => {
        assert.deepEqual(await scan(neighbour, server.address, servicePorts), servicePorts);
      });

      it("is taken back when its very first rules lock the operator out", async () => {
        await lockOut();
        await untilIn();
        assert.doesNotMatch(await server.asRoot("nft list tables"), /bascule/);
        assert.deepEqual(await scan(neighbour, server.address, servicePorts), servicePorts);
      });

      it("lets a neighbour come to the public ports and to nothing else, whatever listens", async () => {
        await settled(bundle());
        assert.deepEqual(await scan(neighbour, server.address, manyPorts), [80, 443]);
      });

      it("does the same over IPv6, where neighbours still find each other", async () => {
        const within = "nsenter --net=/run/netns/outside";
        assert.deepEqual(await scan(server, "fd00:77::1", servicePorts, within), [80, 443]);
      });

      it("tells nobody but root what the metadata service knows", async () => {
        await server.asRoot("ip addr add 169.254.169.254/32 dev lo");
        const ask = "curl -sS --max-time 3 -o /dev/null telnet://169.254.169.254:80 </dev/null";
        await server.asRoot(ask);
        assert.match(await server.asRoot(`runuser -u nobody -- ${ask} 2>&1 || true`), /Failed|Couldn't connect/i);
      });

      it("leaves name service of the container engine and the tables of others alone", async () => {
        await server.asRoot("nft add table inet f2b-table; systemctl reload bascule-firewall.service");
        assert.match(await server.asRoot("nft list tables"), /table inet f2b-table/);
        assert.equal(await server.asRoot(askNameServer), "0007");
      });

      it("tells a rule by hand, a rule that is gone and a table that is gone from what was loaded", async () => {
        const table = "inet bascule";
        const opened = `nft insert rule ${table} input tcp dport 9999 accept`;
        const shut = `nft flush chain ${table} input`;
        for (const tampering of [opened, shut, `nft delete table ${table}`]) {
          await server.asRoot(tampering);
          await assert.rejects(probe(), /Command failed/, tampering);
          await server.asRoot("systemctl reload bascule-firewall.service");
          await probe();
        }
      });

      it("counts what comes in without taking that for a change", async () => {
        await scan(neighbour, server.address, servicePorts);
        assert.match(
          await server.asRoot("nft list chain inet bascule input"),
          /dport \{ 80, 443 \} counter packets [1-9]/,
        );
        await probe();
      });

      it("puts other rules in force where the settings say so", async () => {
        const { ipv4 } = cloudflareRanges;
        await settled(bundle({ publicFrom: "cloudflare" }));
        assert.deepEqual(await scan(neighbour, server.address, servicePorts), []);
        assert.match(await server.asRoot("nft list set inet bascule web4"), new RegExp(ipv4[0].replaceAll(".", "\\.")));
        await settled(bundle({ privatePorts: [5432], privateCidr: `${neighbour.address}/32` }));
        assert.deepEqual(await scan(neighbour, server.address, servicePorts), [80, 443, 5432]);
        await settled(bundle());
        assert.deepEqual(await scan(neighbour, server.address, servicePorts), [80, 443]);
      });

      it("is put back as it was when later rules lock the operator out", async () => {
        const before = await server.asRoot("nft --stateless list table inet bascule");
        await lockOut();
        await untilIn();
        assert.equal(await server.asRoot("nft --stateless list table inet bascule"), before);
        await probe();
      });

      it("is in force again after a reboot", async () => {
        await reboot(server);
        await probe();
        await listen(
          server,
          ["0.0.0.0"],
          servicePorts.filter((port) => port !== 22),
        );
        assert.deepEqual(await scan(neighbour, server.address, servicePorts), [80, 443]);
        assert.equal(await server.asRoot(askNameServer), "0007");
      });

      it("runs sandboxed", async () => {
        const score = await server.asRoot("systemd-analyze security --no-pager bascule-firewall.service | tail -1");
        assert.ok(Number(/level for \S+: ([\d.]+)/.exec(score)?.[1]) <= 3, score);
      });

      it("cannot be opened by the unit of the package", async () => {
        await assert.rejects(server.asRoot("systemctl start nftables.service"), /masked/);
      });
    });
  }
});
