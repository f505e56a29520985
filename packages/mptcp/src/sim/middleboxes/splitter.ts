import { packetLength, TCP_FLAG } from "../../wire/index.ts";
import type { Packet, TcpSegment } from "../../wire/index.ts";
import { SegmentMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter, octetsParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { pieceOf } from "./pieces.ts";
import { includes, wayParameter } from "./segment-filter.ts";
import type { Way } from "./segment-filter.ts";

const PARAMETERS = {
  size: octetsParameter(536, 1, 65_495, "The most octets of payload that a segment keeps; longer ones are cut."),
  options: choiceParameter(
    ["each", "first"],
    "each",
    "Which pieces get the options: each, as from network cards, or only the first, but for the timestamps.",
  ),
  direction: wayParameter("Which segments are cut"),
};

export type SplitterParameters = ValuesOf<typeof PARAMETERS>;

/**
 * Cuts long segments, as network cards do that segment for their host (TSO): each piece has the headers and the options of the whole, FIN and PSH go to
 * the last, CWR to the first. A Multipath TCP mapping then stands on several segments, and each of them carries a part of what it covers
 * (RFC 8684 §3.3.1). Segments with SYN, RST or URG are left whole.
 */
export class Splitter extends SegmentMiddlebox {
  private readonly size: number;
  private readonly isOnEach: boolean;
  private readonly way: Way;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: SplitterParameters) {
    super(name, environment);
    this.size = parameters.size;
    this.isOnEach = parameters.options === "each";
    this.way = parameters.direction;
  }

  protected treat(packet: Packet, segment: TcpSegment, direction: Direction, now: number): void {
    if (segment.payload.length <= this.size || (segment.flags & LEFT_WHOLE) !== 0 || !includes(this.way, direction)) {
      return this.forward(packet, direction, now);
    }
    this.changed++;
    const { length } = segment.payload;
    for (let from = 0; from < length; from += this.size) this.forward(this.piece(packet, segment, from, Math.min(from + this.size, length)), direction, now);
  }

  private piece(packet: Packet, whole: TcpSegment, from: number, to: number): Packet {
    const piece = pieceOf(packet, whole, from, to);
    if (from === 0) return piece;
    if (packet.identification !== 0) piece.identification = (packet.identification + from / this.size) & 0xffff;
    if (!this.isOnEach) {
      const segment = piece.tcp as TcpSegment;
      segment.mptcp = NO_OPTIONS;
      segment.otherOptions = NO_OPTIONS;
      segment.sackBlocks = NO_OPTIONS;
      piece.length = packetLength(piece);
    }
    return piece;
  }
}

/** Cuts long segments. */
export const splitter: MiddleboxKind = middleboxKind(
  "splitter",
  "Cuts long TCP segments into shorter ones.",
  PARAMETERS,
  (name, environment, parameters) => new Splitter(name, environment, parameters),
);

const LEFT_WHOLE = TCP_FLAG.SYN | TCP_FLAG.RST | TCP_FLAG.URG;
const NO_OPTIONS: readonly never[] = [];
