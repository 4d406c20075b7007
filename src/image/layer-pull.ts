/** The layers of one pull: fetched, checked and unpacked side by side, each in its place as soon as it is complete. */
import { renameSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { CurruntError } from "../base/error.ts";
import { whenUnlocked } from "../sys/blocking.ts";
import { removeTree } from "../sys/directory.ts";
import type { UnpackedLayer } from "./apply.ts";
import { DigestError } from "./digest.ts";
import { confirmLayer, forgetLayer, noteLayer } from "./kept-layer.ts";
import { completedLayerID, dependsOnLowers } from "./layer-id.ts";
import { layerSize } from "./layer-size.ts";
import type { LayerPlan, LayerPullContext } from "./layer-transfer.ts";
import { splitOf, transferLayer } from "./layer-transfer.ts";
import { dropPartial, PartialBlob } from "./partial.ts";
import { KeyLock, tryKeyLock } from "./staging.ts";
import type { StoredLayer } from "./store.ts";

/** Work that a power cut may cost. */
const UNSECURED_MS = 3_000;

/** Layers that may wait for those below beside those in work: each keeps its tree in memory. Most images have none. */
const WAITING_LAYERS = 1;

/** Registries and lines gain little from more. */
const PARALLEL_LAYERS = Math.min(6, Math.max(3, availableParallelism()));

/**
 * Brings all layers into their places. Rejects with the first failure once all work has stopped; layers that were
 * complete by then stay for the next pull, or where that would fail too for the next garbage collection.
 */
export async function pullLayers(
  plans: readonly LayerPlan[],
  context: LayerPullContext,
): Promise<{ stored: StoredLayer[]; transferredBytes: number }> {
  const stop = new AbortController();
  const signal = context.signal === undefined ? stop.signal : AbortSignal.any([context.signal, stop.signal]);
  const pull = new LayerPull(plans, { ...context, signal });
  const failures: unknown[] = [];
  const results = await Promise.allSettled(
    pull.start().map((task) =>
      task.catch((error: unknown) => {
        failures.push(error);
        stop.abort(error);
        throw error;
      }),
    ),
  );
  if (failures.length > 0) {
    // The first one is the cause; the others were stopped because of it.
    const [cause] = failures;
    if (!isInterruption(cause, context.signal)) pull.forget();
    throw cause;
  }
  const stored = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  return { stored, transferredBytes: pull.transferredBytes };
}

class LayerPull {
  readonly #plans: readonly LayerPlan[];
  readonly #context: LayerPullContext;
  readonly #placed = new Map<string, Promise<StoredLayer>>();
  readonly #queue: (() => void)[] = [];
  #running = 0;
  #waiting = 0;
  /** Layers by index, with their locks, that wait for those below them. */
  readonly #waitsBelow = new Map<number, KeyLock>();
  /** Layers that wait for another process. */
  readonly #waitsElsewhere = new Set<number>();
  readonly #noted: string[] = [];
  /** In their places, perhaps not on the disk. */
  readonly #unsecured: string[] = [];
  #securedAt = performance.now();
  transferredBytes = 0;

  constructor(plans: readonly LayerPlan[], context: LayerPullContext) {
    this.#plans = plans;
    this.#context = context;
  }

  /** A promise a plan, in the plans' order. The lowest starts first: others wait for those below them only. */
  start(): Promise<StoredLayer>[] {
    for (const [index, plan] of this.#plans.entries()) {
      const key = keyOf(plan);
      // Images list the same layer several times (empty ones, mostly): it is made for its lowest place.
      if (!this.#placed.has(key)) this.#placed.set(key, this.#place(plan, index));
    }
    return this.#plans.map(async (plan) => {
      const layer = await this.#placed.get(keyOf(plan));
      if (layer === undefined) throw new CurruntError("internal", `layer ${keyOf(plan)} was not pulled`);
      return layer;
    });
  }

  async #place(plan: LayerPlan, index: number): Promise<StoredLayer> {
    const found = this.#find(index);
    if (found !== undefined) return found;
    const staging = join(this.#context.staging, `layer-${index}`);
    await this.#enter();
    using turn = new DisposableStack();
    turn.defer(() => this.#leave());
    this.#context.signal?.throwIfAborted();
    const attempt = await this.#awaitTurn(plan, index);
    if (!(attempt instanceof KeyLock)) return attempt;
    using lock = attempt;
    let lowers: StoredLayer[] | undefined;
    const unpacked = await transferLayer(plan, this.#context, {
      staging,
      lowers: async () => {
        this.#waitsBelow.set(index, lock);
        this.#letGo();
        lowers = await this.#waitForLowers(index, turn);
        this.#waitsBelow.delete(index);
        return lowers.map(({ id }) => this.#context.store.layerPath(id)).reverse();
      },
    });
    this.transferredBytes += unpacked.transferredBytes;
    if (lowers === undefined || !dependsOnLowers(unpacked)) {
      return this.#moveIn(plan, unpacked, staging, unpacked.diffID);
    }
    return this.#moveIn(
      plan,
      unpacked,
      staging,
      completedLayerID([...lowers, unpacked].map(({ diffID }) => diffID)),
    );
  }

  /** Leaves the layers to the next garbage collection, and no parts of others: a full disk gets its room back. */
  forget(): void {
    const { ingest } = this.#context.store.paths;
    for (const id of this.#noted) forgetLayer(ingest, id);
    for (const { descriptor } of this.#plans) PartialBlob.open(ingest, descriptor.digest)?.remove();
  }

  /** The layer of plan `index`, when it is in its place already. */
  #find(index: number): StoredLayer | undefined {
    const { store, onProgress } = this.#context;
    const diffIDs = this.#plans.slice(0, index + 1).flatMap((plan) => plan.diffID ?? []);
    const { diffID, descriptor } = this.#plans[index] ?? {};
    if (diffID === undefined || descriptor === undefined) return undefined;
    const candidates = diffIDs.length > index ? [diffID, completedLayerID(diffIDs)] : [diffID];
    const id = candidates.find((candidate) => store.hasLayer(candidate));
    if (id === undefined) return undefined;
    // The one that made it may have been killed before it did that.
    dropPartial(store.paths.ingest, descriptor.digest);
    onProgress({ type: "layer-exists", digest: descriptor.digest });
    // Another pull, still at work on its other layers, has not told the index yet.
    const size = store.layer(id) ?? layerSize(store.layerPath(id));
    // Nobody has compared this blob with the layer: that they belong together is the image's word only.
    return { id, diffID, blobDigest: undefined, ...size };
  }

  /** The lock for making this layer; the layer itself when another process has made it while we waited. */
  async #awaitTurn(plan: LayerPlan, index: number): Promise<KeyLock | StoredLayer> {
    const { store, signal, onProgress } = this.#context;
    const key = keyOf(plan).slice(keyOf(plan).indexOf(":") + 1);
    for (let round = 0; ; round++) {
      const attempt = tryKeyLock(store.paths.staging, key);
      if ("lock" in attempt) {
        const found = this.#find(index);
        if (found === undefined) return attempt.lock;
        attempt.lock[Symbol.dispose]();
        return found;
      }
      if (round === 0) onProgress({ type: "layer-wait", digest: plan.descriptor.digest });
      this.#waitsElsewhere.add(index);
      this.#letGo();
      await whenUnlocked(attempt.path, signal);
      this.#waitsElsewhere.delete(index);
    }
  }

  /**
   * Lets others make the layers that wait for one below which another process makes: that process may wait for one of these, as
   * images may have the same layers in another order.
   */
  #letGo(): void {
    for (const [index, lock] of this.#waitsBelow) {
      if ([...this.#waitsElsewhere].some((below) => below < index)) lock[Symbol.dispose]();
    }
  }

  /** As `lowersOf`; others may go on meanwhile, unless many wait already: each keeps its tree in memory. */
  async #waitForLowers(index: number, turn: DisposableStack): Promise<StoredLayer[]> {
    if (this.#waiting >= WAITING_LAYERS) return this.#lowersOf(index);
    this.#waiting++;
    turn.dispose();
    try {
      return await this.#lowersOf(index);
    } finally {
      this.#waiting--;
    }
  }

  /** The layers below, bottom first, once they are all in place. */
  async #lowersOf(index: number): Promise<StoredLayer[]> {
    const below = await Promise.all(this.#plans.slice(0, index).map((plan) => this.#placed.get(keyOf(plan))));
    return below.flatMap((layer) => layer ?? []);
  }

  #moveIn(plan: LayerPlan, unpacked: UnpackedLayer, staging: string, id: string): StoredLayer {
    const { diffID, sizeBytes, entries } = unpacked;
    const { store, onProgress, signal } = this.#context;
    signal?.throwIfAborted();
    noteLayer(store.paths.ingest, id);
    this.#noted.push(id);
    try {
      // First: a layer that is in its place is complete.
      renameSync(splitOf(staging), store.splitPath(id));
      renameSync(staging, store.layerPath(id));
    } catch (error) {
      // Somebody else was first: theirs is as good.
      if (!store.hasLayer(id)) throw error;
      removeTree(undefined, staging);
    }
    this.#secure(id);
    dropPartial(store.paths.ingest, plan.descriptor.digest);
    onProgress({ type: "layer-done", digest: plan.descriptor.digest, diffID });
    return { id, diffID, blobDigest: plan.descriptor.digest, sizeBytes, entries };
  }

  /** Has the layers that took long to get written to the disk, so that a power cut does not cost them. */
  #secure(id: string): void {
    this.#unsecured.push(id);
    if (performance.now() - this.#securedAt < UNSECURED_MS) return;
    this.#securedAt = performance.now();
    const { store, sync } = this.#context;
    const ids = this.#unsecured.splice(0);
    sync.flush().then(
      () => {
        for (const durable of ids) confirmLayer(store.paths.ingest, durable);
      },
      // What the disk cannot take fails the pull at its end.
      () => undefined,
    );
  }

  async #enter(): Promise<void> {
    if (this.#running < PARALLEL_LAYERS) {
      this.#running++;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#queue.push(resolve);
    await promise;
  }

  #leave(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}

/** What tells a layer from the image's others: what it unpacks to, or where that is not known its blob. */
function keyOf({ diffID, descriptor }: LayerPlan): string {
  return diffID ?? descriptor.digest;
}

/** Whether the next pull may go on where this one stopped: it was the user who stopped it, or the network. */
function isInterruption(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted === true) return true;
  return error instanceof CurruntError && error.kind === "unavailable" && !(error instanceof DigestError);
}
