import { spawnSync } from "node:child_process";
import { Simulation } from "mptcp/sim";
import type { LinkOptions, PipeOptions, SimHost, SimNode } from "mptcp/sim";
import { IpAddress } from "mptcp/wire";
import { congestionControls, MptcpError } from "mptcp";
import { DeviceNode } from "../emulator/device-node.ts";
import { AddedDelay } from "../emulator/added-delay.ts";
import { RealTime } from "../emulator/real-time.ts";
import { Device } from "../system/device.ts";
import { Namespace } from "../system/namespace.ts";
import { setUp } from "../system/netlink.ts";
import { Promptness } from "../system/promptness.ts";
import { Sysctl } from "../system/sysctl.ts";
import { system } from "../system/system.ts";
import type { Condition, FlowResult, Workload } from "./condition.ts";
import { SEGMENT } from "./condition.ts";
import { EngineClient, serveByEngine } from "./engine-end.ts";
import type { ClientEnd, OpenFlow } from "./ends.ts";
import { KernelClient, serveByKernel } from "./kernel-end.ts";
import type { KernelPlace } from "./kernel-socket.ts";
import { LostSegmentsModel } from "./lost-segments.ts";

/** Who is at an end: the engine, or this machine's kernel. */
export type Stack = "engine" | "kernel";

export interface RunOptions {
  /** Who sends: the one that is judged. */
  readonly server: Stack;
  readonly client: Stack;
  readonly seed: number;
  /** By the machine's clock, as every run is in which the kernel takes part; otherwise virtual, and the same for the same seed. */
  readonly isReal: boolean;
  /** Congestion control of both ends, unless the condition has one of its own. */
  readonly congestion: "cubic" | "reno" | "bbr";
}

export interface RunResult {
  readonly flows: readonly FlowResult[];
  /** Bits of payload per second, of a bulk transfer. */
  readonly goodput: number | null;
  /** Packets that the ends that are kernels were given, super-segments counting once; by path. */
  readonly given: readonly number[];
  /** What the tool itself added to the delay of packets; null in virtual time. */
  readonly addedDelay: DelayFigures | null;
}

/** ns. */
export interface DelayFigures {
  readonly packets: number;
  readonly median: number;
  readonly p99: number;
  readonly largest: number;
}

/** Carries a condition out once. @throws MptcpError where the kernel is wanted and cannot be had */
export function runCondition(condition: Condition, options: RunOptions): RunResult {
  const isReal = options.isReal || options.server === "kernel" || options.client === "kernel";
  return isReal ? inRealTime(condition, options) : inVirtualTime(condition, options);
}

function inVirtualTime(condition: Condition, options: RunOptions): RunResult {
  const simulation = new Simulation({ seed: options.seed });
  const [server, client] = [new EngineGround("server", condition, options, simulation), new EngineGround("client", condition, options, simulation)];
  const transfer = begin(simulation, condition, server, client);
  while (!transfer.isOver && simulation.now < transfer.deadline) simulation.run(simulation.now + STEP);
  return { flows: transfer.results(), goodput: transfer.goodput, given: [], addedDelay: null };
}

function inRealTime(condition: Condition, options: RunOptions): RunResult {
  const calls = system();
  const promptness = new Promptness(calls);
  const simulation = new Simulation({ seed: options.seed });
  const time = new RealTime(calls, simulation);
  const kernels: KernelGround[] = [];
  const groundOf = (side: Side): Ground => {
    if (options[side] === "engine") return new EngineGround(side, condition, options, simulation);
    const ground = new KernelGround(side, condition, options, time);
    kernels.push(ground);
    return ground;
  };
  promptness.raise();
  try {
    const [server, client] = [groundOf("server"), groundOf("client")];
    const transfer = begin(simulation, condition, server, client);
    time.run(() => transfer.isOver, transfer.deadline);
    const addedDelay = new AddedDelay();
    const given: number[] = [];
    for (const { nodes } of kernels) {
      for (const [path, { lateness }] of nodes.entries()) {
        addedDelay.addAll(lateness);
        given[path] = (given[path] ?? 0) + lateness.count;
      }
    }
    const { count: packets, largest } = addedDelay;
    return { flows: transfer.results(), goodput: transfer.goodput, given, addedDelay: { packets, median: addedDelay.quantile(0.5), p99: addedDelay.quantile(0.99), largest } };
  } finally {
    promptness.lower();
    time.close();
    for (const kernel of kernels) kernel.close();
  }
}

/** Joins the ends, and has the workload begin. */
function begin(simulation: Simulation, condition: Condition, server: Ground, client: Ground): Transfer {
  server.nodes.forEach((node, path) => join(simulation, condition, node, client.nodes[path]!, path === 0 ? "path" : `path${path + 1}`));
  server.serve();
  return new Transfer(simulation, condition, client.client());
}

type Side = "server" | "client";

/** One end of the paths, with its stack, and its node on each; it serves, or has clients, once it is linked. */
interface Ground {
  readonly nodes: readonly SimNode[];
  serve(): void;
  client(): ClientEnd;
}

/** A host of the simulation. */
class EngineGround implements Ground {
  readonly nodes: readonly SimNode[];
  private readonly host: SimHost;
  private readonly side: Side;
  private readonly condition: Condition;

  constructor(side: Side, condition: Condition, options: RunOptions, simulation: Simulation) {
    const { congestion, paths = 1, tcp = {} } = condition;
    this.side = side;
    this.condition = condition;
    this.host = simulation.addHost(side, {
      profile: "linux",
      tcp: {
        congestion: congestionControls[congestion ?? options.congestion],
        ...(tcp.sack === false ? { sack: false } : {}),
        ...(tcp.timestamps === false ? { timestamps: false } : {}),
        blackHoleDetection: tcp.mtuProbing === true,
      },
    });
    this.nodes = Array.from({ length: paths }, () => this.host);
  }

  serve(): void {
    this.addAddresses();
    serveByEngine(this.host);
  }

  client(): ClientEnd {
    this.addAddresses();
    return new EngineClient(this.host, addressOf("server", this.condition, 0), this.nodes.length > 1);
  }

  private addAddresses(): void {
    this.nodes.forEach((_, path) => this.host.addAddress(addressOf(this.side, this.condition, path), { link: path }));
  }
}

/** A network namespace of the kernel, joined to the simulation by a device for each path. */
class KernelGround implements Ground {
  readonly nodes: readonly DeviceNode[];
  private readonly namespace: Namespace;
  private readonly devices: Device[] = [];
  private readonly place: KernelPlace;

  constructor(side: Side, condition: Condition, options: RunOptions, time: RealTime) {
    const { congestion, paths = 1, segmentation = false, tcp = {} } = condition;
    const calls = system();
    this.namespace = new Namespace(calls);
    const sysctl = new Sysctl(this.namespace);
    for (const [name, value] of SETTINGS) sysctl.write(name, value);
    if (tcp.sack === false) sysctl.write("net.ipv4.tcp_sack", "0");
    if (tcp.timestamps === false) sysctl.write("net.ipv4.tcp_timestamps", "0");
    if (tcp.mtuProbing === true) sysctl.write("net.ipv4.tcp_mtu_probing", "1");
    if (paths > 1) allowJoins(this.namespace);
    this.nodes = Array.from({ length: paths }, (_, path) => {
      const own = addressOf(side, condition, path);
      const device = this.namespace.inside(() => new Device(calls, `tun${path}`, segmentation ? "segmentation" : "none"));
      this.devices.push(device);
      const [local, remote] = own.family === 4 ? [`${String(own)}/24`, `10.${77 + path}.0.0/16`] : [`${String(own)}/64`, `fd${77 + path}::/32`];
      this.namespace.inside(() => setUp(calls, `tun${path}`, { local: [local], remote: [remote], mtu: 1500, segmentation }));
      return new DeviceNode(`${side}${path}`, device, [own], time);
    });
    this.place = { system: calls, namespace: this.namespace, time, address: addressOf("server", condition, 0), congestion: congestion ?? options.congestion, isMultipath: paths > 1 };
  }

  serve(): void {
    serveByKernel(this.place);
  }

  client(): ClientEnd {
    return new KernelClient(this.place);
  }

  close(): void {
    for (const device of this.devices) device.close();
    this.namespace.close();
  }
}

/** Has the kernel join by the addresses that it is told of. @throws MptcpError with what the kernel refused */
function allowJoins(namespace: Namespace): void {
  const { status, stderr, error } = namespace.inside(() => spawnSync("ip", ["mptcp", "limits", "set", "subflows", "2", "add_addr_accepted", "2"], { encoding: "utf8" }));
  if (status !== 0) throw new MptcpError("ERR_MPTCP_TUN", `ip mptcp limits: ${error?.message ?? stderr}`);
}

/** Links the ends by one path, server first. */
function join(simulation: Simulation, condition: Condition, server: SimNode, client: SimNode, name: string): void {
  const { forward, backward, lost, changes, segmentation = false, workload } = condition;
  const loss: PipeOptions = lost === undefined || workload.kind !== "flows" ? {} : { loss: new LostSegmentsModel(lost, workload.segments * SEGMENT) };
  const options: LinkOptions = { name, forward: { ...forward, ...loss, segmentation }, backward: { ...backward, segmentation } };
  const link = simulation.connect(server, client, options);
  if (changes === undefined) return;
  const change = (at: number): void => {
    simulation.at(at, (now) => {
      link.forward.change(changes.forward, now);
      simulation.after(changes.time, (then) => link.forward.change(forward, then));
      change(at + changes.every);
    });
  };
  change(changes.at);
}

/** Carries out a workload. */
class Transfer {
  isOver = false;
  /** When it is given up, ns. */
  readonly deadline: number;
  goodput: number | null = null;
  private readonly simulation: Simulation;
  private readonly client: ClientEnd;
  private readonly done: FlowResult[] = [];
  private readonly open = new Map<OpenFlow, number>();
  private begun = 0;

  constructor(simulation: Simulation, condition: Condition, client: ClientEnd) {
    this.simulation = simulation;
    this.client = client;
    const { workload } = condition;
    this.deadline = START + (workload.kind === "bulk" ? workload.time + SECOND : workload.count * workload.every + PATIENCE);
    simulation.at(START, (now) => {
      if (workload.kind === "bulk") this.bulk(workload.time, now);
      else if (workload.kind === "flows") this.next(workload, now);
      else this.ask(workload);
    });
  }

  /** All flows, those that did not end among them. */
  results(): readonly FlowResult[] {
    return [...this.done, ...[...this.open].map(([{ octets }, startedAt]) => ({ startedAt, endedAt: null, octets }))];
  }

  private bulk(time: number, now: number): void {
    const flow = this.client.open(2 ** 40, () => {});
    this.simulation.at(now + time, () => {
      this.goodput = (flow.octets * 8e9) / time;
      flow.abort();
      this.isOver = true;
    });
  }

  private next(workload: Pieces, now: number): void {
    const flow: OpenFlow = this.client.open(workload.segments * SEGMENT, (result) => {
      this.open.delete(flow);
      this.note(result, workload);
    });
    this.open.set(flow, now);
    if (++this.begun < workload.count) this.simulation.at(now + workload.every, (then) => this.next(workload, then));
  }

  private ask(workload: Pieces): void {
    const flow = this.client.keep(workload.segments * SEGMENT, (result) => {
      this.note(result, workload);
      if (this.isOver) flow.abort();
      else this.simulation.after(workload.every, () => flow.ask());
    });
    flow.ask();
  }

  private note(result: FlowResult, { count }: Pieces): void {
    this.done.push(result);
    this.isOver = this.done.length === count;
  }
}

/** Transfers of a known size. */
type Pieces = Exclude<Workload, { readonly kind: "bulk" }>;

const SECOND = 1e9;
/** Both ends are up by then. */
const START = 0.05 * SECOND;
const STEP = 0.1 * SECOND;
/** How long the last flow may take. */
const PATIENCE = 60 * SECOND;
const SETTINGS = [
  // What one flow learnt of the path is not for the next: each is judged by itself.
  ["net.ipv4.tcp_no_metrics_save", "1"],
  ["net.ipv6.conf.default.accept_dad", "0"],
  ["net.ipv6.conf.default.router_solicitations", "0"],
  ["net.ipv6.conf.default.addr_gen_mode", "1"],
] as const;

function addressOf(side: Side, { family }: Condition, path: number): IpAddress {
  const [net, host] = [77 + path, side === "server" ? 1 : 2];
  return IpAddress.from(family === 4 ? `10.${net}.${host}.1` : `fd${net}:0:${host}::1`);
}
