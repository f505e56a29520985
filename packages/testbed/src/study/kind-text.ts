import { middleboxes } from "mptcp/sim";

/** What a kind of box does, as the registry says. */
export function kindText(kind: string): string {
  return middleboxes[kind]?.text ?? "";
}
