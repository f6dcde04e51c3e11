import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import type { Bundle } from "../../provisioning/bundle.ts";

/** A server that answers with a word of its configuration, reads it anew on SIGHUP, and keeps the old one where the new is no good. */
const program = `#!/usr/bin/python3
import http.server, json, signal, sys, threading

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(word.encode())
    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

servers = {}

def read():
    global word
    try:
        wanted = json.load(open("/etc/pig.json"))
        for port in wanted["ports"]:
            if port not in servers:
                servers[port] = Server(("", port), Answer)
                threading.Thread(target=servers[port].serve_forever, daemon=True).start()
        word = wanted["word"]
    except Exception as error:
        print("kept the old configuration:", error, file=sys.stderr, flush=True)

# Blocked and waited for: none is lost between two of them.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
while True:
    read()
    signal.sigwait([signal.SIGHUP])
`;

const probe = `import sys, urllib.request
said = urllib.request.urlopen("http://127.0.0.1:8090/", timeout=2).read().decode()
sys.exit(0 if said == sys.argv[1] else f"says {said}, not {sys.argv[1]}")
`;

const unit = `[Unit]
Description=Guinea pig
[Service]
ExecStart=/usr/local/lib/pig/pig.py
ExecReload=/bin/kill -HUP $MAINPID
[Install]
WantedBy=multi-user.target
`;

/** Where hostctl can be made to die: the test touches /tmp/die-POINT, and what hostctl runs there kills it. */
export const points = ["setup", "validate", "prepare", "finish", "probes"] as const;

const deadly = (point: string) => ({
  name: `die at ${point}`,
  argv: ["sh", "-c", `if [ -e /tmp/die-${point} ]; then rm /tmp/die-${point}; kill -9 $PPID; fi`],
});

/** The service every fault is tried on: port 8090 answers with the word. */
export function pig(word: string, other: Partial<Bundle> = {}): Bundle {
  return {
    service: "pig",
    packages: [],
    files: [
      { path: "/usr/local/lib/pig/pig.py", content: program, mode: "0755" },
      { path: "/usr/local/lib/pig/probe.py", content: probe },
      { path: "/etc/pig.json", content: JSON.stringify({ ports: [8090], word }) },
      { path: "/etc/systemd/system/pig.service", content: unit },
    ],
    setup: [deadly("setup")],
    validate: [{ name: "json", argv: ["python3", "-m", "json.tool", "{staged}/etc/pig.json"] }, deadly("validate")],
    prepare: [deadly("prepare")],
    units: [{ name: "pig.service", onChange: "reload", watches: ["/etc/pig.json"] }],
    finish: [deadly("finish")],
    probes: [
      { name: "word", argv: ["python3", "/usr/local/lib/pig/probe.py", word], timeout: 15 },
      { ...deadly("probes"), timeout: 15 },
    ],
    ...other,
  };
}

/** Asks all the time while something is done; `ask` says what is wrong with an answer, if anything. */
export async function watched(ask: () => Promise<string | undefined>, act: () => Promise<unknown>): Promise<void> {
  const failures = new Set<string>();
  let asked = 0;
  let going = true;
  const watch = async () => {
    while (going) {
      asked += 1;
      try {
        const wrong = await ask();
        if (wrong) failures.add(wrong);
      } catch (error) {
        failures.add(String(error));
      }
      await sleep(10);
    }
  };
  const watchers = [watch(), watch(), watch()];
  try {
    await act();
  } finally {
    going = false;
    await Promise.all(watchers);
  }
  assert.ok(asked > 10, `only ${asked} requests`);
  assert.deepEqual([...failures], []);
}
