import { edit, type Tampering } from "./tampering.ts";

export function settings(cluster: string, sql: (text: string) => string): Tampering[] {
  return [
    {
      name: "ALTER SYSTEM",
      service: "postgres",
      script: `${sql("ALTER SYSTEM SET work_mem = '333MB'")}; ${sql("SELECT pg_reload_conf()")} >/dev/null`,
      seen: /^probe /,
    },
    {
      name: "SET in PgBouncer's console",
      service: "pgbouncer",
      script:
        "runuser -u postgres -- psql -qX -h /run/postgresql -p 6432 -U pgbouncer -d pgbouncer -c 'SET default_pool_size = 3'",
      seen: /^probe /,
    },
    {
      name: "a file that was read and then put back",
      service: "postgres",
      script: `cp -a ${cluster}/conf.d/bascule.conf /root/kept; printf 'work_mem = 1GB\\n' >> ${cluster}/conf.d/bascule.conf
${sql("SELECT pg_reload_conf()")} >/dev/null
timeout 20 bash -c 'until [ "$(${sql("SHOW work_mem")})" = 1GB ]; do sleep 0.1; done'; cp /root/kept ${cluster}/conf.d/bascule.conf`,
      seen: /^probe /,
    },
  ];
}

export function filter(): Tampering[] {
  return [
    {
      name: "a rule added to the packet filter",
      service: "firewall",
      script: "nft insert rule inet bascule input tcp dport 9999 accept",
      seen: /^probe /,
    },
    {
      name: "the packet filter let through",
      service: "firewall",
      // Emptied alone it would drop all, and nobody could ask any more.
      script: "nft add chain inet bascule input '{ policy accept; }'; nft flush chain inet bascule input",
      seen: /^probe /,
    },
    { name: "the packet filter gone", service: "firewall", script: "nft delete table inet bascule", seen: /^probe / },
    {
      name: "the rules for the next boot",
      service: "firewall",
      script: edit("/etc/bascule/firewall/rules.nft"),
      seen: /^file \S+rules\.nft content/,
    },
    {
      name: "the distribution's packet filter let loose",
      service: "firewall",
      script: "rm /etc/systemd/system/nftables.service",
      seen: /^link \S+nftables\.service target/,
    },
  ];
}

/** Who comes in. Accounts are nobody's files: hostctl says which one is too many, and a person decides. */
export function access(): Tampering[] {
  const account = (name: string, script: string, undo: string, reason: RegExp): Tampering => ({
    name,
    service: "base",
    needs: "/usr/local/lib/bascule/base/accounts",
    script,
    seen: /^probe accounts/,
    refused: { reason, undo },
  });
  const sshd = "/etc/ssh/sshd_config.d/00-aaa.conf";
  return [
    account("a user", "useradd -M mallory", "userdel mallory", /account mallory/),
    account(
      "a second root",
      "useradd -M -o -u 0 toor",
      "sed -i /^toor:/d /etc/passwd /etc/shadow /etc/group /etc/gshadow",
      /account toor/,
    ),
    account(
      "a member of a group as good as root",
      "gpasswd -a www-data shadow",
      "gpasswd -d www-data shadow",
      /www-data/,
    ),
    {
      name: "a key that may log in",
      service: "access",
      script: `printf 'ssh-ed25519 ${"A".repeat(68)} mallory\n' >> /etc/ssh/authorized_keys/deploy`,
      seen: /^file \/etc\/ssh\/authorized_keys\/deploy content/,
    },
    {
      name: "a key of root's",
      service: "access",
      script: "mkdir -p /root/.ssh; touch /root/.ssh/authorized_keys",
      seen: /^file \/root\/\.ssh\/authorized_keys existence/,
    },
    {
      name: "a fragment for sudo",
      service: "access",
      script: "(umask 227; echo 'www-data ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/zz)",
      seen: /^file \/etc\/sudoers\.d\/zz foreign/,
    },
    {
      name: "a fragment for sshd",
      service: "access",
      // A reload is not waited for, and whoever looks next would find nobody who listens.
      script: `echo 'PermitRootLogin yes' > ${sshd}; systemctl restart ssh`,
      seen: /^file \S+00-aaa\.conf foreign/,
    },
    {
      name: "a job in cron.d",
      service: "base",
      needs: "/usr/local/lib/bascule/base/accounts",
      script: "mkdir -p /etc/cron.d; echo '* * * * * root true' > /etc/cron.d/zz",
      seen: /^file \/etc\/cron\.d\/zz foreign/,
    },
    {
      name: "a crontab of a user",
      service: "base",
      needs: "/usr/local/lib/bascule/base/accounts",
      script: "mkdir -p /var/spool/cron/crontabs; echo '* * * * * true' > /var/spool/cron/crontabs/www-data",
      seen: /^file \/var\/spool\/cron\/crontabs\/www-data foreign/,
    },
    {
      name: "settings of the kernel for the next boot",
      service: "base",
      needs: "/etc/sysctl.d/99-bascule.conf",
      script: edit("/etc/sysctl.d/99-bascule.conf"),
      seen: /^file \S+99-bascule\.conf content/,
    },
    {
      name: "a jail nobody asked for",
      service: "fail2ban",
      script: "printf '[sshd]\\nenabled = false\\n' > /etc/fail2ban/jail.d/zz.conf",
      seen: /^file \S+zz\.conf foreign/,
    },
    {
      name: "a running jail made harmless",
      service: "fail2ban",
      script: "fail2ban-client set sshd maxretry 9999",
      seen: /^probe /,
    },
  ];
}
