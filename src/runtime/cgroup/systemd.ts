/** The cgroup driver systemd: the container's cgroup is a transient unit, made and changed over D-Bus. */
import { posix } from "node:path";
import { CurruntError, wrap } from "../../base/error.ts";
import { BusConnection, BusError } from "../../sys/dbus.ts";
import type { BusValue, Variant } from "../../sys/dbus-value.ts";
import { isVariant, variant } from "../../sys/dbus-value.ts";
import { failedWith } from "../../sys/error.ts";
import { readSmallFile } from "../../sys/small-file.ts";
import type { LinuxResources, Spec } from "../spec.ts";
import type { Unit } from "./path.ts";
import type { CgroupState } from "./state.ts";
import type { Property } from "./systemd-property.ts";
import {
  annotatedProperties,
  deviceProperties,
  limitProperties,
  parseDeviceNames,
} from "./systemd-property.ts";

const service = "org.freedesktop.systemd1";
const managerPath = "/org/freedesktop/systemd1";
const manager = `${service}.Manager`;
const jobPatienceMs = 30_000;

/** A connection to systemd, and how it is addressed there. */
class Systemd implements Disposable {
  readonly #bus: BusConnection;
  readonly #destination: string | undefined;

  private constructor(bus: BusConnection, destination: string | undefined) {
    this.#bus = bus;
    this.#destination = destination;
  }

  /** Over the message bus; where there is none, over systemd's own socket. */
  static connect(user: boolean): Systemd {
    const runtime = process.env["XDG_RUNTIME_DIR"] ?? "/nonexistent";
    const fallback = user ? `${runtime}/systemd/private` : "/run/systemd/private";
    const address = process.env[user ? "DBUS_SESSION_BUS_ADDRESS" : "DBUS_SYSTEM_BUS_ADDRESS"];
    const usual = user ? `${runtime}/bus` : "/run/dbus/system_bus_socket";
    const path = /^unix:path=([^,;]+)/.exec(address ?? "")?.[1] ?? usual;
    try {
      return new Systemd(open(decodeURIComponent(path), true), service);
    } catch (error) {
      if (!failedWith(error, "ENOENT", "ECONNREFUSED")) throw wrap(error, "connect to the message bus");
    }
    try {
      return new Systemd(open(fallback, false), undefined);
    } catch (error) {
      throw new CurruntError("unavailable", "connect to systemd", {
        cause: error,
        hint: "the host does not run systemd, or its bus is not to be reached: use the cgroup driver cgroupfs",
      });
    }
  }

  call(member: string, signature: string, body: readonly BusValue[]): readonly BusValue[] {
    return this.#call(managerPath, manager, member, signature, body);
  }

  /** A property of a unit. */
  get(unit: string, kind: "Scope" | "Slice", property: string): BusValue | undefined {
    const [path] = this.call("GetUnit", "s", [unit]);
    const body = [`${service}.${kind}`, property];
    const [answer] = this.#call(String(path), "org.freedesktop.DBus.Properties", "Get", "ss", body);
    return isVariant(answer) ? answer.value : undefined;
  }

  /** Does what answers with a job, and waits for its result: "done", "failed" … */
  job(member: string, signature: string, body: readonly BusValue[]): string {
    if (this.#destination !== undefined) {
      this.#bus.match(`type='signal',interface='${manager}',member='JobRemoved',path='${managerPath}'`);
    }
    this.call("Subscribe", "", []);
    const [job] = this.call(member, signature, body);
    const removed = this.#bus.waitForSignal(
      (signal) => signal.member === "JobRemoved" && signal.body[1] === job,
      jobPatienceMs,
    );
    if (removed === undefined) {
      throw new CurruntError(
        "unavailable",
        `${member}: systemd did not get done within ${jobPatienceMs / 1000} s`,
      );
    }
    return String(removed.body[3]);
  }

  [Symbol.dispose](): void {
    this.#bus[Symbol.dispose]();
  }

  #call(path: string, name: string, member: string, signature: string, body: readonly BusValue[]) {
    return this.#bus.call({ destination: this.#destination, path, interface: name, member, signature, body });
  }
}

function open(path: string, bus: boolean): BusConnection {
  return BusConnection.connect(posix.dirname(path), posix.basename(path), { bus });
}

export interface StartUnitOptions {
  readonly unit: Unit;
  /** What it is for. */
  readonly id: string;
  /** Its first process. */
  readonly pid: number;
  readonly spec: Spec;
  readonly version: 1 | 2;
  readonly user: boolean;
}

/** Makes the unit with its first process; returns its cgroup as a path from the root of all. */
export function startUnit(options: StartUnitOptions): string {
  const { unit, user } = options;
  try {
    using systemd = Systemd.connect(user);
    const properties = unitProperties(options).map(([name, value]): BusValue => [name, value]);
    const start = () =>
      systemd.job("StartTransientUnit", "ssa(sv)a(sa(sv))", [unit.name, "replace", properties, []]);
    let result: string;
    try {
      result = start();
    } catch (error) {
      // One that has failed stays until someone has looked at it.
      if (!(error instanceof BusError) || error.errorName !== `${service}.UnitExists`) throw error;
      systemd.call("ResetFailedUnit", "s", [unit.name]);
      result = start();
    }
    if (result !== "done") throw new CurruntError("unavailable", `systemd's job ended as "${result}"`);
    const path = systemd.get(unit.name, unit.name.endsWith(".slice") ? "Slice" : "Scope", "ControlGroup");
    if (typeof path !== "string" || !path.startsWith("/")) {
      throw new CurruntError("unavailable", "systemd tells no cgroup of the unit");
    }
    return path;
  } catch (error) {
    throw wrap(error, `start systemd unit "${unit.name}"`);
  }
}

function unitProperties({ unit, id, pid, spec, version }: StartUnitOptions): Property[] {
  const { resources = {} } = spec.linux ?? {};
  const flag = (name: string, value = true): Property => [name, variant("b", value)];
  const isSlice = unit.name.endsWith(".slice");
  const own: Property[] = isSlice
    ? [["Wants", variant("as", [unit.slice])]]
    : [["Slice", variant("s", unit.slice)], flag("Delegate"), ["PIDs", variant("au", [pid])]];
  const devices = deviceProperties(resources.devices ?? [], parseDeviceNames(readSmallFile("/proc/devices")));
  return [
    ["Description", variant("s", `container ${id}`)],
    ...own,
    ...["MemoryAccounting", "CPUAccounting", "TasksAccounting"].map((name) => flag(name)),
    flag(version === 2 ? "IOAccounting" : "BlockIOAccounting"),
    flag("DefaultDependencies", false),
    ...limitProperties(resources, version),
    ...devices,
    ...oomPolicy(resources),
    ...annotatedProperties(spec.annotations ?? {}),
  ];
}

/** A cgroup whose processes are to die together: systemd would set the file back. */
function oomPolicy({ unified = {} }: LinuxResources): Property[] {
  const group = unified["memory.oom.group"]?.trim();
  const policies: Readonly<Record<string, Variant>> = {
    "0": variant("s", "continue"),
    "1": variant("s", "kill"),
  };
  const policy = group === undefined ? undefined : policies[group];
  return policy === undefined ? [] : [["OOMPolicy", policy]];
}

/** Tells systemd of changed limits. */
export function updateUnit(state: CgroupState, resources: LinuxResources): void {
  const { unit, userUnit = false, version } = state;
  const properties = limitProperties(resources, version).map(([name, value]): BusValue => [name, value]);
  if (unit === undefined || properties.length === 0) return;
  try {
    using systemd = Systemd.connect(userUnit);
    systemd.call("SetUnitProperties", "sba(sv)", [unit, true, properties]);
  } catch (error) {
    throw wrap(error, `change systemd unit "${unit}"`);
  }
}

/** Stops the unit, if it still is there, and has systemd forget that it failed. */
export function stopUnit({ unit, userUnit = false }: CgroupState): void {
  if (unit === undefined) return;
  try {
    using systemd = Systemd.connect(userUnit);
    unlessGone(() => systemd.job("StopUnit", "ss", [unit, "replace"]));
    unlessGone(() => systemd.call("ResetFailedUnit", "s", [unit]));
  } catch (error) {
    throw wrap(error, `stop systemd unit "${unit}"`);
  }
}

function unlessGone(call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (!(error instanceof BusError) || error.errorName !== `${service}.NoSuchUnit`) throw error;
  }
}
