import { MPTCP_INFO_FIELDS, writeStructure } from "../../system/index.ts";
import type { OptionRow } from "./row.ts";

/** Options of SOL_MPTCP. */
export const MPTCP_LEVEL: readonly OptionRow[] = [
  { kind: "octets", name: "MPTCP_INFO", multipath: "same", set: null, get: (_socket, room) => writeStructure(MPTCP_INFO_FIELDS, {}).subarray(0, room) },
];
