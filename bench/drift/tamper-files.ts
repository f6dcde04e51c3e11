import { edit, type Tampering } from "./tampering.ts";

/** A package of the same name with an older version and nothing in it, installed over the real one. */
const downgrade = (name: string) => `folder=$(mktemp -d); mkdir -p $folder/p/DEBIAN
printf 'Package: ${name}\\nVersion: 0.1\\nArchitecture: all\\nMaintainer: nobody <n@example.org>\\nDescription: older\\n' > $folder/p/DEBIAN/control
dpkg-deb --build $folder/p $folder/p.deb >/dev/null
dpkg --install --force-downgrade --force-depends $folder/p.deb >/dev/null 2>&1`;

export function files(cluster: string, cache: string): Tampering[] {
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

export function units(cache: string): Tampering[] {
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

export function packages(): Tampering[] {
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
