/** How new layers are stored: as was asked for, or as this machine does best. */
import type { LayerFormat } from "./layer-target.ts";

/** "auto": as images where this kernel can mount them from this file system, else as directories. */
export type LayerFormatChoice = LayerFormat | "auto";

/** The format for layers that are made in `staging`. Images that were asked for by name, and cannot be mounted, are worth a warning. */
export async function usableFormat(
  choice: LayerFormatChoice,
  staging: string,
  onWarning: (message: string) => void = () => undefined,
): Promise<LayerFormat> {
  if (choice === "directory") return choice;
  const { canMountImages } = await import("./erofs-probe.ts");
  if (canMountImages(staging)) return "erofs";
  if (choice === "erofs") {
    onWarning(
      "layers cannot be mounted as images here, by this kernel from this file system: layers are stored as directories",
    );
  }
  return "directory";
}
