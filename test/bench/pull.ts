/** Pulls beside podman and containerd: one large layer, twelve of mixed size, and an image that shares nine of ten layers. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { debianLayout } from "../fixtures/images.ts";
import { pushLayout } from "../fixtures/layout.ts";
import type { Containerd } from "./containerd.ts";
import { startContainerd } from "./containerd.ts";
import { mountFreshDisk, unmountAll } from "./disk.ts";
import { firstLayer, pushLayered } from "./layers.ts";
import type { Contender, Timing } from "./measure.ts";
import { peakMemory, race, report, runOnce } from "./measure.ts";
import { makePodman } from "./podman.ts";

export interface PullBenchOptions {
  /** The executable, and the environment that it runs in. */
  readonly program: string;
  readonly env: Record<string, string>;
  /** The registry. */
  readonly host: string;
  /** Where a file system may be mounted. */
  readonly disk: string;
}

export interface PullFigures {
  readonly large: Timing[];
  readonly twelve: Timing[];
  readonly sibling: Timing[];
  /** The most memory that currunt had to itself, in bytes. */
  readonly peak: { readonly large: number; readonly twelve: number };
}

/** Runs all three. */
export async function measurePulls(options: PullBenchOptions): Promise<PullFigures> {
  const large = `${options.host}/debian:latest`;
  const layout = await debianLayout();
  await pushLayout(layout, large);
  const { twelve, ten, sibling, top } = await pushLayered(options.host);
  const bench = new PullBench(options);
  try {
    return {
      large: bench.large(large, await firstLayer(layout)),
      twelve: bench.twelve(twelve),
      sibling: bench.sibling(ten, sibling, top),
      peak: { large: bench.peak(large), twelve: bench.peak(twelve) },
    };
  } finally {
    bench.tearDown();
  }
}

class PullBench {
  readonly #options: PullBenchOptions;
  #containerd: Containerd | undefined;

  constructor(options: PullBenchOptions) {
    this.#options = options;
  }

  large(image: string, blob: string): Timing[] {
    const { program, env, disk } = this.#options;
    const floor = [process.execPath, join(import.meta.dir, "floor.ts"), blob, join(disk, "floor")];
    const timings = race([...this.#contenders(image), this.#contender("floor", () => floor, "ok\n")], 5);
    this.#renew();
    runOnce(this.#currunt(image), env);
    const proof = [
      ...[program, "run", "-data-root", join(disk, "data"), "-rm", "-network", "none", image],
      ...["python3", "-c", "print(6 * 7)"],
    ];
    if (runOnce(proof, env).stdout !== "42\n") throw new Error("the image that currunt pulled does not work");
    report("pull and unpack of a Debian system, one gzip layer", timings);
    return timings;
  }

  twelve(image: string): Timing[] {
    const timings = race(this.#contenders(image), 5);
    report("the same system in twelve layers of mixed size", timings);
    return timings;
  }

  /** `sibling` where `ten` is already, beside `top`, the layer that is not shared, alone. */
  sibling(ten: string, sibling: string, top: string): Timing[] {
    const { env } = this.#options;
    const second: Contender = {
      name: "currunt",
      env,
      prints: /^\S+\n$/,
      command: () => {
        this.#renew();
        runOnce(this.#currunt(ten), env);
        return this.#currunt(sibling);
      },
    };
    const alone = this.#contender("top alone", () => this.#currunt(top), /^\S+\n$/);
    const timings = race([second, alone], 5);
    report("an image of which nine of ten layers are here, and the tenth alone", timings);
    return timings;
  }

  peak(image: string): number {
    const { env } = this.#options;
    const pull = () => {
      this.#renew();
      return this.#currunt(image);
    };
    const bytes = peakMemory(pull, env, 3);
    console.error(`  pull of ${image}: at most ${(bytes / 2 ** 20).toFixed(0)} MB of memory of its own`);
    return bytes;
  }

  tearDown(): void {
    this.#containerd?.stop();
    this.#containerd = undefined;
    if (existsSync(this.#options.disk)) unmountAll(this.#options.disk);
  }

  #contenders(image: string): Contender[] {
    const { disk } = this.#options;
    const podman = makePodman(join(disk, "podman"));
    return [
      this.#contender("currunt", () => this.#currunt(image), /^\S+\n$/),
      this.#contender(
        "currunt (erofs)",
        () => [...this.#currunt(image), "-layer-format", "erofs"],
        /^\S+\n$/,
      ),
      this.#contender("podman", () => podman.pull(image), /^[0-9a-f]{64}\n$/),
      this.#contender("ctr", () => this.#startContainerd().pull(image), /done/),
    ];
  }

  /** One that begins on an empty file system: where trees were made before, ext4 and its caches are slower each time. */
  #contender(name: string, command: () => string[], prints: string | RegExp): Contender {
    const renewed = () => {
      this.#renew();
      return command();
    };
    return { name, env: this.#options.env, prints, command: renewed };
  }

  #renew(): void {
    this.tearDown();
    mountFreshDisk(this.#options.disk);
  }

  #startContainerd(): Containerd {
    this.#containerd = startContainerd(join(this.#options.disk, "containerd"));
    return this.#containerd;
  }

  #currunt(image: string): string[] {
    const { program, disk } = this.#options;
    return [program, "pull", "-data-root", join(disk, "data"), "-quiet", image];
  }
}
