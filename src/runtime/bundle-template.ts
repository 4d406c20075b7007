/** Writes the config.json of a new bundle. */
import { CurruntError } from "../base/error.ts";
import { failedWith } from "../sys/error.ts";
import { writeAll } from "../sys/file.ts";
import { openNewFile } from "../sys/small-file.ts";
import { readHost } from "./cgroup/host.ts";
import { templateText } from "./template.ts";

/** Writes it to `path`, where nothing may be yet. */
export function writeTemplate(
  path: string,
  rootless: { readonly uid: number; readonly gid: number } | undefined,
): void {
  try {
    using file = openNewFile(path, 0o666);
    const cgroupVersion = readHost().version;
    writeAll(file, Buffer.from(templateText({ rootless, cgroupVersion })));
  } catch (error) {
    if (!failedWith(error, "EEXIST")) throw error;
    throw new CurruntError("exists", `file ${path} exists. Remove it first`);
  }
}
