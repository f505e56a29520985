import type { IpAddress } from "../../wire/index.ts";
import type { CallAction, CodeAction, EventTime, PacketAction, Place, ScriptEvent, ShellAction } from "../syntax/ast.ts";
import type { Call, Wiring } from "../system/index.ts";
import type { OptionPlan } from "./option-plan.ts";
import type { Settings } from "./settings.ts";

/** A script that can be carried out: everything in it is known and has its numbers; descriptors are still those of the script. */
export interface Plan {
  readonly settings: Settings;
  readonly wiring: Wiring;
  readonly steps: readonly Step[];
}

interface StepCommon {
  readonly event: ScriptEvent;
  readonly place: Place;
  /** Undefined for a shell line without a time. */
  readonly time: EventTime | undefined;
}

export type Step = CallStep | PacketStep | ShellStep | CodeStep;

/** A system call, and what it is expected to give. */
export interface CallStep extends StepCommon {
  readonly kind: "call";
  readonly action: CallAction;
  /** Null for what is a call in scripts and none of a stack: `mp_join_accept`, which names a subflow. */
  readonly call: Call | null;
  /** When it returns, ns, counted as the time of the event; undefined for a call that returns at once. */
  readonly until: number | undefined;
  readonly expected: ExpectedResult;
}

export interface ExpectedResult {
  /** Null: any. */
  readonly value: bigint | null;
  /** Null: any, where the value is -1. */
  readonly errno: string | null;
  /** Whether the value is a descriptor, which the stack may count in another way. */
  readonly descriptor: boolean;
  readonly filled: readonly Filled[];
}

/** What a call is expected to fill in. */
export type Filled =
  | { readonly kind: "option"; readonly value: bigint | Uint8Array; readonly place: Place }
  | { readonly kind: "optionLength" | "argument" | "flags"; readonly value: number; readonly place: Place }
  | { readonly kind: "revents"; readonly index: number; readonly value: number; readonly place: Place }
  | { readonly kind: "event"; readonly index: number; readonly events: number; readonly data: bigint | null; readonly place: Place }
  | { readonly kind: "control"; readonly messages: readonly ExpectedControl[]; readonly place: Place }
  | { readonly kind: "ends"; readonly ends: readonly [number, number]; readonly place: Place };

/** A control message; `data`: a number, fields of the structure of the error queue by name, or null for any. */
export interface ExpectedControl {
  readonly level: number;
  readonly type: number;
  readonly data: bigint | Readonly<Record<string, bigint>> | null;
  readonly place: Place;
}

export interface PacketStep extends StepCommon {
  readonly kind: "packet";
  readonly action: PacketAction;
  readonly inbound: boolean;
  readonly ip: IpPlan;
  /** Ends of the packet where the script names them. */
  readonly source: IpAddress | undefined;
  readonly destination: IpAddress | undefined;
  /** `sock(3)`. */
  readonly socket: number | undefined;
  readonly body: TcpPlan | UdpPlan | IcmpPlan;
}

/** Fields of the IP header that are set, or looked at. */
export interface IpPlan {
  /** The ECN field, or several that will do. */
  readonly ecn: readonly number[] | undefined;
  readonly trafficClass: number | undefined;
  readonly ttl: number | undefined;
  readonly flowLabel: number | undefined;
}

export interface TcpPlan {
  readonly kind: "tcp";
  /** Bits of the flags of a segment. */
  readonly flags: number;
  readonly from: number;
  readonly length: number;
  readonly ack: number | undefined;
  readonly window: number | undefined;
  readonly urgent: number | undefined;
  readonly options: readonly OptionPlan[] | "any";
}


export interface UdpPlan {
  readonly kind: "udp";
  readonly length: number;
}

export interface IcmpPlan {
  readonly kind: "icmp";
  readonly type: number;
  readonly code: number;
  readonly mtu: number | undefined;
  readonly quotes: { readonly kind: "tcp"; readonly from: number; readonly length: number } | { readonly kind: "udp"; readonly length: number } | undefined;
}

export interface ShellStep extends StepCommon {
  readonly kind: "shell";
  readonly action: ShellAction;
}

export interface CodeStep extends StepCommon {
  readonly kind: "code";
  readonly action: CodeAction;
}
