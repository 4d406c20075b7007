/** What a pull has to bring: layers with what they must unpack to, for the platform that was asked for. */
import { CurruntError } from "../base/error.ts";
import { parseDigest } from "./digest.ts";
import type { LayerPlan } from "./layer-transfer.ts";
import type { ImageConfig } from "./manifest.ts";
import type { Platform } from "./platform.ts";
import { formatPlatform, hostPlatform, normalize } from "./platform.ts";
import type { ResolvedImage } from "./resolve.ts";
import type { ImageStore } from "./store.ts";

/** An image of another platform than asked for is an error when the user asked, else a warning: it may run emulated. */
export function checkPlatform(
  config: ImageConfig,
  wanted: Platform | undefined,
  onWarning: (message: string) => void,
): Platform {
  const host = hostPlatform();
  // Images of one layer and no metadata leave both out.
  const os = config.os === "" ? host.os : config.os;
  const architecture = config.architecture === "" ? host.architecture : config.architecture;
  const actual = normalize({ os, architecture, variant: config.variant });
  const target = wanted ?? host;
  if (actual.os === target.os && actual.architecture === target.architecture) return actual;
  const fact = `the image is for ${formatPlatform(actual)}`;
  if (wanted !== undefined) {
    throw new CurruntError("not-found", `${fact}, not for ${formatPlatform(wanted)}`, {
      hint: "it has no other platform: leave out -platform, or choose another image",
    });
  }
  onWarning(`${fact}, this machine is ${formatPlatform(host)}`);
  return actual;
}

/** The layers with what they have to unpack to, as far as that is known; bottom first. */
export function planLayers(
  resolved: ResolvedImage,
  config: ImageConfig | undefined,
  store: ImageStore,
): LayerPlan[] {
  if (resolved.kind === "schema1") {
    return resolved.schema1.layers.map((digest) => ({
      descriptor: { mediaType: "", digest, size: -1 },
      diffID: store.diffIDOf(digest),
    }));
  }
  const { layers } = resolved.manifest;
  const diffIDs = config?.rootfs.diff_ids ?? [];
  if (diffIDs.length !== layers.length) {
    throw new CurruntError(
      "invalid",
      `read image config: it lists ${diffIDs.length} layers, the manifest ${layers.length}`,
      { hint: "the image was made by a faulty tool: its publisher has to rebuild it" },
    );
  }
  return layers.map((descriptor, index) => {
    const diffID = diffIDs[index] ?? "";
    parseDigest(diffID);
    return { descriptor, diffID };
  });
}

/** Sizes of the blobs that this store has not unpacked yet, as far as that can be told without the config; -1 where they are not known. */
export function missingSizes(resolved: ResolvedImage, store: ImageStore): number[] {
  if (resolved.kind === "schema1") return [-1];
  const missing = resolved.manifest.layers.filter(({ digest }) => store.diffIDOf(digest) === undefined);
  return missing.map(({ size }) => size);
}
