/** The cgroup of a container: made with it when it has limits, else when something asks for one. */
import { CurruntError } from "../base/error.ts";
import { containerPaths } from "../base/paths.ts";
import { adoptCgroup } from "../runtime/adopt.ts";
import { lacksCgroup, processesBeside } from "../runtime/beside.ts";
import type { Cgroup } from "../runtime/cgroup/cgroup.ts";
import { createCgroup, openCgroup } from "../runtime/cgroup/cgroup.ts";
import { pauseContainer, resumeContainer } from "../runtime/pause.ts";
import type { LinuxResources, Spec } from "../runtime/spec.ts";
import { findState } from "../runtime/state.ts";
import type { StatePaths } from "../runtime/state-root.ts";
import { statePaths } from "../runtime/state-root.ts";
import { updateContainer } from "../runtime/update.ts";
import { writeCgroupList } from "./cgroup-list.ts";
import type { ContainerRecord } from "./container.ts";
import type { Context } from "./context.ts";
import { cgroupsPathOf } from "./default-spec.ts";
import { readRunState } from "./run-state.ts";

/** Makes the cgroup that `spec` wants, to be born in; `run` is the container's run directory. */
export async function makeCgroup(id: string, spec: Spec, run: string): Promise<Cgroup> {
  return await createCgroup({
    id,
    spec,
    onPlanned: ({ directories }) => writeCgroupList(run, Object.values(directories)),
  });
}

/** Stops all processes where they are. */
export async function pause(context: Context, name: string): Promise<void> {
  await pauseContainer(await limited(context, name, "pause"));
}

/** Lets them go on. */
export async function unpause(context: Context, name: string): Promise<void> {
  await resumeContainer(running(context, name, "unpause").paths);
}

/** Changes limits, now and for later starts; what is not named stays as it is. */
export async function update(context: Context, name: string, resources: LinuxResources): Promise<void> {
  const { record } = context.containers.get(name);
  const linux = { ...record.spec.linux, resources: joined(record.spec.linux?.resources, resources) };
  const changed: ContainerRecord = {
    ...record,
    spec: { ...record.spec, linux: { cgroupsPath: cgroupsPathOf(record.id), ...linux } },
  };
  if (readRunState(containerPaths(context.roots, record.id)) !== undefined) {
    await updateContainer(await limited(context, name, "update"), resources);
  }
  context.containers.replaceRecord(changed);
}

function joined(old: LinuxResources = {}, change: LinuxResources): LinuxResources {
  return {
    ...old,
    ...change,
    memory: { ...old.memory, ...change.memory },
    cpu: { ...old.cpu, ...change.cpu },
  };
}

/** Process IDs of a container's processes, as the host counts them. */
export async function processesOf(context: Context, name: string): Promise<number[]> {
  const { state } = running(context, name, "list the processes of");
  if (lacksCgroup(state)) return processesBeside(state.pid);
  return state.cgroup === undefined ? [] : await openCgroup(state.cgroup).processes();
}

/** The state files of a running container, which has a cgroup from here on. */
export async function limited(context: Context, name: string, action: string): Promise<StatePaths> {
  const { record, paths, state } = running(context, name, action);
  if (!lacksCgroup(state)) return paths;
  await adoptCgroup(paths, cgroupsPathOf(record.id), ({ directories }) =>
    writeCgroupList(paths.directory, Object.values(directories)),
  );
  return paths;
}

function running({ roots, containers }: Context, name: string, action: string) {
  const { record } = containers.get(name);
  const paths = statePaths(roots.run, record.id);
  const state = readRunState(containerPaths(roots, record.id)) && findState(paths);
  if (state !== undefined) return { record, paths, state };
  throw new CurruntError("conflict", `${action} container "${record.name}": it is not running`);
}
