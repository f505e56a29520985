import { SECOND } from "mptcp";
import type { DecisionEvent, StreamConnection } from "mptcp";
import { addressOn, BulkSender, patternSource, Simulation, Sink } from "mptcp/sim";
import type { Middlebox, SimHost, SimNode } from "mptcp/sim";
import type { IpAddress } from "mptcp/wire";
import { RealTime } from "../emulator/real-time.ts";
import { listenInKernel } from "../judge/kernel-socket.ts";
import type { KernelPlace } from "../judge/kernel-socket.ts";
import { Promptness } from "../system/promptness.ts";
import { system } from "../system/system.ts";
import { KernelApplication } from "./kernel-application.ts";
import type { KernelTask } from "./kernel-application.ts";
import { KernelHost } from "./kernel-host.ts";
import { hasResetSubflow, kernelHints, kernelView } from "./kernel-view.ts";
import type { KernelView } from "./kernel-view.ts";
import type { PairCell } from "./pairs.ts";
import { boxedPath, CELL_BYTES, factoryOf, outcomeOf, PATH, pathCount, PORT, subflowsIn, VERSIONS } from "./passage.ts";
import type { CellResult } from "./passage.ts";
import { StreamCheck } from "./stream-check.ts";

/** One transfer through a box by the machine's clock, with the kernel at one end or at both. @throws MptcpError where it cannot be had */
export function runBesideKernel(cell: PairCell, seed: number, check: StreamCheck): CellResult {
  return new KernelPassage(cell, seed, check).run();
}

type Side = "client" | "server";

/** An end of the connection, of either stack. */
interface End {
  /** ns; -1 until it knows that the connection is over. */
  readonly closedAt: number;
  readonly error: string | null;
  /** Whether it speaks Multipath TCP, or did when the peer's end was read. */
  readonly isMultipath: boolean;
  readonly fallback: string | null;
}

class KernelPassage {
  private readonly cell: PairCell;
  private readonly check: StreamCheck;
  private readonly events: DecisionEvent[] = [];
  private readonly simulation: Simulation;
  private readonly calls = system();
  private readonly kernels = new Map<Side, KernelHost>();
  private readonly clientAddresses: readonly IpAddress[];
  private readonly limit: number;
  private time!: RealTime;
  /** The client's view, when the receiver had read to the end. */
  private view: KernelView | null = null;
  private kernelClient: KernelEnd | null = null;

  constructor(cell: PairCell, seed: number, check: StreamCheck) {
    this.cell = cell;
    this.check = check;
    this.simulation = new Simulation({ seed, observers: [{ event: (event) => this.events.push(event) }] });
    this.clientAddresses = Array.from({ length: pathCount(cell.place) }, (_, path) => addressOn(4, path + 1, 2));
    this.limit = cell.prescription.within === null ? OWN_PATIENCE : LONGEST;
  }

  run(): CellResult {
    const promptness = new Promptness(this.calls);
    try {
      for (const side of ["client", "server"] as const) {
        const addresses = side === "client" ? this.clientAddresses : [SERVER];
        if (this.cell.pair[side] === "kernel") this.kernels.set(side, new KernelHost(this.calls, { name: side, addresses, checksum: this.cell.checksum }));
      }
      // The boxes' times count from here on.
      this.time = new RealTime(this.calls, this.simulation);
      promptness.raise();
      try {
        return this.transfer();
      } finally {
        promptness.lower();
        this.time.close();
      }
    } finally {
      for (const kernel of this.kernels.values()) kernel.close();
    }
  }

  private transfer(): CellResult {
    const [clients, servers] = [this.nodesOf("client"), this.nodesOf("server")];
    const box = this.link(clients, servers[0] as SimNode);
    const server = this.serve(servers[0] as SimNode);
    const client = this.connect(clients[0] as SimNode);
    const ends = (): readonly (End | null)[] => [client(), server()];
    this.time.run(() => ends().every((end) => end !== null && end.closedAt >= 0), this.limit * SECOND);
    return this.result(client() as End, server(), box);
  }

  private result(client: End, server: End | null, box: Middlebox): CellResult {
    const { cell, check } = this;
    const receiver = cell.data === "up" ? server : client;
    const isOver = client.closedAt >= 0 && server !== null && server.closedAt >= 0;
    const errors = [client.error, server?.error ?? null].filter((error) => error !== null);
    const boxed = boxedPath(cell.place);
    const unused = pathCount(cell.place) > 1 && this.isUnused(boxed);
    const isRegular = !client.isMultipath || server?.isMultipath !== true;
    const told = subflowsIn(this.events, boxed, "client");
    const reasons = [client.fallback, server?.fallback ?? null, ...told.endings].filter((reason) => reason !== null);
    const counted = [...this.kernels].flatMap(([side, kernel]) => kernelHints(kernel.counters()).map((name) => `${side} ${name}`));
    return {
      outcome: outcomeOf({ hasError: errors.length > 0 || !isOver, isRegular, isUnused: unused }),
      reasons: [...new Set(reasons)],
      hints: [...new Set([...errors, ...counted])],
      read: check.read,
      wrong: check.wrong,
      isTcps: check.isAllOfTcps,
      receiverTold: (receiver?.error ?? null) !== null,
      isWhole: check.read === CELL_BYTES && isOver && errors.length === 0,
      isOver,
      seconds: (isOver ? Math.max(client.closedAt, server.closedAt) : this.time.clock) / SECOND,
      cutAfter: this.limit,
      box: box.statistics,
    };
  }

  /** Whether the subflow through the box is not, or no longer, in use. */
  private isUnused(boxed: 0 | 1): boolean {
    const { pair } = this.cell;
    // A subflow that was reset is in the kernel's list for a while still.
    const isReset = [...this.kernels.values()].some((kernel) => hasResetSubflow(kernel.counters()));
    const isGone = isReset || (this.view !== null && !this.view.locals.includes(String(this.clientAddresses[boxed])));
    if (pair.client === "kernel" && pair.server === "kernel") return isGone || (boxed === 1 && this.kernels.get("server")?.counters().get(JOINED) === 0);
    const { isLost, hasJoined } = subflowsIn(this.events, boxed, pair.client === "ours" ? "client" : "server");
    return isGone || isLost || (boxed === 1 && !hasJoined);
  }

  private nodesOf(side: Side): SimNode[] {
    const { pair, checksum } = this.cell;
    const kernel = this.kernels.get(side);
    if (kernel !== undefined) return kernel.nodes(this.time);
    const host = this.simulation.addHost(side, { multipath: true, mptcp: { checksum, versions: [VERSIONS[pair.version]] }, tcp: { retries: RETRIES } });
    return side === "client" ? this.clientAddresses.map(() => host) : [host];
  }

  /** The network of `multiPath`, between nodes that are there: an access link and perhaps the box on each path, a core, the server. */
  private link(clients: readonly SimNode[], server: SimNode): Middlebox {
    const { simulation } = this;
    const { row, place } = this.cell;
    const core = simulation.addRouter("core", { addresses: [addressOn(4, ROUTERS, 1)] });
    const box = simulation.addMiddlebox("box", factoryOf(row.box));
    clients.forEach((node, path) => {
      const isBoxed = path === boxedPath(place);
      simulation.connect(node, isBoxed ? box : core, { ...PATH, name: `path${path + 1}` });
      if (isBoxed) simulation.connect(box, core, { name: "box-core" });
    });
    simulation.connect(core, server, { name: "server1" });
    if (!this.kernels.has("client")) this.clientAddresses.forEach((address, link) => (clients[0] as SimHost).addAddress(address, { link }));
    if (!this.kernels.has("server")) (server as SimHost).addAddress(SERVER, { link: 0 });
    return box;
  }

  private serve(node: SimNode): () => End | null {
    const writes = this.cell.data === "down";
    if (this.kernels.has("server")) {
      const place = this.placeOf("server");
      const accepted: KernelEnd[] = [];
      listenInKernel(place, PORT, (fd) => {
        // What comes besides is a join that lost its option on the way.
        const end = accepted.length === 0 ? this.kernelEnd(writes, "server", (task) => new KernelApplication(place, fd, task)) : null;
        if (end === null) return new KernelApplication(place, fd, { writes: 0, reader: { update: () => {} }, onEnd: () => {} });
        accepted.push(end);
        return end.application;
      });
      return () => accepted[0] ?? null;
    }
    const accepted: StreamConnection[] = [];
    const application = this.engineApplication(writes);
    (node as SimHost).listen(PORT, (connection) => (accepted.push(connection) > 1 ? new Sink() : application));
    return () => (accepted[0] === undefined ? null : engineEnd(application, accepted[0]));
  }

  private connect(node: SimNode): () => End | null {
    const writes = this.cell.data === "up";
    if (this.kernels.has("client")) {
      this.kernelClient = this.kernelEnd(writes, "client", (task) => KernelApplication.connect(this.placeOf("client"), PORT, task));
      return () => this.kernelClient;
    }
    const application = this.engineApplication(writes);
    const connection = (node as SimHost).connect(SERVER, PORT, application);
    return () => engineEnd(application, connection);
  }

  private engineApplication(writes: boolean): BulkSender | Sink {
    return writes ? new BulkSender({ bytes: CELL_BYTES, source: patternSource }) : new Sink({ hash: this.reader() });
  }

  private kernelEnd(writes: boolean, side: Side, made: (task: KernelTask) => KernelApplication): KernelEnd {
    const end = new KernelEnd(this.calls, () => this.look(side));
    const reader = writes ? { update: () => {} } : this.reader();
    end.application = made({ writes: writes ? CELL_BYTES : 0, reader, onEnd: () => end.look() });
    return end;
  }

  private reader(): { update(bytes: Uint8Array): void } {
    return {
      update: (bytes) => {
        this.check.update(bytes);
        // A receiver of ours is not asked when it has read to the end: what the kernel's client has is looked at when all has come.
        if (this.check.read >= CELL_BYTES) this.lookAtClient();
      },
    };
  }

  /** An end has read to the end. */
  private look(side: Side): void {
    if (side === "client" || this.cell.data === "up") this.lookAtClient();
  }

  private lookAtClient(): void {
    const application = this.kernelClient?.application;
    if (this.view === null && application !== undefined && application.closedAt < 0) this.view = kernelView(this.calls, application.fd);
  }

  private placeOf(side: Side): KernelPlace {
    const { namespace } = this.kernels.get(side) as KernelHost;
    return { system: this.calls, namespace, time: this.time, address: SERVER, congestion: "cubic", isMultipath: true };
  }
}

/** An end at a socket of the kernel. */
class KernelEnd implements End {
  application!: KernelApplication;
  isMultipath = true;
  readonly fallback = null;
  private readonly calls: ReturnType<typeof system>;
  private readonly heard: () => void;

  constructor(calls: ReturnType<typeof system>, heard: () => void) {
    this.calls = calls;
    this.heard = heard;
  }

  look(): void {
    this.isMultipath = kernelView(this.calls, this.application.fd).isMultipath;
    this.heard();
  }

  get closedAt(): number {
    return this.application.closedAt;
  }

  get error(): string | null {
    return this.application.error;
  }
}

function engineEnd(application: BulkSender | Sink, connection: StreamConnection): End {
  return { closedAt: application.closedAt, error: application.error, isMultipath: connection.multipath, fallback: connection.fallback };
}

const SERVER = addressOn(4, 0x201, 1);
const ROUTERS = 0xfe00;
/** Counts third ACKs of joins that were right. */
const JOINED = "MPTcpExtMPJoinAckRx";
/** Retransmissions after which the engine gives data up, as the kernel is told to. */
const RETRIES = 5;
/** s: what is prescribed to be over within a minute. */
const LONGEST = 65;
/** s: after which what only TCP's own patience ends is not waited for any more. */
const OWN_PATIENCE = 30;
