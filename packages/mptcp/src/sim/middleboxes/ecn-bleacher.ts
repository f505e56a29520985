import { TCP_FLAG } from "../../wire/index.ts";
import type { Packet } from "../../wire/index.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { PacketMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { choiceParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { includes, wayParameter } from "./segment-filter.ts";

const PARAMETERS = {
  codepoints: choiceParameter(["all", "ce", "none"], "all", "Which codepoints of IP headers are bleached: all become Not-ECT, only CE becomes ECT(0), so that marks get lost, or none."),
  flags: choiceParameter(["keep", "syn", "all"], "keep", "Whether ECE and CWR stay on TCP segments, are taken off those with SYN, so that nobody agrees on ECN, or off all."),
  direction: wayParameter("Which packets are meant"),
};

export type EcnBleacherParameters = ValuesOf<typeof PARAMETERS>;

/** Takes Explicit Congestion Notification off IP headers, and TCP's flags for it, as routers and firewalls of the time before RFC 3168 do. */
export class EcnBleacher extends PacketMiddlebox {
  private readonly parameters: EcnBleacherParameters;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: EcnBleacherParameters) {
    super(name, environment);
    this.parameters = parameters;
  }

  protected override look(packet: Packet, direction: Direction, now: number): void {
    if (!includes(this.parameters.direction, direction)) return this.forward(packet, direction, now);
    const isIpBleached = this.bleachIp(packet);
    const isTcpBleached = this.bleachTcp(packet);
    if (isIpBleached || isTcpBleached) this.forwardChanged(packet, direction, now);
    else this.forward(packet, direction, now);
  }

  private bleachIp(packet: Packet): boolean {
    const { codepoints } = this.parameters;
    const codepoint = packet.trafficClass & ECN;
    const bleached = codepoints === "all" ? NOT_ECT : codepoints === "ce" && codepoint === CE ? ECT_0 : codepoint;
    packet.trafficClass = (packet.trafficClass & ~ECN) | bleached;
    return bleached !== codepoint;
  }

  private bleachTcp({ tcp: segment }: Packet): boolean {
    const { flags } = this.parameters;
    if (segment === null || (segment.flags & BOTH) === 0 || flags === "keep") return false;
    if (flags === "syn" && (segment.flags & TCP_FLAG.SYN) === 0) return false;
    segment.flags &= ~BOTH;
    return true;
  }
}

/** Takes Explicit Congestion Notification off packets. */
export const ecnBleacher: MiddleboxKind = middleboxKind(
  "ecn-bleacher",
  "Takes Explicit Congestion Notification off packets.",
  PARAMETERS,
  (name, environment, parameters) => new EcnBleacher(name, environment, parameters),
);

/** The lower two bits of the traffic class, and what stands there (RFC 3168 §5). */
const ECN = 3;
const NOT_ECT = 0;
const ECT_0 = 2;
const CE = 3;
const BOTH = TCP_FLAG.ECE | TCP_FLAG.CWR;
