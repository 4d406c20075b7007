/** Snapshots: layers stacked by overlayfs into one detached mount that no path leads to. */
import { join } from "node:path";
import { CurruntError, wrap } from "../base/error.ts";
import type { Fd } from "../sys/fd.ts";
import { fchmod, fchown, openDirectory } from "../sys/file.ts";
import { changeMount, cloneTree } from "../sys/mount.ts";
import { mountOverlay } from "../sys/overlay.ts";
import { isThere, statat } from "../sys/stat.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";
import type { OpenLayer } from "./layer-mount.ts";
import { openLayer } from "./layer-mount.ts";

export interface SnapshotOptions {
  /** Layers, directories or images, top first; at least one. */
  readonly lowers: readonly string[];
  /** Where changes go, with `work` beside it on the same file system, both existing. Without: read-only. */
  readonly upper?: string | undefined;
  readonly work?: string | undefined;
  /** Never sync: for an upper that is thrown away. After a crash such an upper cannot be mounted again. */
  readonly volatile?: boolean | undefined;
  /** Read-only, upper or not. */
  readonly readonly?: boolean | undefined;
  /** "user" in a user namespace: where overlayfs keeps its attributes. */
  readonly namespace?: OverlayNamespace | undefined;
}

/** OVL_MAX_STACK of the kernel's fs/overlayfs/params.h. */
const maximumLayers = 500;

/**
 * Mounts the overlay detached: it lives as long as the descriptor, or a place that it is moved to. The host's mount table never has it.
 */
export function mountSnapshot(options: SnapshotOptions): Fd {
  const { upper, work, volatile = false, readonly = false, namespace = "trusted" } = options;
  using held = new DisposableStack();
  const layers = effectiveLayers(options.lowers, namespace, held);
  const [top] = layers;
  if (top === undefined) throw new CurruntError("invalid", "mount a snapshot: no layer is given");
  try {
    // overlayfs wants two layers at least.
    if (layers.length === 1 && upper === undefined) return readOnlyTree(top);
    if (upper !== undefined && work !== undefined) prepareUpper(top.path, upper, work);
    return mountOverlay({
      lowers: layers.map(({ path }) => path),
      upper: upper === undefined || work === undefined ? undefined : { directory: upper, work },
      options: overlaySettings({
        mixed: isMixed(layers, upper),
        writable: upper !== undefined,
        volatile,
        namespace,
      }),
      readonly: readonly || upper === undefined,
    });
  } catch (error) {
    throw wrap(error, `mount a snapshot of ${layers.length} layers`);
  }
}

/** The layers that are seen, open: a layer counts where it is topmost, and an opaque root ends the list. */
function effectiveLayers(
  lowers: readonly string[],
  namespace: OverlayNamespace,
  held: DisposableStack,
): OpenLayer[] {
  const result: OpenLayer[] = [];
  // overlayfs refuses a directory that is given twice. The lower one could not be seen anyway: all it has, the upper one has too.
  for (const path of new Set(lowers)) {
    if (result.length === maximumLayers) throw tooMany(lowers.length);
    const layer = held.use(openLayer(path, namespace));
    result.push(layer);
    // overlayfs merges the layers' roots whatever their attributes say.
    if (layer.opaque) break;
  }
  return result;
}

function tooMany(count: number): CurruntError {
  return new CurruntError("unsupported", `mount ${count} layers: overlayfs takes ${maximumLayers} at most`, {
    hint: "squash some layers of the image into one",
  });
}

/** The upper's own mode and owner are those of the snapshot's root: when it is new, they are the top layer's. */
function prepareUpper(top: string, upper: string, work: string): void {
  // overlayfs makes a directory there when it is mounted; what the container did to its root since is its own.
  if (isThere(undefined, join(work, "work"))) return;
  using source = openDirectory(top);
  using directory = openDirectory(upper);
  const { uid, gid, mode } = statat(source, "");
  fchown(directory, uid, gid);
  fchmod(directory, mode & 0o7777);
}

/** A layer as it is, by a mount of its own. */
function readOnlyTree({ path }: OpenLayer): Fd {
  const tree = cloneTree(path);
  changeMount(tree, { set: ["ro"] });
  return tree;
}

/** Whether files of several file systems come together. */
function isMixed(layers: readonly OpenLayer[], upper: string | undefined): boolean {
  const devices = new Set(layers.map(({ device }) => device));
  if (upper !== undefined) devices.add(statat(undefined, upper).device);
  return devices.size > 1;
}

function overlaySettings(options: {
  readonly mixed: boolean;
  readonly writable: boolean;
  readonly volatile: boolean;
  readonly namespace: OverlayNamespace;
}): [string, string?][] {
  const { mixed, writable, volatile, namespace } = options;
  const settings: [string, string?][] = [];
  // Else each file is on a device of its own layer: "du -x", "find -xdev" and "cp -x" would pass it over.
  if (mixed) settings.push(["xino", "on"]);
  if (namespace === "user") settings.push(["userxattr"]);
  if (!writable) return settings;
  // An index ties an upper to its lowers for good; ours are mounted again after the image was pulled anew.
  settings.push(["index", "off"]);
  // Without it, renaming a directory of a lower layer fails (EXDEV), which package managers do. Needs trusted attributes.
  if (namespace === "trusted") settings.push(["redirect_dir", "on"]);
  if (volatile) settings.push(["volatile"]);
  return settings;
}
