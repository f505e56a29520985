import { congestionControls, MILLISECOND, SECOND } from "mptcp";
import type { DecisionEvent, Observer } from "mptcp";
import { BulkSender, multiPath, Simulation, Sink } from "mptcp/sim";
import type { PipeTap } from "mptcp/sim";
import type { Packet } from "mptcp/wire";
import { lengthOf, queueOf } from "./cells.ts";
import type { Cell } from "./cells.ts";

/** What one flow did, from its SYN on but for the goodput. */
export interface CellResult {
  /** Bits of payload per second, once slow start is over. */
  readonly goodput: number;
  /** Fast recoveries, and recoveries from timeouts, a series of which counts once. */
  readonly recoveries: number;
  readonly timeouts: number;
  /** Timeouts whose retransmission the receiver reported as a duplicate (D-SACK, RFC 2883). */
  readonly spurious: number;
  /** Recoveries that were taken back. */
  readonly undone: number;
}

/** Carries a cell out in virtual time. */
export function runCell(cell: Cell, seed: number, seconds: number = lengthOf(cell)): CellResult {
  const watch = new RecoveryWatch();
  const simulation = new Simulation({ seed, observers: [watch] });
  const tcp = { congestion: congestionControls[cell.congestion === "reno" ? "reno" : "cubic"] };
  const path = { rate: cell.rate, delay: (cell.rtt / 2) * MILLISECOND, queue: { packets: queueOf(cell) }, loss: cell.loss };
  const { access, client, server, serverAddresses } = multiPath(simulation, { paths: [path], client: { tcp }, server: { tcp } });
  const sink = new Sink();
  server.listen(80, () => sink, { multipath: false });
  client.connect(serverAddresses[0]![0]!, 80, new BulkSender(), { multipath: false });
  access[0]!.forward.addTap(watch.outgoing);
  access[0]!.backward.addTap(watch.incoming);
  simulation.run(MEASURED_FROM * SECOND);
  const before = sink.bytesRead;
  simulation.run(seconds * SECOND);
  return { goodput: ((sink.bytesRead - before) * 8) / (seconds - MEASURED_FROM), recoveries: watch.recoveries, timeouts: watch.timeouts, spurious: watch.spurious, undone: watch.undone };
}

/** Counts recoveries, and which timeouts were for nothing. */
class RecoveryWatch implements Observer {
  recoveries = 0;
  timeouts = 0;
  spurious = 0;
  undone = 0;
  /** Sequence number of stream offset 0. */
  private origin = 0;
  /** Offsets at which timeouts had something sent again first, and that no D-SACK has named. */
  private readonly resent = new Set<number>();
  private isFirst = false;

  event(event: DecisionEvent): void {
    if (event.kind === "recovery" && event.phase === "enter") this.recoveries++;
    else if (event.kind === "undo") this.undone++;
    else if (event.kind === "rto") {
      this.timeouts++;
      if (event.consecutive === 1) this.recoveries++;
      this.isFirst = true;
    } else if (event.kind === "retransmission" && event.cause === "rto" && this.isFirst) {
      this.isFirst = false;
      this.resent.add(event.offset);
    }
  }

  readonly outgoing: PipeTap = tapOf(({ tcp }) => {
    if (tcp !== null && (tcp.flags & SYN) !== 0) this.origin = tcp.sequence + 1;
  });

  readonly incoming: PipeTap = tapOf(({ tcp }) => {
    if (tcp === null || tcp.sackBlocks.length < 2) return;
    const [from = 0, to = 0] = tcp.sackBlocks;
    // RFC 2883 §4: below the cumulative acknowledgment, or inside of the second block.
    const [second = 0, secondEnd = 0] = tcp.sackBlocks.slice(2);
    const isDuplicate = distance(to, tcp.acknowledgment) >= 0 || (tcp.sackBlocks.length >= 4 && distance(second, from) >= 0 && distance(to, secondEnd) >= 0);
    if (!isDuplicate) return;
    for (const offset of this.resent) {
      const sequence = (this.origin + offset) >>> 0;
      if (distance(from, sequence) < 0 || distance(sequence, to) <= 0) continue;
      this.resent.delete(offset);
      this.spurious++;
    }
  });
}

/** From one sequence number to another. */
const distance = (from: number, to: number): number => (to - from) | 0;

/** What the wire brings. */
const tapOf = (delivered: (packet: Packet) => void): PipeTap => ({ entered: () => {}, delivered, dropped: () => {} });

const SYN = 0x02;
/** Seconds, from when on the goodput counts. */
const MEASURED_FROM = 20;
