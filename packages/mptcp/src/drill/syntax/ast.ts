/** Where something begins in a script: line and column, both from 1; a column is a UTF-16 code unit, a tab is one. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

interface Node {
  readonly place: Place;
}

/** A packet script as it was written: options, then what happens, in the order of the file. */
export interface Script {
  readonly options: readonly ScriptOption[];
  readonly events: readonly ScriptEvent[];
}

/** `--tolerance_usecs=10000`, `--dry_run`. */
export interface ScriptOption extends Node {
  /** Without the hyphens. */
  readonly name: string;
  /** As it was written, without quotation marks; undefined for an option that takes none. */
  readonly value: string | undefined;
}

/** When an event is expected; nanoseconds. */
export type EventTime =
  /** `0.1` since the beginning of the script; `+0.1` since the event before. */
  | (Node & { readonly kind: "at"; readonly relative: boolean; readonly at: number })
  /** `0.1~0.2`, `+0~+0.01`: not before the one, not after the other. */
  | (Node & { readonly kind: "range"; readonly relative: boolean; readonly from: number; readonly to: number })
  /** `*`: whenever. */
  | (Node & { readonly kind: "any" });

export interface ScriptEvent extends Node {
  /** Undefined for a shell line without a time, which runs as soon as what is before it has happened. */
  readonly time: EventTime | undefined;
  readonly action: Action;
}

export type Action = ShellAction | CodeAction | CallAction | PacketAction;

/** Text between backquotes: one or several lines of a shell. */
export interface ShellAction extends Node {
  readonly kind: "shell";
  readonly text: string;
}

/** Text between `%{` and `}%`: assertions about the socket. */
export interface CodeAction extends Node {
  readonly kind: "code";
  readonly text: string;
}

/** A system call with its expected result. */
export interface CallAction extends Node {
  readonly kind: "call";
  /** When a call that blocks returns, nanoseconds, counted as the event's time is (`+0...0.2`); undefined for one that returns at once. */
  readonly until: number | undefined;
  readonly name: string;
  readonly parameters: readonly Expression[];
  readonly result: Expression;
  readonly errno: string | undefined;
  /** What stands in parentheses behind: an explanation that is not checked. */
  readonly note: string | undefined;
}

/** A packet that the script sends (`<`, inbound) or that the stack is expected to send (`>`, outbound). */
export interface PacketAction extends Node {
  readonly kind: "packet";
  readonly direction: "inbound" | "outbound";
  /** Outermost first. */
  readonly encapsulations: readonly Encapsulation[];
  readonly ip: readonly IpField[];
  /** `addr[caddr0] > addr[saddr0]`. */
  readonly source: AddressVariable | undefined;
  readonly destination: AddressVariable | undefined;
  readonly transport: TcpSegment | UdpDatagram | IcmpMessage;
  /** `sock(3)`: the socket that the packet belongs to. */
  readonly socket: Expression | undefined;
  /** `{rep tcp seq_num 0x1}`: a change of the octets, as it was written. */
  readonly mutation: string | undefined;
}

/** `addr[name]`, `addr[name=inet_addr("192.0.2.1")]`. */
export interface AddressVariable extends Node {
  readonly name: string;
  readonly value: Expression | undefined;
}

export type Encapsulation =
  | (Node & { readonly kind: "ip"; readonly version: 4 | 6; readonly source: string; readonly destination: string })
  | (Node & { readonly kind: "gre" | "psp"; readonly transport: boolean; readonly fields: readonly HeaderField[] })
  | (Node & { readonly kind: "mpls"; readonly labels: readonly MplsLabel[] });

/** `seq 512`. */
export interface HeaderField extends Node {
  readonly name: string;
  readonly value: NumberLiteral;
}

/** `(label 123, tc 1, [S], ttl 255)`. */
export interface MplsLabel extends Node {
  readonly fields: readonly HeaderField[];
  readonly bottom: boolean;
}

/** `ect0`, `tos 0x04`, `ttl 1`, `flowlabel 0x1`. */
export interface IpField extends Node {
  readonly name: IpFieldName;
  readonly value: Expression | undefined;
}
export type IpFieldName = "noecn" | "ect0" | "ect1" | "ect01" | "ce" | "ecn" | "tos" | "ttl" | "flowlabel";

export interface TcpSegment extends Node {
  readonly kind: "tcp";
  readonly flags: TcpFlags;
  readonly sequence: SequenceRange;
  readonly ack: Expression | undefined;
  readonly window: Expression | undefined;
  readonly urgent: Expression | undefined;
  /** `"any"` for `<...>`; undefined where the script has none, so that an expected segment has none either. */
  readonly options: readonly TcpOption[] | "any" | undefined;
}

/** Flags of a segment, in the order that they were written in. */
export interface TcpFlags extends Node {
  /** Of `S`, `F`, `R`, `P`, `.` (ACK), `U`, `E` (ECE), `W` (CWR), `A` (AE); empty for `-`. */
  readonly letters: string;
  /** The three bits AE, CWR and ECE read as a counter, 0 to 7 (AccECN), where the script has a digit. */
  readonly ace: number | undefined;
}

/** `1:701(700)`: relative sequence numbers and the length between them. */
export interface SequenceRange extends Node {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

export interface UdpDatagram extends Node {
  readonly kind: "udp";
  readonly length: number;
}

export interface IcmpMessage extends Node {
  readonly kind: "icmp";
  readonly type: string;
  readonly code: string | undefined;
  readonly mtu: Expression | undefined;
  /** What the message quotes: a segment by its sequence numbers, or a datagram. */
  readonly quotes: SequenceRange | UdpDatagram | undefined;
}

export interface TcpOption extends Node {
  readonly name: string;
  readonly items: readonly OptionItem[];
}

export type OptionItem =
  /** `nokey`, `fin`, `v1`, and a field without a value: `dack4`. */
  | (Node & { readonly kind: "word"; readonly name: string })
  /** `dsn8=1`, `val 100`; also a variable that is set: `ckey=42`. */
  | (Node & { readonly kind: "field"; readonly name: string; readonly assigned: boolean; readonly value: Expression })
  /** `flags[flag_h]`, `key[ckey=2, skey]`, `addr[saddr1]`. */
  | (Node & { readonly kind: "list"; readonly name: string; readonly members: readonly Member[] })
  /** `1460`, `MSS`, `a`. */
  | (Node & { readonly kind: "value"; readonly value: Expression })
  /** `2:3`. */
  | (Node & { readonly kind: "range"; readonly from: Expression; readonly to: Expression })
  /** Octets in hexadecimal digits: a cookie, a digest. */
  | (Node & { readonly kind: "octets"; readonly digits: string });

/** `skey`, `ckey=2`: a variable, and what it is set to. */
export interface Member extends Node {
  readonly name: string;
  readonly value: Expression | undefined;
}

export interface NumberLiteral extends Node {
  readonly kind: "number";
  readonly value: bigint;
  readonly hexadecimal: boolean;
}

export type Expression =
  | NumberLiteral
  /** `...`: the script leaves it to the interpreter, or does not look at it. */
  | (Node & { readonly kind: "ellipsis" })
  | (Node & { readonly kind: "symbol"; readonly name: string })
  /** Between quotation marks, as it was written, escapes included; `"..."...` is the beginning of a longer one. */
  | (Node & { readonly kind: "string"; readonly raw: string; readonly beginning: boolean })
  /** `A|B`, `a+1`: operands from the left. */
  | (Node & { readonly kind: "chain"; readonly operator: "|" | "+"; readonly operands: readonly Expression[] })
  | (Node & { readonly kind: "call"; readonly name: string; readonly parameters: readonly Expression[] })
  | (Node & { readonly kind: "array"; readonly elements: readonly Expression[] })
  | (Node & { readonly kind: "struct"; readonly fields: readonly StructField[] });

/** `events=POLLIN`, `msg_iov(1)=[...]`, or a value without a name. */
export interface StructField extends Node {
  readonly name: string | undefined;
  /** What stands in parentheses behind the name. */
  readonly count: Expression | undefined;
  readonly value: Expression;
}
