import type { Observer } from "mptcp";
import { Simulation } from "mptcp/sim";
import type { SimNode } from "mptcp/sim";
import type { DeviceFrame } from "../system/device.ts";
import { complete } from "../system/device.ts";
import { Promptness } from "../system/promptness.ts";
import { system } from "../system/system.ts";
import type { System } from "../system/system.ts";
import { AddedDelay } from "./added-delay.ts";
import { DeviceNode } from "./device-node.ts";
import { Place } from "./place.ts";
import type { PlaceInterface } from "./place.ts";
import { RealTime } from "./real-time.ts";

/** Settings of an {@link Emulation}. */
export interface EmulationOptions {
  /** Of every random draw of the network. */
  readonly seed: number;
  /** Hears of what the network does to packets. */
  readonly observer?: Observer | null;
  /** Super-segments of the kernel cross whole: for networks in which no packet differs from the next one, see {@link Emulation.addDevice}. */
  readonly superSegments: boolean;
}

/** Gets packets as they leave the kernel or arrive there, with whole checksums. The octets are valid during the call. */
export type FrameSink = (octets: Uint8Array, direction: "in" | "out", now: number) => void;

/**
 * A network of the simulator between kernels, in real time: nodes and links are those of {@link Emulation.simulation}, and a host is a network namespace whose devices are nodes.
 * It has the thread to itself while it runs, so give it one of its own.
 *
 * @example
 * ```ts
 * const emulation = new Emulation({ seed: 1, superSegments: false });
 * const [left, right] = ["left", "right"].map((name) => emulation.addPlace(name, true));
 * const a = emulation.addDevice(left, { name: "eth0", address: IpAddress.from("10.0.0.1"), mtu: 1500, endpoint: [], isPresent: true });
 * const b = emulation.addDevice(right, { name: "eth0", address: IpAddress.from("10.0.0.2"), mtu: 1500, endpoint: [], isPresent: true });
 * emulation.simulation.connect(a, b, { rate: 10e6, delay: 20e6 });
 * emulation.run(60e9);
 * emulation.close();
 * ```
 */
export class Emulation {
  readonly simulation: Simulation;
  readonly places: Place[] = [];
  private readonly system: System;
  private readonly promptness: Promptness;
  private readonly time: RealTime;
  private readonly superSegments: boolean;
  private readonly nodes: DeviceNode[] = [];

  /** @throws MptcpError ERR_MPTCP_PLATFORM off Linux on x86-64, ERR_MPTCP_KOFFI_MISSING */
  constructor({ seed, observer = null, superSegments }: EmulationOptions) {
    this.system = system();
    this.promptness = new Promptness(this.system);
    this.simulation = new Simulation({ seed, observers: observer === null ? [] : [observer] });
    this.time = new RealTime(this.system, this.simulation);
    this.superSegments = superSegments;
  }

  /** A namespace, made here or there already. @throws MptcpError */
  addPlace(name: string, isMade: boolean): Place {
    const place = new Place(this.system, name, isMade);
    this.places.push(place);
    return place;
  }

  /** A device in a namespace, which is a node to be linked. With super-segments, its links need `segmentation`. @throws MptcpError */
  addDevice(place: Place, own: PlaceInterface): SimNode {
    const device = place.add(own, this.superSegments ? "segmentation" : "checksums");
    const node = new DeviceNode(`${place.name}.${own.name}`, device, [own.address], this.time);
    this.nodes.push(node);
    return node;
  }

  /** Has all packets that a device takes and gives told. */
  watch(node: SimNode, sink: FrameSink): void {
    if (!(node instanceof DeviceNode)) return;
    node.onFrame = (frame: DeviceFrame, direction, now): void => {
      const octets = frame.offload.checksumFrom < 0 ? frame.octets : frame.octets.slice();
      complete(octets, frame.offload);
      sink(octets, direction, now);
    };
  }

  /** Goes on for `time` ns, or until `isDone`, which is asked every 50 ms at least. */
  run(time: number, isDone: () => boolean = () => false): void {
    this.promptness.raise();
    try {
      this.time.run(isDone, this.time.clock + time);
    } finally {
      this.promptness.lower();
    }
  }

  /** ns since the beginning. */
  get clock(): number {
    return this.time.clock;
  }

  /** How late packets arrived, against when the network had them arrive: what the emulation itself adds. */
  get addedDelay(): AddedDelay {
    const sum = new AddedDelay();
    for (const { lateness } of this.nodes) sum.addAll(lateness);
    return sum;
  }

  /** Packets that were lost because they could not be read, or not be written. */
  get unusable(): number {
    return this.nodes.reduce((sum, { unreadable, unwritable }) => sum + unreadable + unwritable, 0);
  }

  /** Takes devices and namespaces away. */
  close(): void {
    this.time.close();
    for (const place of this.places) place.close();
  }
}
