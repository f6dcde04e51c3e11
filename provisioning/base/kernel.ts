/**
 * The kernel's settings of every server: the hardening of dev-sec's Linux baseline as far as it applies to a server that routes
 * nothing, and what the services ask for. Where /proc/sys is read-only, as in a container, they belong to the machine below.
 */
export const kernelSettings: Readonly<Record<string, number | string>> = {
  // No dump of a process may lie about: it holds passwords.
  "fs.suid_dumpable": 0,
  "kernel.core_pattern": "|/bin/false",
  // Addresses of the kernel, its log and other users' processes are nobody's business.
  "kernel.dmesg_restrict": 1,
  "kernel.kptr_restrict": 2,
  "kernel.perf_event_paranoid": 3,
  "kernel.randomize_va_space": 2,
  "kernel.sysrq": 0,
  "kernel.unprivileged_bpf_disabled": 1,
  "kernel.yama.ptrace_scope": 1,
  "net.core.bpf_jit_harden": 2,
  // Drivers of terminals nobody has; any account could have the kernel load them.
  "dev.tty.ldisc_autoload": 0,
  // Tricks with files in directories everybody may write to.
  "fs.protected_fifos": 2,
  "fs.protected_hardlinks": 1,
  "fs.protected_regular": 2,
  "fs.protected_symlinks": 1,
  // It is no router, and takes no advice on routes.
  "net.ipv4.conf.all.accept_redirects": 0,
  "net.ipv4.conf.all.accept_source_route": 0,
  "net.ipv4.conf.all.log_martians": 1,
  "net.ipv4.conf.all.rp_filter": 1,
  "net.ipv4.conf.all.secure_redirects": 0,
  "net.ipv4.conf.all.send_redirects": 0,
  "net.ipv4.conf.default.accept_redirects": 0,
  "net.ipv4.conf.default.accept_source_route": 0,
  "net.ipv4.conf.default.log_martians": 1,
  "net.ipv4.conf.default.rp_filter": 1,
  "net.ipv4.conf.default.secure_redirects": 0,
  "net.ipv4.conf.default.send_redirects": 0,
  "net.ipv4.icmp_echo_ignore_broadcasts": 1,
  "net.ipv4.icmp_ignore_bogus_error_responses": 1,
  "net.ipv4.tcp_rfc1337": 1,
  "net.ipv4.tcp_syncookies": 1,
  "net.ipv6.conf.all.accept_redirects": 0,
  "net.ipv6.conf.all.accept_source_route": 0,
  "net.ipv6.conf.default.accept_redirects": 0,
  "net.ipv6.conf.default.accept_source_route": 0,
  // Ten thousand clients, who come at once and leave at once.
  "fs.file-max": 1_048_576,
  "net.core.somaxconn": 4096,
  "net.ipv4.ip_local_port_range": "16384 60999",
  "net.ipv4.tcp_max_syn_backlog": 8192,
  // The cache forks to write to disk and fails where the kernel counts its memory twice.
  "vm.overcommit_memory": 1,
  // Swap is for pages nobody uses, not for the database's.
  "vm.swappiness": 10,
};

/** Drivers a server of ours never needs; each had holes that any account could use by opening a socket or mounting a file. */
const unused = [
  "cramfs",
  "dccp",
  "firewire-core",
  "freevxfs",
  "hfs",
  "hfsplus",
  "jffs2",
  "rds",
  "sctp",
  "tipc",
  "udf",
  "usb-storage",
];

/** `install` and not only `blacklist`, which still lets the kernel load them when somebody asks. */
export function kernelModules(): string {
  return unused.map((name) => `blacklist ${name}\ninstall ${name} /bin/false\n`).join("");
}
