import type { ConnectOptions } from "mptcp";
import { MILLISECOND, newReno, SECOND } from "mptcp";
import type { MptcpConfig, TcpConfig } from "mptcp";
import type { Packet } from "mptcp/wire";
import { BulkSender, multiPath, Simulation, Sink } from "mptcp/sim";
import type { AccessPath, PipeTap } from "mptcp/sim";

/** One access path of an experiment. */
export interface PathSetting {
  /** Bits per second. */
  readonly rate: number;
  /** Round-trip time without queueing, ms. */
  readonly rttMs: number;
  /** Queue in packets; one bandwidth-delay product unless given. */
  readonly queuePackets?: number;
  /** Random loss towards the server. */
  readonly loss?: number;
}

export interface BulkSetting {
  readonly paths: readonly PathSetting[];
  readonly seed: number;
  /** Virtual seconds between which goodput is measured. */
  readonly from: number;
  readonly to: number;
  /** Multipath TCP with LIA, or plain TCP with NewReno over the first path. */
  readonly protocol: "lia" | "reno-tcp";
  /** Fixed send and receive buffers, bytes; auto-tuned unless given. */
  readonly buffer?: number;
  readonly opportunistic?: boolean;
  readonly penalise?: boolean;
}

export interface BulkResult {
  /** Application bits per second. */
  readonly goodput: number;
  /** Sum over links of rate x payload octets / wire octets as really sent. */
  readonly ceiling: number;
  readonly wallSeconds: number;
}

/** One endless upload over n access paths. */
export function runBulk(setting: BulkSetting): BulkResult {
  const started = process.hrtime.bigint();
  const simulation = new Simulation({ seed: setting.seed });
  const plain = setting.protocol === "reno-tcp";
  const buffer = setting.buffer === undefined ? {} : { receiveBuffer: fixed(setting.buffer), sendBuffer: fixed(setting.buffer) };
  const tcp: Partial<TcpConfig> = { ...buffer, ...(plain ? { congestion: newReno } : {}) };
  const mptcp: Partial<MptcpConfig> = {
    ...(setting.opportunistic === undefined ? {} : { opportunisticRetransmission: setting.opportunistic }),
    ...(setting.penalise === undefined ? {} : { penalisation: setting.penalise }),
  };
  const network = multiPath(simulation, { paths: setting.paths.map(accessPath), client: { tcp, mptcp }, server: { tcp, mptcp } });
  const meters = network.access.map((link) => {
    const meter = new PayloadMeter();
    link.forward.addTap(meter);
    return meter;
  });
  const sink = new Sink();
  const options: ConnectOptions = plain ? { multipath: false } : {};
  network.server.listen(80, () => sink, options);
  const server = network.serverAddresses[0]?.[0];
  if (server === undefined) throw new Error("the server has no address");
  network.client.connect(server, 80, new BulkSender(), options);
  simulation.run(setting.from * SECOND);
  const before = sink.bytesRead;
  for (const meter of meters) meter.reset();
  simulation.run(setting.to * SECOND);
  const goodput = ((sink.bytesRead - before) * 8) / (setting.to - setting.from);
  const ceiling = setting.paths.reduce((sum, path, i) => sum + path.rate * (meters[i]?.ratio ?? 0), 0);
  return { goodput, ceiling, wallSeconds: Number(process.hrtime.bigint() - started) / 1e9 };
}

function accessPath(path: PathSetting): AccessPath {
  const bdp = Math.max(1, Math.round((path.rate * path.rttMs) / 1000 / 8 / 1500));
  return {
    rate: path.rate,
    delay: (path.rttMs / 2) * MILLISECOND,
    queue: { packets: path.queuePackets ?? bdp },
    ...(path.loss === undefined ? {} : { forward: { loss: path.loss } }),
  };
}

function fixed(bytes: number): TcpConfig["receiveBuffer"] {
  return { initial: bytes, max: bytes, autoTune: false };
}

/** Payload and wire octets that a pipe delivered. */
class PayloadMeter implements PipeTap {
  private payload = 0;
  private wire = 0;

  /** Payload octets per wire octet. */
  get ratio(): number {
    return this.wire === 0 ? 0 : this.payload / this.wire;
  }

  reset(): void {
    this.payload = 0;
    this.wire = 0;
  }

  entered(): void {}
  dropped(): void {}
  delivered(packet: Packet): void {
    this.payload += packet.tcp?.payload.length ?? 0;
    this.wire += packet.length;
  }
}
