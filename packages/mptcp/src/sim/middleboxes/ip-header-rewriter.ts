import type { Packet } from "../../wire/index.ts";
import { middleboxKind } from "./kind.ts";
import type { MiddleboxKind } from "./kind.ts";
import { PacketMiddlebox } from "./middlebox.ts";
import type { Direction, MiddleboxEnvironment } from "./middlebox.ts";
import { countParameter } from "../parameters.ts";
import type { ValuesOf } from "../parameters.ts";
import { includes, wayParameter } from "./segment-filter.ts";

const PARAMETERS = {
  dscp: countParameter(0, -1, 63, "The DSCP that every packet gets (RFC 2474); -1: its own."),
  hopLimit: countParameter(-1, -1, 255, "The TTL or hop limit that every packet gets; -1: its own."),
  direction: wayParameter("Which packets are meant"),
};

export type IpHeaderRewriterParameters = ValuesOf<typeof PARAMETERS>;

/** Writes another DSCP, TTL or hop limit into IP headers, as the edges of networks do; ECN stays. */
export class IpHeaderRewriter extends PacketMiddlebox {
  private readonly parameters: IpHeaderRewriterParameters;

  constructor(name: string, environment: MiddleboxEnvironment, parameters: IpHeaderRewriterParameters) {
    super(name, environment);
    this.parameters = parameters;
  }

  protected override look(packet: Packet, direction: Direction, now: number): void {
    const { dscp, hopLimit, direction: way } = this.parameters;
    const trafficClass = dscp < 0 ? packet.trafficClass : (dscp << 2) | (packet.trafficClass & ECN);
    const hops = hopLimit < 0 ? packet.hopLimit : hopLimit;
    if (!includes(way, direction) || (trafficClass === packet.trafficClass && hops === packet.hopLimit)) return this.forward(packet, direction, now);
    packet.trafficClass = trafficClass;
    packet.hopLimit = hops;
    this.forwardChanged(packet, direction, now);
  }
}

/** Writes another DSCP, TTL or hop limit into IP headers. */
export const ipHeaderRewriter: MiddleboxKind = middleboxKind(
  "ip-header-rewriter",
  "Writes another DSCP, TTL or hop limit into IP headers.",
  PARAMETERS,
  (name, environment, parameters) => new IpHeaderRewriter(name, environment, parameters),
);

/** The lower two bits of the traffic class. */
const ECN = 3;
