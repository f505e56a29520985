import type { Call, CallResult } from "./call.ts";

/** Addresses and properties of the device between the stack and the script's end. */
export interface Wiring {
  /** Addresses of the stack, as text, each with the length of its prefix: `192.168.0.1/16`. The first of a family is the one that scripts mean without a name. */
  readonly local: readonly string[];
  /** Networks, or addresses, of the script's end: `192.0.2.0/24`. Routed over the device. */
  readonly remote: readonly string[];
  /** Octets of an IP packet. */
  readonly mtu: number;
  /** Whether the stack may hand over super-segments, as to a network card that segments them. */
  readonly segmentation: boolean;
}

/** A system call under way. */
export interface StartedCall {
  /** Null until it returned. */
  readonly result: CallResult | null;
  /** When it returned, ns; the time at which it began while it has not. */
  readonly at: number;
}

/** A packet that the stack sent. */
export interface LeftPacket {
  /** When, ns. */
  readonly at: number;
  /** From its IP header on. A super-segment is one packet: its IP length and TCP checksum may be what the device filled in or not. */
  readonly octets: Uint8Array;
  /** For a super-segment, the payload octets of each segment that it stands for; 0 for a packet that is one. */
  readonly segmentSize: number;
}

/** What a command of a shell line gave. */
export interface CommandOutcome {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/**
 * A stack that a script is run against: sockets of a program on one side, a network device on the other. Its time begins at 0 and goes on in {@link Target.advance} alone, as
 * far as the script can see.
 */
export interface Target {
  readonly name: "engine" | "kernel";
  /** ns. */
  readonly now: number;
  /** A packet arrives at the device, now. Octets from the IP header on; right checksums or wrong ones. */
  inject(octets: Uint8Array): void;
  /**
   * Begins a system call; its descriptors are those that the stack gave. What it gives at once is there at the return. A call that blocks goes on
   * while time does; several may.
   */
  begin(call: Call): StartedCall;
  /** Time goes on until `until`, ns, or, if that is sooner, until a packet left or a call returned. */
  advance(until: number): void;
  /** The oldest packet that left and was not taken; null: none. */
  take(): LeftPacket | null;
  /**
   * A command of a shell line: its name, and its arguments. Which there are is {@link COMMANDS}; what is between them (variables, conditions, redirections) is not the stack's.
   */
  command(words: readonly string[]): CommandOutcome;
  /** The decision log since the last time, as lines of text; none where the stack has none. */
  explain(): readonly string[];
  /** Ends all of it: sockets, device, namespace. */
  close(): void;
}

/** The commands that a stack carries out. */
export const COMMANDS = ["ethtool", "ip", "nstat", "ss", "sysctl", "tc"] as const;

export type CommandName = (typeof COMMANDS)[number];
