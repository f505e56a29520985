import type { Socket } from "../sockets/socket.ts";

/** What Multipath TCP makes of an option of TCP. */
export type UnderMultipath =
  /** The same. */
  | "same"
  /** There is none of that name. */
  | "none"
  /** It is refused, as what is not supported. */
  | "unsupported"
  /** It may be set, and stays as it is. */
  | "ignored";

/** An option of sockets whose value is a number. */
export interface NumberOption {
  readonly kind: "number";
  readonly name: string;
  /** What it is where nobody set it. */
  readonly initial: (socket: Socket) => number;
  /** What is stored of a value that is set, or an errno; null: it cannot be set. */
  readonly store: ((value: number, socket: Socket) => number | string) | null;
  /** What getsockopt gives of it, where that is not what is stored. */
  readonly show?: (value: number, socket: Socket) => number;
  readonly multipath: UnderMultipath;
  /** Octets that getsockopt gives. */
  readonly octets: 4 | 8;
  /** Whether one octet does for setsockopt. */
  readonly mayBeShort?: boolean;
}

/** An option whose value is a structure or text. */
export interface OctetsOption {
  readonly kind: "octets";
  readonly name: string;
  /** @param buffer the caller's, with what is in it @returns octets, an errno */
  readonly get: ((socket: Socket, buffer: Uint8Array) => Uint8Array | string) | null;
  /** @returns an errno; null: it is set */
  readonly set: ((socket: Socket, value: Uint8Array) => string | null) | null;
  readonly multipath: UnderMultipath;
}

export type OptionRow = NumberOption | OctetsOption;

type Store = (value: number, socket: Socket) => number | string;

interface NumberDetails {
  readonly initial?: number | ((socket: Socket) => number);
  readonly multipath?: UnderMultipath;
  readonly show?: (value: number, socket: Socket) => number;
  readonly octets?: 8;
  readonly mayBeShort?: boolean;
}

export function numberOption(name: string, store: Store | null, details: NumberDetails = {}): NumberOption {
  const { initial = 0, mayBeShort, multipath = "same", octets = 4, show } = details;
  return {
    kind: "number", name, store, multipath, octets,
    initial: typeof initial === "number" ? () => initial : initial,
    ...(show === undefined ? {} : { show }),
    ...(mayBeShort === undefined ? {} : { mayBeShort }),
  };
}

// ---- what is stored of a value

/** On or off. */
export const onOff: Store = (value) => (value === 0 ? 0 : 1);
/** Nothing but 0 and 1. */
export const zeroOrOne: Store = (value) => (value === 0 || value === 1 ? value : "EINVAL");
export const anyNumber: Store = (value) => value;

export function between(lowest: number, highest: number): Store {
  return (value) => (value >= lowest && value <= highest ? value : "EINVAL");
}
