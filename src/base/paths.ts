/** Where everything lies on disk: the data root (kept) and the run root (gone after a reboot). */

/** The two directories that hold all of currunt's state; absolute paths. */
export interface Roots {
  /** Images, layers, containers, the index: /var/lib/currunt. */
  readonly data: string;
  /** Sockets and states of what runs now: /run/currunt. */
  readonly run: string;
}

/** The defaults of root; `-data-root` and `-run-root` or the environment choose others. */
export const defaultRoots: Roots = { data: "/var/lib/currunt", run: "/run/currunt" };

/** The files and directories of a data root. */
export interface DataPaths {
  /** SQLite index of images, layers, containers. */
  readonly database: string;
  /** Manifests and configs by digest: `blobs/sha256/<hex>`. */
  readonly blobs: string;
  /** One overlay directory a layer: `layers/<hex of its ID>`. */
  readonly layers: string;
  /** `tar-split/<hex of a layer's ID>`: with the layer's files, what its archive is made from again. */
  readonly splits: string;
  /** What is being made; an entry is renamed to its place when it is complete, and swept when its maker died. */
  readonly staging: string;
  /** The starts of blobs whose transfer was cut short, for the next pull to go on from: `ingest/<algorithm>-<hex>`. */
  readonly ingest: string;
  /** `containers/<id>`: see {@link ContainerPaths}. */
  readonly containers: string;
  /** Shared by whoever makes a container's directory, until that is locked itself. */
  readonly containersLock: string;
  /** `volumes/<name>`: the directories of anonymous volumes. */
  readonly volumes: string;
}

/** Where a data root keeps what. */
export function dataPaths(roots: Roots): DataPaths {
  return {
    database: `${roots.data}/index.db`,
    blobs: `${roots.data}/blobs/sha256`,
    layers: `${roots.data}/layers`,
    splits: `${roots.data}/tar-split`,
    staging: `${roots.data}/staging`,
    ingest: `${roots.data}/ingest`,
    containers: `${roots.data}/containers`,
    containersLock: `${roots.data}/containers.lock`,
    volumes: `${roots.data}/volumes`,
  };
}

/** The files and directories of one container. */
export interface ContainerPaths {
  /** `containers/<id>`; also has hostname, hosts and resolv.conf, which are bound over the image's. */
  readonly directory: string;
  /** Locked by the container's monitor for all its life. */
  readonly lock: string;
  /** The overlay's changes, kept until the container is removed. */
  readonly upper: string;
  /** The overlay's scratch directory. */
  readonly work: string;
  /** The log in CRI format. */
  readonly log: string;
  /** How it ended, as its monitor wrote it, until that is in the index. */
  readonly exit: string;
  /** `<run root>/<id>`: exists while the container runs. */
  readonly run: string;
  /** What runs: process ID and start time. */
  readonly state: string;
}

/** Where the container `id` keeps what. */
export function containerPaths(roots: Roots, id: string): ContainerPaths {
  const directory = `${roots.data}/containers/${id}`;
  const run = `${roots.run}/${id}`;
  return {
    directory,
    lock: `${directory}/lock`,
    upper: `${directory}/upper`,
    work: `${directory}/work`,
    log: `${directory}/log`,
    exit: `${directory}/exit`,
    run,
    state: `${run}/state.json`,
  };
}
