/** Where something begins in a script: line and column, both from 1; a column is a UTF-16 code unit, a tab is one. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** What knows where it begins. */
export interface Placed {
  readonly place: Place;
}

/** A packet script as it was written: options, then what happens, in the order of the file. */
export interface Script {
  readonly options: readonly ScriptOption[];
  readonly events: readonly ScriptEvent[];
}

/** `--tolerance_usecs=10000`, `--dry_run`. */
export interface ScriptOption extends Placed {
  /** Without the hyphens. */
  readonly name: string;
  /** As it was written, without quotation marks; undefined for an option that takes none. */
  readonly value: string | undefined;
}

/** When an event is expected; nanoseconds. */
export type EventTime =
  /** `0.1` since the beginning of the script; `+0.1` since the event before. */
  | (Placed & { readonly kind: "at"; readonly relative: boolean; readonly at: number })
  /** `0.1~0.2`, `+0~+0.01`: not before the one, not after the other. */
  | (Placed & { readonly kind: "range"; readonly relative: boolean; readonly from: number; readonly to: number })
  /** `*`: whenever. */
  | (Placed & { readonly kind: "any" });

export interface ScriptEvent extends Placed {
  /** Undefined for a shell line without a time, which runs as soon as what is before it has happened. */
  readonly time: EventTime | undefined;
  readonly action: Action;
}

export type Action = ShellAction | CodeAction | CallAction | PacketAction;

/** Text between backquotes: one or several lines of a shell. */
export interface ShellAction extends Placed {
  readonly kind: "shell";
  readonly text: string;
}

/** Text between `%{` and `}%`: assertions about the socket. */
export interface CodeAction extends Placed {
  readonly kind: "code";
  readonly text: string;
}

/** A system call with its expected result. */
export interface CallAction extends Placed {
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
export interface PacketAction extends Placed {
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
export interface AddressVariable extends Placed {
  readonly name: string;
  readonly value: Expression | undefined;
}

export type Encapsulation =
  | (Placed & { readonly kind: "ip"; readonly version: 4 | 6; readonly source: string; readonly destination: string })
  | (Placed & { readonly kind: "gre" | "psp"; readonly transport: boolean; readonly fields: readonly HeaderField[] })
  | (Placed & { readonly kind: "mpls"; readonly labels: readonly MplsLabel[] });

/** `seq 512`. */
export interface HeaderField extends Placed {
  readonly name: string;
  readonly value: NumberLiteral;
}

/** `(label 123, tc 1, [S], ttl 255)`. */
export interface MplsLabel extends Placed {
  readonly fields: readonly HeaderField[];
  readonly bottom: boolean;
}

/** `ect0`, `tos 0x04`, `ttl 1`, `flowlabel 0x1`. */
export interface IpField extends Placed {
  readonly name: IpFieldName;
  readonly value: Expression | undefined;
}
export type IpFieldName = "noecn" | "ect0" | "ect1" | "ect01" | "ce" | "ecn" | "tos" | "ttl" | "flowlabel";

export interface TcpSegment extends Placed {
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
export interface TcpFlags extends Placed {
  /** Of `S`, `F`, `R`, `P`, `.` (ACK), `U`, `E` (ECE), `W` (CWR), `A` (AE); empty for `-`. */
  readonly letters: string;
  /** The three bits AE, CWR and ECE read as a counter, 0 to 7 (AccECN), where the script has a digit. */
  readonly ace: number | undefined;
}

/** `1:701(700)`: relative sequence numbers and the length between them. */
export interface SequenceRange extends Placed {
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

export interface UdpDatagram extends Placed {
  readonly kind: "udp";
  readonly length: number;
}

export interface IcmpMessage extends Placed {
  readonly kind: "icmp";
  readonly type: string;
  readonly code: string | undefined;
  readonly mtu: Expression | undefined;
  /** What the message quotes: a segment by its sequence numbers, or a datagram. */
  readonly quotes: SequenceRange | UdpDatagram | undefined;
}

export interface TcpOption extends Placed {
  readonly name: string;
  readonly items: readonly OptionItem[];
}

export type OptionItem =
  /** `nokey`, `fin`, `v1`, and a field without a value: `dack4`. */
  | (Placed & { readonly kind: "word"; readonly name: string })
  /** `dsn8=1`, `val 100`; also a variable that is set: `ckey=42`. */
  | (Placed & { readonly kind: "field"; readonly name: string; readonly assigned: boolean; readonly value: Expression })
  /** `flags[flag_h]`, `key[ckey=2, skey]`, `addr[saddr1]`. */
  | (Placed & { readonly kind: "list"; readonly name: string; readonly members: readonly Member[] })
  /** `1460`, `MSS`, `a`. */
  | (Placed & { readonly kind: "value"; readonly value: Expression })
  /** `2:3`. */
  | (Placed & { readonly kind: "range"; readonly from: Expression; readonly to: Expression })
  /** Octets in hexadecimal digits: a cookie, a digest. */
  | (Placed & { readonly kind: "octets"; readonly digits: string });

/** `skey`, `ckey=2`: a variable, and what it is set to. */
export interface Member extends Placed {
  readonly name: string;
  readonly value: Expression | undefined;
}

export interface NumberLiteral extends Placed {
  readonly kind: "number";
  readonly value: bigint;
  readonly hexadecimal: boolean;
}

export type Expression =
  | NumberLiteral
  /** `...`: the script leaves it to the interpreter, or does not look at it. */
  | (Placed & { readonly kind: "ellipsis" })
  | (Placed & { readonly kind: "symbol"; readonly name: string })
  /** Between quotation marks, as it was written, escapes included; `"..."...` is the beginning of a longer one. */
  | (Placed & { readonly kind: "string"; readonly raw: string; readonly beginning: boolean })
  /** `A|B`, `a+1`: operands from the left. */
  | (Placed & { readonly kind: "chain"; readonly operator: "|" | "+"; readonly operands: readonly Expression[] })
  | (Placed & { readonly kind: "call"; readonly name: string; readonly parameters: readonly Expression[] })
  | (Placed & { readonly kind: "array"; readonly elements: readonly Expression[] })
  | (Placed & { readonly kind: "struct"; readonly fields: readonly StructField[] });

/** `events=POLLIN`, `msg_iov(1)=[...]`, or a value without a name. */
export interface StructField extends Placed {
  readonly name: string | undefined;
  /** What stands in parentheses behind the name. */
  readonly count: Expression | undefined;
  readonly value: Expression;
}
