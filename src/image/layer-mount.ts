/** Layers as overlayfs takes them: directories by their path, images as mounts of their own that are attached nowhere. */
import { O_RDONLY, S_IFDIR, S_IFMT } from "../../ffi/kernel.ts";
import { CurruntError } from "../base/error.ts";
import { SyscallError } from "../sys/error.ts";
import type { Fd } from "../sys/fd.ts";
import { openat } from "../sys/file.ts";
import { makeFilesystem } from "../sys/mount.ts";
import { statat } from "../sys/stat.ts";
import { fgetxattr, getxattrat } from "../sys/xattr.ts";
import type { OverlayNamespace } from "./layer-attribute.ts";

/** The root of a layer. */
export interface OpenLayer extends Disposable {
  /** Leads to the root until this is disposed of; a mount that uses it stays. */
  readonly path: string;
  /** Whether it hides all layers below. */
  readonly opaque: boolean;
  /** The file system that it is on: an image is one of its own. */
  readonly device: string;
}

/** Opens the layer at `path`, a directory or an image, whichever it is. */
export function openLayer(path: string, namespace: OverlayNamespace): OpenLayer {
  using file = openat(undefined, path, O_RDONLY);
  const opaque = `${namespace}.overlay.opaque`;
  const { mode, device } = statat(file, "");
  if ((mode & S_IFMT) === S_IFDIR) {
    return {
      path,
      device,
      opaque: fgetxattr(file, opaque)?.toString() === "y",
      [Symbol.dispose]: () => undefined,
    };
  }
  const mount = mountImage(file);
  return {
    path: pathOf(mount),
    device: statat(mount, "").device,
    opaque: getxattrat(mount, ".", opaque)?.toString() === "y",
    [Symbol.dispose]: () => mount.close(),
  };
}

/** The kernel's numbers for "no such file system" and "block device required": it knows no EROFS, or none in files. */
const [ENODEV, ENOTBLK] = [19, 15];

/** Mounts an EROFS image from its file, read-only and without a loop device; nobody sees it. */
function mountImage(file: Fd): Fd {
  try {
    return makeFilesystem("erofs", [["source", pathOf(file)]], ["ro"]);
  } catch (error) {
    if (!(error instanceof SyscallError) || ![ENODEV, ENOTBLK].includes(error.errno)) throw error;
    throw new CurruntError("unsupported", "this kernel cannot mount layers that are stored as images", {
      hint: "run a kernel with EROFS in files (Linux 6.12), or remove the image and pull it again",
      cause: error,
    });
  }
}

function pathOf(file: Fd): string {
  return `/proc/self/fd/${file.number}`;
}
