/** What `images -filter` and `image prune -filter` choose by. */
import { familiarName, familiarReference, nameOf, parseReference } from "../image/reference.ts";
import type { ImageFilter, ImageSummary } from "./image-options.ts";

/** The images that `filters` choose, in the same order; of an image that is asked for by name, the names that were. */
export function filterImages(
  images: readonly ImageSummary[],
  filters: readonly ImageFilter[],
  createdAt: (image: string) => number,
): ImageSummary[] {
  const patterns = filters.flatMap((filter) => (filter.kind === "reference" ? [filter.pattern] : []));
  const tests = filters.map((filter) => testOf(filter, createdAt));
  return images
    .filter((image) => tests.every((test) => test(image)))
    .flatMap((image) => (patterns.length === 0 ? [image] : namedBy(image, patterns)));
}

function testOf(filter: ImageFilter, createdAt: (image: string) => number): (image: ImageSummary) => boolean {
  switch (filter.kind) {
    case "reference":
      return () => true;
    case "dangling":
      return ({ references }) => (references.length === 0) === filter.value;
    case "label":
      return ({ labels }) => hasLabel(labels, filter) === filter.present;
    default: {
      const limit = typeof filter.than === "number" ? filter.than : createdAt(filter.than);
      return filter.kind === "before"
        ? (image) => image.createdAt < limit
        : (image) => image.createdAt > limit;
    }
  }
}

/** Also of containers. */
export function hasLabel(
  labels: Readonly<Record<string, string>>,
  { name, value }: { readonly name: string; readonly value: string | undefined },
): boolean {
  return Object.hasOwn(labels, name) && (value === undefined || labels[name] === value);
}

function namedBy(image: ImageSummary, patterns: readonly string[]): ImageSummary[] {
  const chosen = image.references
    .map((name, index) => ({ name, digest: image.referenceDigests[index] ?? "" }))
    .filter(({ name }) => patterns.some((pattern) => matches(name, pattern)));
  if (chosen.length === 0) return [];
  const references = chosen.map(({ name }) => name);
  return [{ ...image, references, referenceDigests: chosen.map(({ digest }) => digest) }];
}

/** By whole or short form, with or without the tag; the name of an image matches itself. */
function matches(name: string, pattern: string): boolean {
  const reference = parseReference(name);
  const glob = new Bun.Glob(pattern);
  const forms = [name, nameOf(reference), familiarReference(reference), familiarName(reference)];
  return forms.some((form) => form === pattern || glob.match(form));
}
