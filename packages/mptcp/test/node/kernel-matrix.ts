import { expect } from "vitest";
import type { Connected, Family, KernelSocketOptions, LabOptions } from "./kernel-lab.ts";
import { engineAddress, KernelLab, kernelAddress, subflowsOf } from "./kernel-lab.ts";

/** One column of the matrix: the engine's role, and the families of the paths in turn. */
export class Combination {
  /** What the engine is; the kernel is the other. */
  readonly role: "client" | "server";
  readonly families: readonly [first: Family, second: Family];

  constructor(role: "client" | "server", families: readonly [Family, Family]) {
    this.role = role;
    this.families = families;
  }

  /** For the names of tests. */
  toString(): string {
    const [first, second] = this.families;
    return `the kernel as ${this.role === "client" ? "server" : "client"}, ${first === second ? `IPv${first}` : `IPv${first} then IPv${second}`}`;
  }

  family(path: number): Family {
    return this.families[(path - 1) % 2] as Family;
  }

  /** The engine's address on the n-th path, from 1. */
  ours(n: number): string {
    return engineAddress(n, this.family(n));
  }

  /** The kernel's address on the n-th path. */
  theirs(n: number): string {
    return kernelAddress(n, this.family(n));
  }

  lab(paths: number, options: LabOptions = {}): Promise<KernelLab> {
    return KernelLab.make({ ...options, families: Array.from({ length: paths }, (_, i) => this.family(i + 1)) });
  }

  /** The first subflow. */
  connect(lab: KernelLab, kernel: KernelSocketOptions = {}): Promise<Connected> {
    return this.role === "client" ? lab.client(this.theirs(1), {}, kernel) : lab.server(this.ours(1), {}, kernel);
  }

  /**
   * A connection with a subflow on each device, begun by the client as usual: the engine joins what it knows of the kernel, the kernel what the
   * engine announces.
   */
  async connectAll(lab: KernelLab, paths: number): Promise<Connected> {
    const { namespace } = lab;
    namespace.limits(8, this.role === "server" ? 8 : 0);
    // A server's address of the other family has to be announced.
    if (this.role === "client" && this.families[0] !== this.families[1] && paths > 1) namespace.endpoint(this.theirs(2), "signal");
    const connected = await this.connect(lab);
    await lab.warmUp(connected);
    await lab.until(() => subflowsOf(connected.stream) === paths);
    await lab.counted(this.role === "client" ? "MPTcpExtMPJoinAckRx" : "MPTcpExtMPJoinSynAckRx", paths - 1);
    expect(lab.namespace.counter("MPTcpExtMPCurrEstab")).toBe(1);
    return connected;
  }
}

const FAMILIES = [[4, 4], [6, 6], [4, 6], [6, 4]] as const;

/** Kernel server and kernel client, each with IPv4, IPv6 and both in one connection, either first. */
export const COMBINATIONS: readonly Combination[] = (["client", "server"] as const).flatMap((role) => FAMILIES.map((families) => new Combination(role, families)));
