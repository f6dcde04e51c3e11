import type { Image } from "../image.ts";

/** A gzipped tar that was uploaded to the server beforehand. */
export interface Upload {
  /** 64 hex digits. */
  sha256: string;
  /** Absolute path on the server. */
  upload: string;
}

/** How the application's migrations reach the database: directly, as a pool gives no session to hold a lock with. */
export interface MigrationsSpec {
  port: number;
  database: string;
  /** Owner of the database. */
  role: string;
  password: string;
  /** An empty database is left alone, as a copy is going to bring what the migrations build on. */
  afterCopy: boolean;
}

export interface AppSpec {
  /** Name of the service, its folder and its units. */
  name: string;
  /** System user it runs as; created when missing, without a shell. */
  user: string;
  /** Immutable: another content is another hash, and another folder beside the last ones. */
  release: Upload;
  /** The Node.js it runs with; `bin/node` in the tar. */
  node: Upload & { version: string };
  /** What keeps the instances running: units of their own, or a PM2 that the release brings along. @default "systemd" */
  runtime?: "systemd" | "pm2";
  /** File in the release that Node runs. */
  entry: string;
  /** One instance each, restarted one after the other. */
  ports: number[];
  /**
   * What one instance takes in ordinary work; one that takes twice as much is ended and started again. Node's heap is kept below it,
   * unless `environment` has a NODE_OPTIONS of its own.
   */
  memoryMiB: number;
  /** Goes into a file only root reads. PORT is set per instance. Changing it restarts the instances. */
  environment: Record<string, string>;
  /** Answers 200 when the instance can serve. */
  healthPath: string;
  /** Runs what the release has in `migrations/` before anything of it is live. @default none are run */
  migrations?: MigrationsSpec;
  image: Image;
}

/** Where things of an application lie on its server. */
export interface AppPlaces {
  home: string;
  release: string;
  /** Link to the release that runs. */
  current: string;
  environment: string;
  node: string;
}
