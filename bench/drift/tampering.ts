import { type Image, traits } from "../../provisioning/image.ts";

/** One thing somebody did to a server behind hostctl's back. */
export interface Tampering {
  name: string;
  /** Whose drift it must be. */
  service: string;
  /** Without this on the server there is nothing to tamper with. */
  needs?: string;
  /** As root, in bash. */
  script: string;
  /** Matches `kind name what` of a difference that names it; anything else that is found beside it does not count. */
  seen: RegExp;
  /** Why nothing but a person puts it right, and how to undo it here; absent where hostctl repairs it. */
  refused?: { reason: RegExp; undo: string };
}

/** A package of the same name with an older version and nothing in it, installed over the real one. */
const downgrade = (name: string) => `folder=$(mktemp -d); mkdir -p $folder/p/DEBIAN
printf 'Package: ${name}\\nVersion: 0.1\\nArchitecture: all\\nMaintainer: nobody <n@example.org>\\nDescription: older\\n' > $folder/p/DEBIAN/control
dpkg-deb --build $folder/p $folder/p.deb >/dev/null
dpkg --install --force-downgrade --force-depends $folder/p.deb >/dev/null 2>&1`;

const edit = (path: string) => `printf '# by hand\\n' >> ${path}`;

/** On any server with the bundles of a single VPS, whose application is called `shop`. */
export function tamperings(image: Image): Tampering[] {
  const { postgres, cache } = traits[image];
  const cluster = `/etc/postgresql/${postgres}/main`;
  const sql = (text: string) => `runuser -u postgres -- psql -qXAt -c "${text}"`;
  return [
    ...files(cluster, cache),
    ...units(cache),
    ...packages(),
    ...settings(cluster, sql),
    ...filter(),
    ...access(),
  ];
}

function files(cluster: string, cache: string): Tampering[] {
  const nginx = "/etc/nginx/nginx.conf";
  return [
    { name: "content of a file", service: "nginx", script: edit(nginx), seen: /^file \S+nginx\.conf content/ },
    { name: "mode of a file", service: "nginx", script: `chmod 0666 ${nginx}`, seen: /^file \S+nginx\.conf mode/ },
    {
      name: "owner of a file",
      service: "nginx",
      script: `chown www-data ${nginx}`,
      seen: /^file \S+nginx\.conf owner/,
    },
    {
      name: "group of a file with secrets",
      service: "redis",
      script: `chgrp root /etc/${cache}/${cache}.conf`,
      seen: /^file \S+\.conf group/,
    },
    {
      name: "a file deleted",
      service: "pgbouncer",
      script: "rm /etc/pgbouncer/pgbouncer.ini",
      seen: /^file \S+pgbouncer\.ini existence/,
    },
    {
      name: "a file replaced by a link",
      service: "nginx",
      script: "mv /etc/logrotate.d/nginx /root/nginx && ln -s /root/nginx /etc/logrotate.d/nginx",
      seen: /^file \/etc\/logrotate\.d\/nginx existence/,
    },
    {
      name: "a file that must not be there",
      service: "nginx",
      script: "mkdir -p /etc/nginx/sites-enabled; touch /etc/nginx/sites-enabled/default",
      seen: /^file \S+sites-enabled\/default existence/,
    },
    {
      name: "a foreign file in a folder that is ours alone",
      service: "postgres",
      script: `echo "work_mem = '1GB'" > ${cluster}/conf.d/zz.conf`,
      seen: /^file \S+zz\.conf foreign/,
    },
    {
      name: "who may log in to the database",
      service: "postgres",
      script: `printf 'host all all 0.0.0.0/0 trust\\n' >> ${cluster}/pg_hba.conf`,
      seen: /^file \S+pg_hba\.conf content/,
    },
    {
      name: "a probe made blind",
      service: "nginx",
      script: "printf '#!/bin/sh\\nexit 0\\n' > /usr/local/lib/bascule/nginx/probe",
      seen: /^file \S+nginx\/probe content/,
    },
    {
      name: "the environment of the application",
      service: "app-shop",
      script: "printf 'DEBUG=\"1\"\\n' >> /etc/bascule/app/shop.env",
      seen: /^file \S+shop\.env content/,
    },
    {
      name: "the link to the current release",
      service: "app-shop",
      script: "ln -sfn /srv /srv/shop/current",
      seen: /^link \/srv\/shop\/current target/,
    },
    {
      name: "a file of an unpacked release",
      service: "app-shop",
      script: "file=$(find -L /srv/shop/current -type f -name '*.*js' | head -1); printf '\\n' >> \"$file\"",
      seen: /^archive \/srv\/shop\/releases\/\S+ tree/,
    },
    {
      name: "hostctl itself",
      service: "hostctl",
      // As long as before, so that it still runs: a worse edit is an answer that fails, which is no "clean" either.
      script: "LC_ALL=C sed -i '1s/ -I$/ -E/' /usr/local/sbin/hostctl",
      seen: /^file \/usr\/local\/sbin\/hostctl content/,
    },
  ];
}

function units(cache: string): Tampering[] {
  const dropIn = (folder: string) =>
    `mkdir -p ${folder} && printf '[Service]\\nLimitNOFILE=64\\n' > ${folder}/zz.conf && systemctl daemon-reload`;
  return [
    {
      name: "a unit stopped",
      service: "pgbouncer",
      script: "systemctl stop pgbouncer",
      seen: /^unit pgbouncer\S* state/,
    },
    { name: "a unit disabled", service: "nginx", script: "systemctl disable -q nginx", seen: /^unit nginx\S* start/ },
    {
      name: "a unit masked",
      service: "redis",
      script: `systemctl mask -q --now ${cache}-server`,
      seen: /^unit \S+-server\S* load/,
    },
    {
      name: "one instance of the application stopped",
      service: "app-shop",
      script: "systemctl stop $(systemctl list-units --plain --no-legend 'shop@*' | awk 'NR==1 {print $1}')",
      seen: /^unit shop@\S+ state/,
    },
    {
      name: "a drop-in beside ours",
      service: "nginx",
      script: dropIn("/etc/systemd/system/nginx.service.d"),
      seen: /^file \S+nginx\.service\.d\/zz\.conf foreign/,
    },
    {
      name: "a drop-in until the next boot",
      service: "pgbouncer",
      script: dropIn("/run/systemd/system/pgbouncer.service.d"),
      seen: /^file \S+pgbouncer\.service\.d\/zz\.conf foreign/,
    },
    {
      name: "a unit file of ours",
      service: "app-shop",
      script:
        "sed -i 's/^ProtectSystem=.*/ProtectSystem=no/' /etc/systemd/system/shop@.service; systemctl daemon-reload",
      seen: /^file \S+shop@\.service content/,
    },
    {
      name: "the sandbox of a service of the distribution",
      service: "pgbouncer",
      script: "rm /etc/systemd/system/pgbouncer.service.d/bascule.conf; systemctl daemon-reload",
      seen: /^file \S+bascule\.conf existence/,
    },
    {
      name: "the host's own look at itself",
      service: "hostctl",
      script: "systemctl disable -q --now bascule-check.timer",
      seen: /^unit bascule-check\.timer state/,
    },
  ];
}

function packages(): Tampering[] {
  return [
    {
      name: "a package removed",
      service: "nginx",
      script: "dpkg --remove --force-depends logrotate >/dev/null 2>&1",
      seen: /^package logrotate state/,
    },
    {
      name: "a package downgraded",
      service: "nginx",
      script: downgrade("logrotate"),
      seen: /^package logrotate version/,
    },
  ];
}

/** Settings of running services that no file shows. */
function settings(cluster: string, sql: (text: string) => string): Tampering[] {
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
${sql("SELECT pg_reload_conf()")} >/dev/null; sleep 0.5; cp /root/kept ${cluster}/conf.d/bascule.conf`,
      seen: /^probe /,
    },
  ];
}

function filter(): Tampering[] {
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
function access(): Tampering[] {
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
      script: `echo 'PermitRootLogin yes' > ${sshd}; systemctl reload ssh`,
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
