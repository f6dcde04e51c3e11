import type { CoreAddresses } from "../../instance.ts";

const HOME = "/etc/pebble";
const DIRECTORY_PORT = 14000;
/** The management port gives away the root's private key, so it is open to nobody but the container itself. */
const MANAGEMENT_PORT = 15000;

export const DIRECTORY_CA = `${HOME}/ca.pem`;

export function directoryUrl(core: CoreAddresses): string {
  return `https://${core.acme}:${DIRECTORY_PORT}/dir`;
}

export function renderPebbleConfig(): string {
  const pebble = {
    listenAddress: `0.0.0.0:${DIRECTORY_PORT}`,
    managementListenAddress: `127.0.0.1:${MANAGEMENT_PORT}`,
    certificate: `${HOME}/directory.pem`,
    privateKey: `${HOME}/directory.key`,
    httpPort: 80,
    tlsPort: 443,
    ocspResponderURL: "",
    externalAccountBindingRequired: false,
    domainBlocklist: [],
    retryAfter: { authz: 1, order: 1 },
    profiles: { default: { description: "90 days, as Let's Encrypt gives", validityPeriod: 90 * 24 * 3600 } },
  };
  return `${JSON.stringify({ pebble }, null, 2)}\n`;
}

/** Path of the file with which a client verifies the directory; the root of the certificates is asked for by this command. */
export const ROOT_COMMAND = [
  "curl",
  "--silent",
  "--fail",
  "--cacert",
  DIRECTORY_CA,
  `https://127.0.0.1:${MANAGEMENT_PORT}/roots/0`,
];

/** Makes the authority of the directory's own TLS on the first start and becomes the server. */
export function renderAcmeStart(core: CoreAddresses): string {
  const curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
  return `#!/bin/bash
set -euo pipefail
cd ${HOME}
if [ ! -s directory.pem ]; then
  umask 077
  openssl req -x509 ${curve} -days 3650 -subj "/CN=local cloud ACME directory" -keyout ca.key -out ca.new \\
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign" 2>/dev/null
  openssl req ${curve} -subj "/CN=${core.acme}" -keyout directory.key -out directory.csr 2>/dev/null
  printf 'subjectAltName=IP:${core.acme},IP:127.0.0.1,DNS:localhost\\nextendedKeyUsage=serverAuth\\n' > directory.ext
  openssl x509 -req -in directory.csr -CA ca.new -CAkey ca.key -CAcreateserial -days 3650 -extfile directory.ext \\
    -out directory.new 2>/dev/null
  # The authority signs once and never again; nobody has to keep its key.
  rm -f ca.key
  mv ca.new ca.pem
  mv directory.new directory.pem
fi
export PEBBLE_VA_NOSLEEP=1 PEBBLE_WFE_NONCEREJECT=0 PEBBLE_AUTHZREUSE=100
exec pebble -config ${HOME}/pebble.json -dnsserver ${core.dns}:53
`;
}
