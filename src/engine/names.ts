/** Names for containers that were given none: an adjective and a bird. */

const adjectives =
  "able agile amber ample apt azure blithe bold brave bright brisk calm candid clear clever coral cosy crisp curious daring dapper deft eager early earnest fair fancy fleet fond frank fresh gentle glad golden grand happy hardy honest humble ivory jade jolly jovial keen kind lively loyal lucid lucky mellow merry mild mint modest neat nimble noble olive patient plucky polite proud quick quiet ready robust ruby serene sharp silver sincere smart snug sober spry steady sunny swift tidy true upbeat vivid warm wise witty zesty";
const birds =
  "albatross auk avocet bittern bluejay bullfinch bunting buzzard canary cassowary chaffinch condor coot cormorant crane crow curlew dipper dove dunlin eagle egret eider falcon finch flamingo fulmar gannet godwit goldcrest goose goshawk grebe grouse gull harrier hawk heron hobby hoopoe ibis jackdaw jay kestrel kingfisher kite kiwi lapwing lark linnet loon macaw magpie mallard martin merlin moorhen nightjar nuthatch oriole osprey owl partridge pelican petrel pheasant pigeon pipit plover puffin quail raven redstart robin rook sandpiper shrike siskin skylark snipe sparrow starling stork swallow swan swift tern thrush toucan turnstone wagtail warbler waxwing wheatear wren";

/** A random name; after some that were taken, with a number to make more of them. */
export function generateName(attempt = 0): string {
  const name = `${pick(adjectives)}_${pick(birds)}`;
  return attempt < 3 ? name : `${name}_${Math.floor(Math.random() * 100_000)}`;
}

function pick(words: string): string {
  const list = words.split(" ");
  return list[Math.floor(Math.random() * list.length)] ?? "";
}
