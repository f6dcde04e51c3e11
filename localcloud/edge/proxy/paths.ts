/** Where the proxy's files lie in its container. */
export const PATHS = {
  config: "/etc/haproxy/haproxy.cfg",
  steering: "/etc/haproxy/steering.lua",
  routes: "/etc/haproxy/routes.lua",
  certificates: "/etc/haproxy/certificates.list",
  certificateFolder: "/etc/haproxy/certificates",
  roots: "/etc/haproxy/roots.pem",
  errors: "/etc/haproxy/errors",
  serverStates: "/var/lib/haproxy/server-states",
} as const;

/** Loopback ports of the container: the runtime commands, and the commands of the master process. */
export const PORTS = { runtime: 9900, master: 9901 } as const;
