/** Checks a stored layer: its contents by the archive's digest, all else by unpacking that archive once more. */
import { O_RDONLY, S_IFDIR, S_IFMT } from "../../ffi/kernel.ts";
import { explain } from "../base/error.ts";
import { removeTree } from "../sys/directory.ts";
import { openat } from "../sys/file.ts";
import { statat } from "../sys/stat.ts";
import { compareTrees } from "./compare-tree.ts";
import { hasArchive, layerArchive } from "./layer-archive.ts";
import { openLayer } from "./layer-mount.ts";
import type { ImageStore } from "./store.ts";
import { unpackLayer } from "./unpack.ts";

export interface CheckedLayer {
  readonly id: string;
  readonly diffID: string;
  /** IDs of the layers below, bottom first. */
  readonly below: readonly string[];
}

/** What is wrong with the layer, in words; undefined: nothing. `staging`: a path where nothing is. */
export async function checkLayer(
  store: ImageStore,
  { id, diffID, below }: CheckedLayer,
  staging: string,
): Promise<string | undefined> {
  if (!store.hasLayer(id)) return "it is missing";
  if (!hasArchive(store, id)) return "its tar-split is missing: it cannot be saved or checked";
  const isDirectory = formatOf(store.layerPath(id)) === "directory";
  let failure: unknown;
  try {
    const stream = streamOf(layerArchive(store, id, diffID), (error) => {
      failure = error;
    });
    const { implicitDirectories } = await unpackLayer(stream, {
      name: diffID,
      staging,
      format: isDirectory ? "directory" : "erofs",
      lowers: async () => below.map((lower) => store.layerPath(lower)).reverse(),
    });
    using expected = openLayer(staging, "trusted");
    using actual = openLayer(store.layerPath(id), "trusted");
    return compareTrees(expected.path, actual.path, implicitDirectories);
  } catch (error) {
    return explain(failure ?? error);
  } finally {
    removeTree(undefined, staging);
  }
}

function formatOf(path: string): "directory" | "image" {
  using file = openat(undefined, path, O_RDONLY);
  return (statat(file, "").mode & S_IFMT) === S_IFDIR ? "directory" : "image";
}

/** Copies of the pieces: they go to another thread. */
function streamOf(
  pieces: Generator<Uint8Array>,
  onError: (error: unknown) => void,
): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        try {
          const { done, value } = pieces.next();
          if (done === true) controller.close();
          else controller.enqueue(new Uint8Array(value));
        } catch (error) {
          onError(error);
          controller.error(error);
        }
      },
      cancel: () => void pieces.return(undefined),
    },
    { highWaterMark: 0 },
  );
}
