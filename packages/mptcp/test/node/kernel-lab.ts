import { expect } from "vitest";
import type { DecisionEvent } from "../../src/core/index.ts";
import type { ConnectOptions, ListenOptions } from "../../src/host/index.ts";
import { MptcpConnection } from "../../src/mptcp/index.ts";
import type { EndpointFlags, MptcpConfig, SubflowView } from "../../src/mptcp/index.ts";
import type { TunLink } from "../../src/node/tun/index.ts";
import type { TcpConfig } from "../../src/tcp/index.ts";
import { EngineEnd, patternSha } from "./engine-end.ts";
import type { Stream } from "./engine-end.ts";
import { Namespace } from "./namespace.ts";
import type { KernelPeer } from "./namespace.ts";

export type Family = 4 | 6;

/** What is carried each way where that is what a test is about; `npm run kernel` has 100. */
export const MEGABYTES = Number(process.env["KERNEL_MEGABYTES"] ?? 5);
/** How many connections there are where many are what a test is about; `npm run kernel` has 10,000. */
export const CONNECTIONS = Number(process.env["KERNEL_CONNECTIONS"] ?? 2000);
/** How many connections there are in quick succession, where the same few ports come again; `npm run churn` has 10,000. */
const MANY = Number(process.env["KERNEL_CHURN"] ?? 900);
/** How many, from how many ports, in a second. A machine that is slow for a moment must not run out of ports. */
export const CHURN = { count: MANY, ports: Math.max(300, MANY / 10), rate: 250 };
/** What is carried each way where it shows that a connection goes on, octets. */
export const MUCH = Math.min(10, MEGABYTES) * 1_000_000;

/** Parameters of {@link KernelLab.make}. */
export interface LabOptions {
  /** TUN devices between the two, 10.N.0.0/24 and fd00:N::/64, the kernel at .1 and the engine at .2; default 1. */
  readonly links?: number;
  /** In place of `links`: devices with addresses of one family each. */
  readonly families?: readonly Family[];
  /** MTU of each device; 1500 unless given. */
  readonly mtus?: readonly number[];
  /** What the path manager may do with the engine's addresses. */
  readonly flags?: Partial<EndpointFlags>;
  readonly offload?: boolean;
  readonly mptcp?: Partial<MptcpConfig>;
  readonly tcp?: Partial<TcpConfig>;
}

/** The kernel's address on the n-th device, from 1. */
export function kernelAddress(n: number, family: Family): string {
  return family === 4 ? `10.${n}.0.1` : `fd00:${n}::1`;
}

/** The engine's address on the n-th device. */
export function engineAddress(n: number, family: Family): string {
  return family === 4 ? `10.${n}.0.2` : `fd00:${n}::2`;
}

/** The engine in this process and the kernel in a namespace, with devices between them. */
export class KernelLab {
  readonly namespace = new Namespace();
  readonly engine: EngineEnd;
  readonly events: DecisionEvent[] = [];
  private readonly options: LabOptions;
  private linkCount = 0;
  private static readonly open = new Set<KernelLab>();

  private constructor(options: LabOptions) {
    this.options = options;
    this.engine = new EngineEnd({
      observer: { event: (event) => this.events.push(event) },
      ...(options.mptcp === undefined ? {} : { mptcp: options.mptcp }),
      ...(options.tcp === undefined ? {} : { tcp: options.tcp }),
    });
    KernelLab.open.add(this);
  }

  static async make(options: LabOptions = {}): Promise<KernelLab> {
    const lab = new KernelLab(options);
    const families = options.families ?? Array.from({ length: options.links ?? 1 }, () => null);
    for (const [i, family] of families.entries()) await lab.addLink(family, options.mtus?.[i]);
    return lab;
  }

  /** Whether the devices have different families. */
  private get isDual(): boolean {
    return new Set(this.options.families).size > 1;
  }

  /** Closes what tests left open. */
  static async closeAll(): Promise<void> {
    for (const lab of KernelLab.open) {
      await lab.engine.close();
      await lab.namespace.close();
    }
    KernelLab.open.clear();
  }

  /** One more device, with addresses of both families unless one is named. */
  async addLink(only: Family | null = null, mtu = 1500): Promise<TunLink> {
    const n = ++this.linkCount;
    const { offload, flags } = this.options;
    const families: readonly Family[] = only === null ? [4, 6] : [only];
    const options = {
      name: `tun${n}`,
      host: families.map((family) => engineAddress(n, family)),
      kernel: families.map((family) => `${kernelAddress(n, family)}/${family === 4 ? 24 : 64}`),
      namespace: this.namespace.path,
      mtu,
      ...(offload === undefined ? {} : { offload }),
    };
    return this.engine.link(options, flags);
  }

  /** A connection that the engine opened to the kernel's MPTCP socket. */
  async client(address = "10.1.0.1", options: ConnectOptions = {}, kernel: KernelSocketOptions = {}): Promise<Connected> {
    const peer = this.namespace.peer();
    // On every address: joins come to others than the first.
    expect(await peer.do("listen", { address: this.isDual || address.includes(":") ? "::" : "0.0.0.0", port: 4000, dual: this.isDual, ...kernel })).toEqual({});
    const accepted = peer.do("accept");
    const stream = this.engine.connect(address, 4000, options);
    expect(await accepted).not.toHaveProperty("error");
    await stream.connected();
    return { peer, stream };
  }

  /** A connection that the kernel opened to the engine. */
  async server(address = "10.1.0.2", options: ListenOptions = {}, kernel: KernelSocketOptions = {}): Promise<Connected> {
    this.engine.listen(4000, options);
    const peer = this.namespace.peer();
    const accepted = this.engine.accept();
    expect(await peer.do("connect", { address, port: 4000, dual: this.isDual, ...kernel })).toEqual({});
    return { peer, stream: await accepted };
  }

  /** `length` octets each way at once and the end of both, after whatever came before, checked by their sums. */
  async exchange({ peer, stream }: Connected, length: number): Promise<void> {
    const before = stream.received;
    const start = stream.written;
    stream.restart();
    stream.send(length, true);
    const answer = await peer.do("exchange", { bytes: length });
    await stream.ended();
    expect(answer).toMatchObject({ received: length, sha: patternSha(length, start), sent: length });
    expect(stream.received - before).toBe(length);
    expect(stream.sha).toBe(answer.sentSha);
  }

  /** {@link MUCH} each way and the end, as Multipath TCP. */
  async exchangeMuch(connected: Connected): Promise<void> {
    await this.exchange(connected, MUCH);
    expect(connected.stream.connection.fallback).toBeNull();
  }

  /** The kernel sends something, which lets the engine open subflows, and takes something. */
  async warmUp({ peer, stream }: Connected, bytes = 100_000): Promise<void> {
    const before = stream.received;
    stream.send(bytes);
    expect(await peer.do("receive", { bytes })).toMatchObject({ received: bytes });
    await peer.do("send", { bytes });
    await stream.until(() => stream.received === before + bytes);
  }

  /**
   * Both ends counted the same: what one sent, the other received, entry by entry; and the kernel found nothing wrong with what came from here.
   * @param except the kernel's counters of what this test breaks
   */
  async agree(except: readonly string[] = []): Promise<void> {
    const { counters } = this.engine.runtime.host;
    const mirrored = MIRRORED.filter(([kernels]) => !except.includes(kernels));
    const ours = (): Record<string, number> => Object.fromEntries(mirrored.map(([kernels, own]) => [kernels, counters.value(own)]));
    const theirs = (): Record<string, number> => {
      const all = this.namespace.counters();
      return Object.fromEntries(mirrored.map(([kernels]) => [kernels, all.get(kernels) ?? 0]));
    };
    // The last packets may still be on their way.
    for (let tries = 0; tries < 300 && JSON.stringify(ours()) !== JSON.stringify(theirs()); tries++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(theirs()).toEqual(ours());
    const all = this.namespace.counters();
    const wrong = FAULTS.filter((name) => !except.includes(name) && (all.get(name) ?? 0) !== 0).map((name) => `kernel ${name}`);
    const own = OWN_FAULTS.filter((name) => !except.includes(name) && counters.value(name) !== 0);
    expect([...wrong, ...own], this.report()).toEqual([]);
    // The kernel takes one announcement at a time, and drops what comes while it is at work, or the echo: it comes again.
    const count = (name: string): number => all.get(`MPTcpExt${name}`) ?? 0;
    expect(count("AddAddrDrop"), this.report()).toBeLessThanOrEqual(Math.max(0, count("AddAddr") - count("EchoAddTx")));
  }

  /** Waits until `holds`, for what raises no event. @throws Error with what both ends counted, after thirty seconds */
  async until(holds: () => boolean): Promise<void> {
    for (let tries = 0; !holds(); tries++) {
      if (tries === 3000) throw new Error(`${holds.toString()} did not come true: ${this.report()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** Waits until the kernel's counter has reached `least`. The engine has no part in some of what is counted, so it is asked again and again. */
  async counted(name: string, least = 1): Promise<void> {
    for (let tries = 0; this.namespace.counter(name) < least; tries++) {
      if (tries === 1000) throw new Error(`${name} did not reach ${least}: ${this.report()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** What both ends counted, for a failure's message. */
  report(): string {
    const kernel = Array.from(this.namespace.counters()).filter(([name, value]) => name.startsWith("MPTcpExt") && value !== 0);
    return JSON.stringify({ kernel: Object.fromEntries(kernel), engine: this.engine.runtime.host.counters.snapshot(), events: this.events.filter((event) => event.kind !== "tcp_state").slice(-40) });
  }
}

/** What is unusual about the kernel's socket. */
export interface KernelSocketOptions {
  /** Regular TCP when false. */
  readonly mptcp?: boolean;
}

/** The two ends of one connection. */
export interface Connected {
  readonly peer: KernelPeer;
  readonly stream: Stream;
}

/** Subflows of the engine's end that are established. */
export function subflowsOf(stream: Stream): number {
  const { connection } = stream;
  if (!(connection instanceof MptcpConnection)) return 0;
  return connection.subflows.filter((subflow) => subflow.tcp.established).length;
}

/** The engine's end as Multipath TCP. @throws Error when it is regular TCP from the start */
export function mptcpOf(stream: Stream): MptcpConnection {
  const { connection } = stream;
  if (!(connection instanceof MptcpConnection)) throw new Error("not a Multipath TCP connection");
  return connection;
}

/** Bytes that left on each subflow of the engine. */
export function sentBySubflow(stream: Stream): number[] {
  return mptcpOf(stream).subflows.map((subflow: SubflowView) => subflow.tcp.sender.nxt);
}

/** The kernel's counter, and ours of the other end of the same event. */
const MIRRORED: readonly (readonly [kernels: string, ours: string])[] = [
  ["MPTcpExtMPCapableSYNRX", "MPTcpExtMPCapableSYNTX"],
  ["MPTcpExtMPCapableSYNTX", "MPTcpExtMPCapableSYNRX"],
  ["MPTcpExtMPCapableSYNACKRX", "MPTcpExtMPCapableACKRX"],
  ["MPTcpExtMPCapableACKRX", "MPTcpExtMPCapableSYNACKRX"],
  ["MPTcpExtMPJoinSynRx", "MPTcpExtMPJoinSynTx"],
  ["MPTcpExtMPJoinSynTx", "MPTcpExtMPJoinSynRx"],
  ["MPTcpExtMPJoinSynAckRx", "MPTcpExtMPJoinAckRx"],
  ["MPTcpExtMPJoinAckRx", "MPTcpExtMPJoinSynAckRx"],
  ["MPTcpExtAddAddr", "MPTcpExtAddAddrTx"],
  ["MPTcpExtAddAddrTx", "MPTcpExtAddAddr"],
  ["MPTcpExtEchoAdd", "MPTcpExtEchoAddTx"],
  ["MPTcpExtEchoAddTx", "MPTcpExtEchoAdd"],
  ["MPTcpExtRmAddr", "MPTcpExtRmAddrTx"],
  ["MPTcpExtRmAddrTx", "MPTcpExtRmAddr"],
  ["MPTcpExtMPPrioRx", "MPTcpExtMPPrioTx"],
  ["MPTcpExtMPPrioTx", "MPTcpExtMPPrioRx"],
  ["MPTcpExtMPFailRx", "MPTcpExtMPFailTx"],
  ["MPTcpExtMPFailTx", "MPTcpExtMPFailRx"],
  ["MPTcpExtMPFastcloseRx", "MPTcpExtMPFastcloseTx"],
  ["MPTcpExtMPFastcloseTx", "MPTcpExtMPFastcloseRx"],
  ["MPTcpExtMPRstRx", "MPTcpExtMPRstTx"],
  ["MPTcpExtMPRstTx", "MPTcpExtMPRstRx"],
  ["MPTcpExtInfiniteMapRx", "MPTcpExtInfiniteMapTx"],
  ["MPTcpExtInfiniteMapTx", "MPTcpExtInfiniteMapRx"],
];

/** The kernel's counters that only a fault of its peer, or of the path, moves. */
const FAULTS = [
  "MPTcpExtMPCapableFallbackACK",
  "MPTcpExtMPCapableFallbackSYNACK",
  "MPTcpExtMPCapableSYNTXDrop",
  "MPTcpExtMPJoinNoTokenFound",
  "MPTcpExtMPJoinSynAckHMacFailure",
  "MPTcpExtMPJoinAckHMacFailure",
  "MPTcpExtMPJoinRejected",
  "MPTcpExtDSSNotMatching",
  "MPTcpExtDSSCorruptionFallback",
  "MPTcpExtDSSCorruptionReset",
  "MPTcpExtDSSNoMatchTCP",
  "MPTcpExtDataCsumErr",
  "MPTcpExtRmAddrDrop",
  "MPTcpExtMismatchPortSynRx",
  "MPTcpExtMismatchPortAckRx",
  "MPTcpExtMPCapableDataFallback",
  "MPTcpExtDssFallback",
  "MPTcpExtFallbackFailed",
];

const OWN_FAULTS = ["MPTcpExtMPJoinNoTokenFound", "MPTcpExtMPJoinSynAckHMacFailure", "MPTcpExtMPJoinAckHMacFailure", "MPTcpExtMPJoinRejected", "MPTcpExtDSSNotMatching", "MPTcpExtDSSNoMapping", "MPTcpExtDataCsumErr", "MPTcpExtAddAddrDrop"];
