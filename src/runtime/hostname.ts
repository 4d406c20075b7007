/** The names of a container, in the uts namespace. */
import { CurruntError } from "../base/error.ts";
import type { Draft } from "./draft.ts";
import type { Namespaces } from "./namespace.ts";
import type { Spec } from "./spec.ts";

/** Sets host name and domain name; refuses to set the host's. */
export function setNames(
  draft: Draft,
  { hostname = "", domainname = "" }: Spec,
  namespaces: Namespaces,
): void {
  if ((hostname !== "" || domainname !== "") && !namespaces.has("uts")) {
    throw new CurruntError("invalid", "hostname: it needs a uts namespace of the container's own", {
      hint: 'add { "type": "uts" } to linux.namespaces',
    });
  }
  if (hostname !== "") draft.add({ op: "hostname", name: hostname });
  if (domainname !== "") draft.add({ op: "domainname", name: domainname });
}
