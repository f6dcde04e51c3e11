/** The operating systems the bundles are written for, by the name Hetzner gives their images. */
export const images = ["debian-12", "debian-13", "ubuntu-24.04"] as const;
export type Image = (typeof images)[number];

/** What differs between them and cannot be asked of the server before it exists. */
export interface ImageTraits {
  /** PostgreSQL's major version in the distribution's own repository. */
  postgres: 15 | 16 | 17;
  /** The cache the distribution carries; the same configuration either way. */
  cache: "redis" | "valkey";
  /** The HTTP cache the distribution carries, by the name of its package; Varnish is called Vinyl from its ninth version on. */
  httpCache: "varnish";
  /** nginx knows `http2 on` from 1.25.1; older ones spell it in `listen`. */
  http2Directive: boolean;
  /** PgBouncer keeps prepared statements in transaction mode from 1.21 on. */
  pooledPreparedStatements: boolean;
}

export const traits: Readonly<Record<Image, ImageTraits>> = {
  "debian-12": {
    postgres: 15,
    cache: "redis",
    httpCache: "varnish",
    http2Directive: false,
    pooledPreparedStatements: false,
  },
  "debian-13": {
    postgres: 17,
    cache: "valkey",
    httpCache: "varnish",
    http2Directive: true,
    pooledPreparedStatements: true,
  },
  "ubuntu-24.04": {
    postgres: 16,
    cache: "redis",
    httpCache: "varnish",
    http2Directive: false,
    pooledPreparedStatements: true,
  },
};
