/** The shape of `linux.resources`; also what `update` reads. */
import type { Shape } from "../base/shape.ts";
import { flag, listOf, objectOf, oneOf, tableOf, text, textThat, whole } from "../base/shape.ts";
import type {
  LinuxBlockIO,
  LinuxDeviceCgroup,
  LinuxResources,
  LinuxThrottleDevice,
  LinuxWeightDevice,
} from "./spec.ts";

/** -1 and the like mean no limit. */
const limit = whole();
const natural = whole(0);
const unsigned16 = whole(0, 0xffff);
const unsigned32 = whole(0, 0xffff_ffff);

const devices = listOf(
  objectOf<LinuxDeviceCgroup>(
    {
      allow: flag,
      type: oneOf("a", "c", "b"),
      major: whole(),
      minor: whole(),
      access: textThat((letters) => /^[rwm]*$/.test(letters), "has other letters than r, w and m"),
    },
    ["allow"],
  ),
);

const throttled = listOf(
  objectOf<LinuxThrottleDevice>({ major: natural, minor: natural, rate: natural }, [
    "major",
    "minor",
    "rate",
  ]),
);

const blockIO = objectOf<LinuxBlockIO>({
  weight: unsigned16,
  leafWeight: unsigned16,
  weightDevice: listOf(
    objectOf<LinuxWeightDevice>(
      { major: natural, minor: natural, weight: unsigned16, leafWeight: unsigned16 },
      ["major", "minor"],
    ),
  ),
  throttleReadBpsDevice: throttled,
  throttleWriteBpsDevice: throttled,
  throttleReadIOPSDevice: throttled,
  throttleWriteIOPSDevice: throttled,
});

const memory = objectOf<NonNullable<LinuxResources["memory"]>>({
  limit,
  reservation: limit,
  swap: limit,
  kernel: limit,
  kernelTCP: limit,
  swappiness: whole(0, 100),
  disableOOMKiller: flag,
  useHierarchy: flag,
  checkBeforeUpdate: flag,
});

const cpu = objectOf<NonNullable<LinuxResources["cpu"]>>({
  shares: natural,
  quota: limit,
  burst: natural,
  period: natural,
  realtimeRuntime: limit,
  realtimePeriod: natural,
  cpus: text,
  mems: text,
  idle: limit,
});

/** `linux.resources`. */
export const resourcesShape: Shape<LinuxResources> = objectOf<LinuxResources>({
  devices,
  memory,
  cpu,
  pids: objectOf<NonNullable<LinuxResources["pids"]>>({ limit }),
  blockIO,
  hugepageLimits: listOf(
    objectOf(
      {
        pageSize: textThat((size) => /^[1-9]\d*[KMG]B$/.test(size), 'is no size such as "2MB"'),
        limit: natural,
      },
      ["pageSize", "limit"],
    ),
  ),
  network: objectOf<NonNullable<LinuxResources["network"]>>({
    classID: unsigned32,
    priorities: listOf(objectOf({ name: text, priority: unsigned32 }, ["name", "priority"])),
  }),
  rdma: tableOf(
    objectOf<{ readonly hcaHandles?: number; readonly hcaObjects?: number }>({
      hcaHandles: unsigned32,
      hcaObjects: unsigned32,
    }),
  ),
  unified: tableOf(text),
});
