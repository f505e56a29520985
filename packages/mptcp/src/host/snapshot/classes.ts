import { ClassTable, Deadlines, saved } from "../../core/index.ts";
import { MPTCP_CLASSES, MPTCP_CONSTANTS } from "../../mptcp/index.ts";
import { TCP_CLASSES, TCP_CONSTANTS } from "../../tcp/index.ts";
import { DataSequenceSpace, IpAddress } from "../../wire/index.ts";

/** All classes that a connection is made of. */
export const CLASSES = new ClassTable([
  saved("DataSequenceSpace", DataSequenceSpace),
  saved("Deadlines", Deadlines, { times: ["times.*", "earliest"] }),
  saved("IpAddress", IpAddress as unknown as { readonly prototype: object }),
  ...TCP_CLASSES,
  ...MPTCP_CLASSES,
]);

/** What is saved by name, and its names. */
export const CONSTANTS: ReadonlyMap<string, object> = new Map(Object.entries({ ...TCP_CONSTANTS, ...MPTCP_CONSTANTS }));
export const CONSTANT_NAMES: ReadonlyMap<object, string> = new Map(Array.from(CONSTANTS, ([name, value]) => [value, name]));
