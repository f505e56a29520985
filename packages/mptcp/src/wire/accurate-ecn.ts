import { TCP_OPTION } from "./layout.ts";
import { TCP_FLAG } from "./packet.ts";
import type { RawTcpOption, TcpSegment } from "./packet.ts";

/** The three flags that are one field where accurate ECN is spoken (RFC 9768 §3.2.2). */
export const ACE = TCP_FLAG.AE | TCP_FLAG.CWR | TCP_FLAG.ECE;

/** The ACE field of a segment, 0 to 7. */
export function aceOf({ flags }: Pick<TcpSegment, "flags">): number {
  return (flags & ACE) >>> 6;
}

/** The flags of an ACE field, of which the lowest three bits count. */
export function aceFlags(ace: number): number {
  return (ace & 7) << 6;
}

/** The octets that a receiver says came with each codepoint, of which an option has the lowest 24 bits; -1: the option does not say. */
export interface AccurateEcnCounters {
  ect0: number;
  ce: number;
  ect1: number;
}

/**
 * The option with the first `fields` of the counters (RFC 9768 §3.2.3): in the order ECT(0), CE, ECT(1), or, with `order` 1, ECT(1), CE, ECT(0).
 *
 * @param fields 0 to 3; each takes three octets, and kind and length two
 */
export function accurateEcnOption({ ect0, ce, ect1 }: AccurateEcnCounters, order: 0 | 1, fields: number): RawTcpOption {
  const data = new Uint8Array(3 * fields);
  const values = order === 0 ? [ect0, ce, ect1] : [ect1, ce, ect0];
  for (let i = 0; i < fields; i++) {
    const value = (values[i] as number) % FIELD;
    data[3 * i] = value >>> 16;
    data[3 * i + 1] = value >>> 8;
    data[3 * i + 2] = value;
  }
  return { kind: order === 0 ? TCP_OPTION.accurateEcn0 : TCP_OPTION.accurateEcn1, data };
}

export function isAccurateEcn({ kind }: RawTcpOption): boolean {
  return kind === TCP_OPTION.accurateEcn0 || kind === TCP_OPTION.accurateEcn1;
}

/**
 * Reads the option of a segment into `counters`. Whole fields count, whatever the length is (RFC 9768 §3.2.3).
 *
 * @returns whether it has one; of two the last counts
 */
export function readAccurateEcn({ otherOptions }: TcpSegment, counters: AccurateEcnCounters): boolean {
  let isThere = false;
  for (let i = 0; i < otherOptions.length; i++) {
    const option = otherOptions[i] as RawTcpOption;
    if (!isAccurateEcn(option)) continue;
    const { kind, data } = option;
    isThere = true;
    const first = field(data, 0);
    const third = field(data, 6);
    counters.ect0 = kind === TCP_OPTION.accurateEcn0 ? first : third;
    counters.ce = field(data, 3);
    counters.ect1 = kind === TCP_OPTION.accurateEcn0 ? third : first;
  }
  return isThere;
}

function field(data: Uint8Array, at: number): number {
  return at + 3 > data.length ? -1 : ((data[at] as number) << 16) | ((data[at + 1] as number) << 8) | (data[at + 2] as number);
}

const FIELD = 2 ** 24;
