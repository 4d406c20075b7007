/** The shim's executable, as a descriptor that nobody can write to: what init is before it becomes the program. */
import shimPath from "../../dist/shim" with { type: "file" };
import {
  F_ADD_SEALS,
  F_SEAL_GROW,
  F_SEAL_SEAL,
  F_SEAL_SHRINK,
  F_SEAL_WRITE,
  MFD_ALLOW_SEALING,
  MFD_CLOEXEC,
  MFD_EXEC,
  O_CREAT,
  O_EXCL,
  O_WRONLY,
} from "../../ffi/kernel.ts";
import { libc } from "../../ffi/libc.ts";
import { cstring } from "../../ffi/memory.ts";
import { shimProgram, startedImage } from "./entry.ts";
import { check, failedWith, failureOf } from "./error.ts";
import { Fd } from "./fd.ts";
import { openat, writeAll } from "./file.ts";
import { changeMount, makeFilesystem } from "./mount.ts";

let image: Fd | undefined;

/** The image of this process's shims: made once, lent to the caller, closed when the process ends. */
export async function shimImage(): Promise<Fd> {
  // Not with node:fs, whose loading would double the cost of the whole start.
  image ??= startedImage() ?? makeImage(shimProgram() ?? (await Bun.file(shimPath).bytes()));
  return image;
}

function makeImage(program: Uint8Array): Fd {
  try {
    return makeSealedMemory(program);
  } catch (error) {
    // vm.memfd_noexec=2 refuses executable memory files (Documentation/userspace-api/mfd_noexec.rst).
    if (!failedWith(error, "EACCES")) throw error;
    return makeReadonlyFile(program);
  }
}

/** A memory file that is sealed against every change: through /proc/PID/exe too nothing can be written (CVE-2019-5736). */
export function makeSealedMemory(program: Uint8Array): Fd {
  const name = cstring("currunt");
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  let number = libc.memfd_create(name, flags | MFD_EXEC);
  // Before 6.3 the kernel does not know MFD_EXEC, and memory files are executable. Later ones may forbid that, which is another error.
  const unknown = { operation: "memfd_create", subject: () => "MFD_EXEC", expected: ["EINVAL"] } as const;
  if (failureOf(number, unknown) !== undefined) number = libc.memfd_create(name, flags);
  const file = new Fd(check(number, "memfd_create"));
  try {
    writeAll(file, program);
    const seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    check(libc.fcntl(file.number, F_ADD_SEALS, seals), "fcntl", "F_ADD_SEALS");
    return file;
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A file of root's on a read-only filesystem of its own, which is mounted nowhere. */
export function makeReadonlyFile(program: Uint8Array): Fd {
  using filesystem = makeFilesystem("tmpfs", [["mode", "0700"]], ["nosuid", "nodev"]);
  {
    using file = openat(filesystem, "shim", O_CREAT | O_EXCL | O_WRONLY, 0o500);
    writeAll(file, program);
  }
  changeMount(filesystem, { set: ["ro"] });
  return openat(filesystem, "shim", 0);
}
