import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ForwardSpec, openForward } from "../../provisioning/ssh/forward.ts";
import { hostKeyFromSeed } from "../../provisioning/ssh/host-key.ts";
import { seed } from "./specs.ts";

const key = hostKeyFromSeed(seed);
const left = () => readdirSync(tmpdir()).filter((name) => name.startsWith("bascule-forward-"));

describe("forward without a server", () => {
  const state = process.env.XDG_STATE_HOME;
  let folder = "";

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "bascule-state-"));
    process.env.XDG_STATE_HOME = folder;
  });

  after(() => {
    if (state === undefined) delete process.env.XDG_STATE_HOME;
    else process.env.XDG_STATE_HOME = state;
    rmSync(folder, { recursive: true });
  });

  const spec = (localPort: number): ForwardSpec => ({
    host: "127.0.0.1",
    // Nobody listens on port 1.
    port: 1,
    user: "deploy",
    privateKey: key.privateKey,
    hostKey: key.publicKey,
    localPort,
    remotePort: 5432,
  });

  it("says why, what to try, and leaves no key behind", async () => {
    const before = left();
    await assert.rejects(
      openForward(spec(15_938)),
      /^Error: Forward to deploy@127.0.0.1 failed: ssh: connect to host 127.0.0.1 port 1: Connection refused\. Try by hand: ssh -p 1 deploy@127.0.0.1$/,
    );
    assert.deepEqual(left(), before);
  });

  it("does not use a port that another program holds", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    await assert.rejects(
      openForward(spec(port)),
      new Error(
        `Port 127.0.0.1:${port} is taken, and not by a forward of Bascule. See by whom: ss -ltnp 'sport = :${port}'. End it or set another forwardPort.`,
      ),
    );
    server.close();
  });
});
