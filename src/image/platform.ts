/** Platforms ("linux/arm64/v8"): what the host is, what was asked for, and which entry of an index fits best. */
import { CurruntError } from "../base/error.ts";
import type { Descriptor, ImageIndex } from "./manifest.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string | undefined;
}

/** Spellings of `uname -m` and of people, in Go's names, which images use. */
const architectures: Record<string, Partial<Platform> | undefined> = {
  x86_64: { architecture: "amd64" },
  "x86-64": { architecture: "amd64" },
  x64: { architecture: "amd64" },
  aarch64: { architecture: "arm64" },
  armhf: { architecture: "arm", variant: "v7" },
  armel: { architecture: "arm", variant: "v6" },
  i386: { architecture: "386" },
  i686: { architecture: "386" },
  ia32: { architecture: "386" },
};
const ATTESTATION = "vnd.docker.reference.type";
const MAX_NAME = /^[A-Za-z0-9_.-]{1,64}$/;

/** The machine we run on. */
export function hostPlatform(): Platform {
  return normalize({ os: "linux", architecture: process.arch });
}

/** Parses "linux/arm64/v8", "linux/amd64" or just "arm64". Throws "invalid". */
export function parsePlatform(text: string): Platform {
  const parts = text.split("/");
  if (parts.length > 3 || !parts.every((part) => MAX_NAME.test(part))) {
    throw new CurruntError(
      "invalid",
      `parse platform ${JSON.stringify(text)}: not OS/ARCHITECTURE[/VARIANT]`,
      {
        hint: 'write it like "linux/amd64" or "linux/arm/v7"',
      },
    );
  }
  const [first = "", second, variant] = parts.map((part) => part.toLowerCase());
  if (second === undefined) {
    return first === "linux" ? hostPlatform() : normalize({ os: "linux", architecture: first });
  }
  return normalize({ os: first, architecture: second, variant });
}

/** "linux/arm64", "linux/arm/v7". */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** The usual spelling: Go's architecture names; variants that mean the plain architecture are left out. */
export function normalize({ os, architecture, variant }: Platform): Platform {
  const known = architectures[architecture.toLowerCase()];
  const result = { os: os.toLowerCase(), architecture: architecture.toLowerCase(), variant, ...known };
  const plain =
    result.variant === undefined ||
    result.variant === "" ||
    (result.architecture === "arm64" && (result.variant === "v8" || result.variant === "8")) ||
    (result.architecture === "amd64" && result.variant === "v1");
  if (plain) return { os: result.os, architecture: result.architecture };
  const numbered = /^\d+$/.test(result.variant ?? "") ? `v${result.variant}` : result.variant;
  return { os: result.os, architecture: result.architecture, variant: numbered };
}

/** The entry of `index` that runs best on `wanted`. Throws "not-found" with the list of what there is. */
export function choosePlatform(index: ImageIndex, wanted: Platform, subject: string): Descriptor {
  const entries = index.manifests.filter((entry) => !isAttestation(entry));
  let best: { entry: Descriptor; rank: number } | undefined;
  for (const entry of entries) {
    const rank = rankOf(entry, wanted);
    if (rank !== undefined && (best === undefined || rank < best.rank)) best = { entry, rank };
  }
  if (best !== undefined) return best.entry;
  const available = availablePlatforms(index);
  throw new CurruntError(
    "not-found",
    `find ${formatPlatform(wanted)} in ${subject}: it is not among its platforms`,
    {
      hint:
        available.length === 0
          ? "the index names no platform at all: it holds no image"
          : `it has ${available.join(", ")}: choose one with -platform`,
    },
  );
}

/** What an index offers, in its order, without attestations. */
function availablePlatforms(index: ImageIndex): string[] {
  const names = index.manifests.flatMap((entry) => {
    const { platform } = entry;
    if (isAttestation(entry) || platform === undefined || platform === null) return [];
    return platform.architecture === "" ? [] : [formatPlatform(normalize(platform))];
  });
  return [...new Set(names)];
}

/** Provenance documents that build tools put into an index beside the images. */
function isAttestation({ annotations, platform }: Descriptor): boolean {
  return (
    annotations?.[ATTESTATION] !== undefined ||
    (platform?.architecture === "unknown" && platform.os === "unknown")
  );
}

/** 0 is best; undefined does not run there. An entry without a platform fits everything, after all others. */
function rankOf({ platform }: Descriptor, wanted: Platform): number | undefined {
  if (platform === undefined || platform === null || platform.architecture === "") return 100;
  const offer = normalize(platform);
  if (offer.os !== wanted.os || offer.architecture !== wanted.architecture) return undefined;
  const rank = variantsFor(wanted).indexOf(offer.variant ?? "");
  return rank < 0 ? undefined : rank;
}

/** Variants that run on `wanted`, best first; "" is an entry without one. */
function variantsFor({ architecture, variant }: Platform): string[] {
  if (architecture === "arm") {
    // Without a variant the kernel's word is not reliable: the plain entry is the publisher's choice for all.
    if (variant === undefined) return ["", "v7", "v6", "v5"];
    const all = ["v8", "v7", "v6", "v5"];
    const from = all.indexOf(variant);
    return from < 0 ? [variant, ""] : [...all.slice(from), ""];
  }
  if (architecture === "amd64") {
    if (variant === undefined) return ["", "v2", "v3", "v4"];
    const all = ["v4", "v3", "v2"];
    const from = all.indexOf(variant);
    return from < 0 ? [variant, ""] : [...all.slice(from), ""];
  }
  return variant === undefined ? [""] : [variant, ""];
}
