/**
 * A scenario as its author writes it, in YAML or as the default export of a TypeScript module. Quantities are texts with
 * units ("8 Mb/s", "20 ms", "16 MiB"); {@link planScenario} turns them into numbers.
 */
export interface ScenarioSpec {
  /** Lower-case letters, digits and dashes; also the name of the output folder. */
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  /** Seed of every random draw of the run (default 1). */
  readonly seed?: number;
  /** IP version of the addresses that are made up (default 4). */
  readonly ip?: 4 | 6;
  /** Shorthand for a client and a server with several paths between them; or write `topology`. */
  readonly paths?: readonly PathSpec[];
  readonly topology?: TopologySpec;
  readonly protocol?: ProtocolSpec;
  readonly workload: WorkloadSpec;
  /** Virtual time after which the run ends at the latest. */
  readonly duration?: string;
  /** End the run when the application got nothing for so long. */
  readonly stopWhenStalled?: string;
  readonly changes?: readonly ChangeSpec[];
  /** The part of the run over which goodput is measured; all of it by default. */
  readonly measure?: { readonly from?: string; readonly to?: string };
  readonly expect?: ExpectSpec;
}

/** What both directions of a link share, and each direction may override. */
export interface LinkShape {
  readonly rate?: string;
  /** One way. */
  readonly delay?: string;
  /** Both ways together: the delay is half of it. */
  readonly rtt?: string;
  readonly queue?: QueueSpec;
  readonly loss?: string | number | GilbertElliottSpec;
  /** Random extra delay, uniform from 0 to this; the order is kept. */
  readonly jitter?: string;
}

/** Capacity of a drop-tail queue, in one unit. `bdp` is in multiples of rate times round-trip time. */
export interface QueueSpec {
  readonly packets?: number;
  readonly bytes?: string;
  readonly bdp?: number;
}

/** Loss in bursts: a two-state Markov chain, stepped once per packet. */
export interface GilbertElliottSpec {
  /** Probability of going from the good to the bad state. */
  readonly toBad: string | number;
  /** Probability of going back. */
  readonly toGood: string | number;
  /** Loss in the bad state (default 100 %) and in the good one (default 0). */
  readonly bad?: string | number;
  readonly good?: string | number;
}

export interface PathSpec extends LinkShape {
  readonly name: string;
  /** The client's address on this path; made up by default. */
  readonly client?: string;
  /** The server's address on this path, when it has one of its own; by default the server has one address for all paths. */
  readonly server?: string;
  /** Octets (default 1500). */
  readonly mtu?: number;
  /** Use it only when no other path works. */
  readonly backup?: boolean;
  /** Put a network address translator in front of the client. */
  readonly nat?: boolean;
  /** Whether the client has its address from the start (default true); a change may add it later. */
  readonly present?: boolean;
  /** Client to server, where it differs. */
  readonly up?: LinkShape;
  /** Server to client, where it differs. */
  readonly down?: LinkShape;
}

/** Any network of hosts, routers and links. Routes are shortest paths. */
export interface TopologySpec {
  readonly hosts: readonly HostSpec[];
  readonly routers?: readonly RouterSpec[];
  readonly links: readonly LinkSpec[];
}

export interface HostSpec {
  readonly name: string;
  readonly interfaces: readonly InterfaceSpec[];
}

export interface InterfaceSpec {
  readonly name: string;
  readonly address?: string;
  readonly backup?: boolean;
  /** Announce the address to peers (ADD_ADDR). */
  readonly signal?: boolean;
  readonly present?: boolean;
}

export interface RouterSpec {
  readonly name: string;
  /** Translate addresses of whatever is behind it, away from the server. */
  readonly nat?: boolean;
}

export interface LinkSpec extends LinkShape {
  readonly name: string;
  /** "host.interface" or a router's name, twice. "up" is from the first to the second. */
  readonly ends: readonly [string, string];
  readonly mtu?: number;
  readonly up?: LinkShape;
  readonly down?: LinkShape;
}

export interface ProtocolSpec {
  readonly transport?: "mptcp" | "tcp";
  readonly scheduler?: string;
  readonly congestion?: string;
  /** What is done with the paths: all at once, one until it fails, or only ever one (default full). */
  readonly mode?: "full" | "backup" | "single-path";
  /** "auto" (default), a size for both buffers, or one of each. */
  readonly buffers?: string | { readonly send?: string; readonly receive?: string };
  readonly minRto?: string;
  readonly maxRto?: string;
  readonly delayedAck?: string;
  /** Segments (default 10). */
  readonly initialWindow?: number;
  /** Retransmission timeouts in a row before a subflow is given up. */
  readonly retries?: number;
  readonly sack?: boolean;
  readonly timestamps?: boolean;
  readonly noDelay?: boolean;
  /** Checksums over all data (DSS checksum, RFC 8684 §3.3.1); off unless given. */
  readonly checksum?: boolean;
  readonly opportunisticRetransmission?: boolean;
  readonly penalisation?: boolean;
  /** How long a connection without subflows waits for one. */
  readonly noSubflowTimeout?: string;
  /** Subflows beside the first. */
  readonly maxSubflows?: number;
}

/** Exactly one kind of work. */
export interface WorkloadSpec {
  readonly bulk?: BulkSpec;
  readonly request?: RequestSpec;
  readonly live?: LiveSpec;
  /** Host that connects and host that listens; by default the first and the second. */
  readonly from?: string;
  readonly to?: string;
}

/** One transfer as fast as it goes: of a file, of so many bytes, or endless. */
export interface BulkSpec {
  readonly bytes?: string;
  /** A path, or true for the file that the caller names (or one that is on every machine). */
  readonly file?: string | boolean;
  readonly direction?: "download" | "upload";
  /** Bytes that are made up (default), or lengths without content, which cost no memory and cannot be compared. */
  readonly content?: "random" | "virtual";
}

/** Requests and responses in turn on one connection. */
export interface RequestSpec {
  readonly count: number;
  readonly request: string;
  readonly response: string;
  /** Pause between a response and the next request. */
  readonly interval?: string;
}

/** A source that writes at its own pace. */
export interface LiveSpec {
  readonly rate: string;
  /** Time between two writes (default 20 ms). */
  readonly interval?: string;
  readonly direction?: "download" | "upload";
  /** Stop writing after so long; by default only when the run ends. */
  readonly length?: string;
}

/** Something that happens to the network while data flows. */
export interface ChangeSpec {
  /** When: a time of the run ... */
  readonly at?: string;
  /** ... or a progress: "received 1/3". */
  readonly when?: string;
  /** So much later than that. */
  readonly after?: string;
  /** What: a path, a link of the topology, or an interface ("host.interface"). */
  readonly path?: string;
  readonly link?: string;
  readonly interface?: string;
  /** For a link's properties: one direction only (default both). */
  readonly direction?: "up" | "down" | "both";
  /** A link that is down loses what it is given, silently. */
  readonly state?: "up" | "down";
  /** The host hears of it: its address goes or comes. */
  readonly address?: "removed" | "added";
  readonly rate?: string;
  readonly delay?: string;
  readonly rtt?: string;
  readonly loss?: string | number | GilbertElliottSpec;
}

export interface ExpectSpec {
  /** How the run should end (default completed). */
  readonly outcome?: Outcome | readonly Outcome[];
  /** No pause of the application may be longer. */
  readonly maxStall?: string;
  /** Some pause of the application must be at least so long. */
  readonly minStall?: string;
  /** Whether Multipath TCP may be (true: must be) given up. */
  readonly fallback?: boolean;
}

/** How a run ended. */
export type Outcome = (typeof OUTCOMES)[number];

/**
 * - completed: everything arrived unchanged, or an endless workload ran to its end
 * - stalled: nothing arrived any more
 * - broken: the connection ended with an error
 * - unfinished: data still flowed when the time was over
 * - corrupt: what arrived is not what was sent
 * - interrupted: the caller stopped the run
 */
export const OUTCOMES = ["completed", "stalled", "broken", "unfinished", "corrupt", "interrupted"] as const;
