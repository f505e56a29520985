import { expect } from "vitest";
import type { DecisionEvent } from "../../src/core/index.ts";
import type { ConnectOptions, ListenOptions } from "../../src/host/index.ts";
import { MptcpConnection } from "../../src/mptcp/index.ts";
import type { MptcpConfig } from "../../src/mptcp/index.ts";
import { EngineEnd, patternSha } from "./engine-end.ts";
import type { Stream } from "./engine-end.ts";
import { Namespace } from "./namespace.ts";
import type { KernelPeer } from "./namespace.ts";

/** Parameters of {@link KernelLab.make}. */
export interface LabOptions {
  /** TUN devices between the two, 10.N.0.0/24 and fd00:N::/64, the kernel at .1 and the engine at .2; default 1. */
  readonly links?: number;
  readonly offload?: boolean;
  readonly mptcp?: Partial<MptcpConfig>;
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
    });
    KernelLab.open.add(this);
  }

  static async make(options: LabOptions = {}): Promise<KernelLab> {
    const lab = new KernelLab(options);
    for (let i = 0; i < (options.links ?? 1); i++) await lab.addLink();
    return lab;
  }

  /** Closes what tests left open. */
  static async closeAll(): Promise<void> {
    for (const lab of KernelLab.open) {
      await lab.engine.close();
      await lab.namespace.close();
    }
    KernelLab.open.clear();
  }

  async addLink(): Promise<void> {
    const n = ++this.linkCount;
    const { offload } = this.options;
    await this.engine.link({
      name: `tun${n}`,
      host: [`10.${n}.0.2`, `fd00:${n}::2`],
      kernel: [`10.${n}.0.1/24`, `fd00:${n}::1/64`],
      namespace: this.namespace.path,
      ...(offload === undefined ? {} : { offload }),
    });
  }

  /** A connection that the engine opened to the kernel's MPTCP socket. */
  async client(address = "10.1.0.1", options: ConnectOptions = {}): Promise<Connected> {
    const peer = this.namespace.peer();
    // On every address: joins come to others than the first.
    expect(await peer.do("listen", { address: address.includes(":") ? "::" : "0.0.0.0", port: 4000 })).toEqual({});
    const accepted = peer.do("accept");
    const stream = this.engine.connect(address, 4000, options);
    expect(await accepted).not.toHaveProperty("error");
    await stream.connected();
    return { peer, stream };
  }

  /** A connection that the kernel opened to the engine. */
  async server(address = "10.1.0.2", options: ListenOptions = {}): Promise<Connected> {
    this.engine.listen(4000, options);
    const peer = this.namespace.peer();
    const accepted = this.engine.accept();
    expect(await peer.do("connect", { address, port: 4000 })).toEqual({});
    return { peer, stream: await accepted };
  }

  /** Both directions at once, checked by their sums. */
  async exchange({ peer, stream }: Connected, length: number): Promise<void> {
    stream.send(length, true);
    const answer = await peer.do("exchange", { bytes: length });
    await stream.ended();
    expect(answer).toMatchObject({ received: length, sha: patternSha(length), sent: length });
    expect(stream.received).toBe(length);
    expect(stream.sha).toBe(answer.sentSha);
  }

  /** 10 MB each way and the end, after other data: the sums of all that came are checked by length, those of the kernel's by content. */
  async exchange10({ peer, stream }: Connected): Promise<void> {
    const length = 10_000_000;
    const before = stream.received;
    const start = stream.written;
    stream.restart();
    stream.send(length, true);
    const answer = await peer.do("exchange", { bytes: length });
    await stream.ended();
    expect(answer).toMatchObject({ received: length, sha: patternSha(length, start), sent: length });
    expect(stream.received - before).toBe(length);
    expect(stream.sha).toBe(answer.sentSha);
    expect(stream.connection.fallback).toBeNull();
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
