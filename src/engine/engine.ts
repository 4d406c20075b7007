/** The facade: what the command line and the daemon call. Each operation loads its own code when it is used. */
import type { Roots } from "../base/paths.ts";
import type { RemovedImage } from "../image/remove.ts";
import type { StatePaths } from "../runtime/state-root.ts";
import type { Context, OpenOptions } from "./context.ts";
import type { CommitOptions, CopyEnd, CopyOptions, FileChange } from "./file-options.ts";
import type {
  CheckOptions,
  DiskUsage,
  Finding,
  ImageFilter,
  ImageStep,
  ImageSummary,
  ImportOptions,
  Pruned,
  PruneOptions,
  PushOptions,
  PushWatch,
  RemoveImageOptions,
  SaveOptions,
} from "./image-options.ts";
import type {
  AttachOptions,
  ExecOptions,
  LogOptions,
  PullOptions,
  PullWatch,
  RemoveOptions,
  Resources,
  RunOptions,
  StartOptions,
  StopOptions,
} from "./options.ts";
import type { ContainerSummary, RunResult, SessionEnd } from "./summary.ts";

/** The engine over one pair of roots. It opens the index on first use and holds it. */
export class Engine {
  readonly roots: Roots;
  readonly #onWarning: OpenOptions["onWarning"];
  #context: Promise<Context> | undefined;

  /** `onWarning` is told what of earlier commands could not be put right. */
  constructor(roots: Roots, onWarning?: OpenOptions["onWarning"]) {
    this.roots = roots;
    this.#onWarning = onWarning;
  }

  /** Creates and starts a container; with `attach` joins the caller's streams to it until it ends or is left. */
  async run(options: RunOptions, watch: PullWatch = {}): Promise<RunResult> {
    const { runContainer } = await import("./run.ts");
    // Only a name can be in the way of a new container: else what was broken off is seen to while the program runs.
    const sweep = options.name !== undefined;
    return await runContainer(this.roots, () => this.#open({ sweep }), options, watch);
  }

  /** Creates a container that `start` can start; resolves to its ID. */
  async create(options: RunOptions, watch: PullWatch = {}): Promise<string> {
    const { createOnly } = await import("./run.ts");
    return await createOnly(await this.#open(), options, watch);
  }

  /** The plan that `run` would give to the kernel, a readable line a step. Nothing is changed. */
  async dryRun(options: RunOptions): Promise<string[]> {
    const { describeRun } = await import("./dry-run.ts");
    return await describeRun(await this.#open(), options);
  }

  /** Starts a created or ended container. `name` is here and below a name, an ID or the unique start of an ID. */
  async start(name: string, options: StartOptions): Promise<RunResult> {
    const { startContainerAgain } = await import("./run.ts");
    return await startContainerAgain(await this.#open(), name, options);
  }

  /** Joins the caller's streams to a running container. */
  async attach(name: string, options: AttachOptions): Promise<SessionEnd> {
    const { attachTo } = await import("./attach.ts");
    return await attachTo(await this.#open(), name, options);
  }

  /** Runs another program in a running container. A detached one resolves when it runs. */
  async exec(name: string, options: ExecOptions): Promise<SessionEnd> {
    const { execute } = await import("./exec.ts");
    return await execute(await this.#open(), name, options);
  }

  /** Sends the stop signal, then KILL after the time-out; resolves when the container has ended. */
  async stop(name: string, options: StopOptions = {}): Promise<void> {
    const { stopContainer } = await import("./end.ts");
    await stopContainer(await this.#open(), name, options);
  }

  /** Sends signal number `signal` to the container's init. */
  async kill(name: string, signal: number): Promise<void> {
    const { killContainer } = await import("./end.ts");
    killContainer(await this.#open(), name, signal);
  }

  /** Whether `name` names a container. */
  async knows(name: string): Promise<boolean> {
    return (await this.#open()).containers.find(name) !== undefined;
  }

  /** Stops all processes of a container where they are. */
  async pause(name: string): Promise<void> {
    const { pause } = await import("./cgroup.ts");
    await pause(await this.#open(), name);
  }

  /** Lets the processes of a paused container go on. */
  async unpause(name: string): Promise<void> {
    const { unpause } = await import("./cgroup.ts");
    await unpause(await this.#open(), name);
  }

  /** Changes limits, of a running container at once; what is not named stays as it is. */
  async update(name: string, resources: Resources): Promise<void> {
    const { update } = await import("./cgroup.ts");
    await update(await this.#open(), name, resources);
  }

  /** Process IDs of a running container's processes, as the host counts them. */
  async processes(name: string): Promise<number[]> {
    const { processesOf } = await import("./cgroup.ts");
    return await processesOf(await this.#open(), name);
  }

  /** The runtime's state files of a running container, which has a cgroup from here on. */
  async measured(name: string): Promise<StatePaths> {
    const { limited } = await import("./cgroup.ts");
    return await limited(await this.#open(), name, "measure");
  }

  /** Removes an ended container with all it changed; resolves to its ID, or undefined when `force` found none. */
  async remove(name: string, options: RemoveOptions): Promise<string | undefined> {
    const { removeContainer } = await import("./end.ts");
    return await removeContainer(await this.#open(), name, options);
  }

  /** Resolves to the exit code when the container ends, at once when it has. */
  async wait(name: string): Promise<number> {
    const { waitForContainer } = await import("./end.ts");
    return await waitForContainer(await this.#open(), name);
  }

  /** Newest first; only running ones unless `all`. */
  async list(options: { all: boolean }): Promise<ContainerSummary[]> {
    const { listContainers } = await import("./inspect.ts");
    return listContainers(await this.#open(), options);
  }

  /** All that is known about a container, as JSON data: `{ id, name, state, config, spec … }`. */
  async inspect(name: string): Promise<Record<string, unknown>> {
    const { inspectContainer } = await import("./inspect.ts");
    return inspectContainer(await this.#open(), name);
  }

  /** The state documents of the runtime specification: of one container, or of all. */
  async ociStates(name?: string): Promise<Record<string, unknown>[]> {
    const { ociStates } = await import("./inspect.ts");
    return ociStates(await this.#open(), name);
  }

  /** Writes the log to standard output and standard error, each stream where it belongs. */
  async logs(name: string, options: LogOptions): Promise<void> {
    const { showLog } = await import("./log.ts");
    await showLog(await this.#open(), name, options);
  }

  /** What the container has changed of its files, in the order of their paths. */
  async changes(name: string): Promise<FileChange[]> {
    const { changesOf } = await import("./changes.ts");
    return await changesOf(await this.#open(), name);
  }

  /** Writes all that the container sees, as a tar archive, to a file or ("-") to standard output. */
  async export(name: string, output: string): Promise<void> {
    const { exportContainer } = await import("./export.ts");
    await exportContainer(await this.#open(), name, output);
  }

  /** Copies files between a container and the host. */
  async copy(from: CopyEnd, to: CopyEnd, options: CopyOptions): Promise<void> {
    const { copyFiles } = await import("./copy.ts");
    await copyFiles(await this.#open(), from, to, options);
  }

  /** Makes an image of a container: its own image and a layer of what it has changed. Resolves to the image's ID. */
  async commit(name: string, options: CommitOptions, watch: PullWatch = {}): Promise<string> {
    const { commitContainer } = await import("./commit.ts");
    return await commitContainer(await this.#open(), name, options, watch);
  }

  /** Gets an image from its registry. */
  async pull(reference: string, options: PullOptions, watch: PullWatch = {}): Promise<ImageSummary> {
    const { pullToStore } = await import("./image.ts");
    return await pullToStore(await this.#open(), reference, options, watch);
  }

  /** Sends an image to a registry. Resolves to the digest that it has there. */
  async push(name: string, options: PushOptions, watch: PushWatch = {}): Promise<string> {
    const { pushFromStore } = await import("./image.ts");
    return await pushFromStore(await this.#open(), name, options, watch);
  }

  /** The images that are here and pass all filters, the last built first. */
  async images(filters: readonly ImageFilter[] = []): Promise<ImageSummary[]> {
    const { listImages } = await import("./image.ts");
    return await listImages(await this.#open(), filters);
  }

  /** Takes the images of an archive in: a directory, a tar file, or "-" for standard input. */
  async load(path: string, options: PullOptions, watch: PullWatch = {}): Promise<ImageSummary[]> {
    const { loadToStore } = await import("./image.ts");
    return await loadToStore(await this.#open(), path, options, watch);
  }

  /** Makes an image of one layer of a file system's archive: a file, a URL or "-" for standard input. */
  async import(input: string, options: ImportOptions, watch: PullWatch = {}): Promise<string> {
    const { importToStore } = await import("./import.ts");
    return await importToStore(await this.#open(), input, options, watch);
  }

  /** Writes images into one archive; their IDs stay what they are when that is loaded. */
  async save(names: readonly string[], options: SaveOptions): Promise<void> {
    const { saveToArchive } = await import("./save.ts");
    await saveToArchive(await this.#open(), names, options);
  }

  /** Gives an image more names; a name that another image had moves. */
  async tag(name: string, references: readonly string[]): Promise<void> {
    const { tagImage } = await import("./image.ts");
    tagImage(await this.#open(), name, references);
  }

  /** Takes names away from an image, all when none are given; the image stays. Resolves to what is gone. */
  async untag(name: string, references: readonly string[]): Promise<readonly string[]> {
    const { untagImage } = await import("./image.ts");
    return untagImage(await this.#open(), name, references);
  }

  /** How an image was made, the last step first. */
  async history(name: string): Promise<ImageStep[]> {
    const { imageHistory } = await import("./image-detail.ts");
    return imageHistory(await this.#open(), name);
  }

  /** All that is known about an image, as JSON data in docker's words. */
  async inspectImage(name: string): Promise<Record<string, unknown>> {
    const { inspectImage } = await import("./image-detail.ts");
    return inspectImage(await this.#open(), name);
  }

  /**
   * Removes a reference, and the image with its last one. `deleted` is the image's ID when it is gone. Undefined: it is
   * to be ignored that there is none.
   */
  async removeImage(name: string, options: RemoveImageOptions): Promise<RemovedImage | undefined> {
    const { removeImage } = await import("./image.ts");
    return await removeImage(await this.#open(), name, options);
  }

  /** Removes what nobody needs. */
  async prune(options: PruneOptions): Promise<Pruned> {
    const { prune } = await import("./prune.ts");
    return await prune(await this.#open(), options);
  }

  /** What the disk is used for. */
  async diskUsage(): Promise<DiskUsage> {
    const { diskUsage } = await import("./disk-usage.ts");
    return diskUsage(await this.#open());
  }

  /** Looks for damage in the store, reading all of it; with `repair` removes what is damaged or belongs to nothing. */
  async check(options: CheckOptions): Promise<Finding[]> {
    const { checkStore } = await import("./check.ts");
    return await checkStore(await this.#open(), options);
  }

  async #open(options: { sweep?: boolean } = {}): Promise<Context> {
    const onWarning = this.#onWarning;
    this.#context ??= import("./context.ts").then(({ openContext }) => {
      return openContext(this.roots, { ...options, onWarning });
    });
    return await this.#context;
  }
}
