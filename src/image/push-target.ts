/** Where a push goes, and as whom. */
import { CurruntError } from "../base/error.ts";
import type { Image } from "./image-row.ts";
import type { Reference } from "./reference.ts";
import { parseReference } from "./reference.ts";
import type { ImageStore } from "./store.ts";

/** The place that `destination` names, or the image's own name. */
export function targetOf(name: string, destination: string | undefined, image: Image): Reference {
  const hint = 'name the destination: "currunt push IMAGE HOST/NAME:TAG"';
  if (
    destination === undefined &&
    image.id.startsWith(name.startsWith("sha256:") ? name : `sha256:${name}`)
  ) {
    throw new CurruntError("invalid", `push ${JSON.stringify(name)}: an ID says not where to`, { hint });
  }
  const target = parseReference((destination ?? name).replace(/^docker:\/\//, ""));
  if (target.digest === undefined) return target;
  throw new CurruntError(
    "invalid",
    `push to ${JSON.stringify(destination ?? name)}: a digest cannot be given away`,
    { hint },
  );
}

/** Repositories of the registry that are asked for one blob at most. */
const maximumNeighbours = 3;

/** For each layer of an image, by ID, other repositories of the target's registry from where images came that have it too. */
export function neighboursOf(
  store: ImageStore,
  image: Image,
  { registry, repository }: Reference,
): Map<string, string[]> {
  const repositoriesOf = (layer: string) => {
    const names = store.namesWithLayer(layer).map(parseReference);
    const others = names.filter((name) => name.registry === registry && name.repository !== repository);
    return [...new Set(others.map((name) => name.repository))].slice(0, maximumNeighbours);
  };
  return new Map(image.layers.map((layer) => [layer, repositoriesOf(layer)]));
}
