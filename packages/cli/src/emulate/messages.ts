import type { Override } from "@mptcp/scenario";

/** What the thread of an emulation is started with. */
export interface EmulationTask {
  /** The scenario's file, and what differs from it. */
  readonly path: string;
  readonly overrides: readonly Override[];
  readonly seed: number | null;
  /** The namespace of each host. */
  readonly namespaces: readonly HostNamespace[];
  /** Null: where no packet differs from the next one on the way. */
  readonly superSegments: boolean | null;
  readonly isCaptured: boolean;
}

export interface HostNamespace {
  readonly host: string;
  readonly namespace: string;
  /** Whether the emulation makes it, and takes it away. */
  readonly isMade: boolean;
}

/** What the thread is told: an override with the changes to carry out now. */
export type ToThread = { readonly kind: "change"; readonly id: number; readonly override: Override } | { readonly kind: "stop" };

/** What the thread tells. A change was carried out, or has a problem. */
export type FromThread =
  | { readonly kind: "ready"; readonly superSegments: boolean }
  | { readonly kind: "figures"; readonly figures: Figures }
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "changed"; readonly id: number; readonly problem: string | null }
  | { readonly kind: "capture"; readonly chunk: Uint8Array }
  | { readonly kind: "failed"; readonly message: string };

/** What an emulation has done so far. */
export interface Figures {
  /** Seconds since it began. */
  readonly time: number;
  readonly links: readonly LinkFigures[];
  /** How much later than on the emulated network packets arrived, ns. */
  readonly addedDelay: { readonly median: number; readonly p99: number; readonly largest: number };
  /** Packets that could not be read, or not be written after a middlebox. */
  readonly unusable: number;
}

export interface LinkFigures {
  readonly name: string;
  readonly up: DirectionFigures;
  readonly down: DirectionFigures;
}

/** One direction of a link, from the beginning on. */
export interface DirectionFigures {
  readonly isUp: boolean;
  /** Bits per second; null: no limit. */
  readonly rate: number | null;
  /** One way, ns. */
  readonly delay: number;
  readonly packets: number;
  /** IP octets that arrived. */
  readonly bytes: number;
  /** Packets that wait now. */
  readonly queued: number;
  /** Packets that found the queue full, or that its discipline dropped; that were lost at random; while it was down; that were too long. */
  readonly dropped: { readonly queue: number; readonly random: number; readonly down: number; readonly mtu: number };
  readonly marked: number;
}
