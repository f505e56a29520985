import { SECOND } from "mptcp";
import type { StreamConnection } from "mptcp";
import { BulkSender, Sink } from "mptcp/sim";
import { heapInUse } from "./figure.ts";
import type { Figure, Progress } from "./figure.ts";
import { TwoPaths } from "./network.ts";

/** What an idle connection of two subflows keeps after it moved `BYTES`, per end: half of them were the sender, half the receiver. */
export function idleConnections(count: number, progress: Progress): Figure[] {
  const network = new TwoPaths(2);
  const accepted: StreamConnection[] = [];
  network.listen(80, (connection) => {
    accepted.push(connection);
    return new Sink({ end: false });
  });
  network.listen(81, (connection) => {
    accepted.push(connection);
    return new BulkSender({ bytes: BYTES, end: false });
  });
  const opened: StreamConnection[] = [];
  const open = (batch: number): void => {
    for (let i = 0; i < batch; i++) {
      const sends = opened.length % 2 === 0;
      opened.push(network.connect(sends ? 80 : 81, sends ? new BulkSender({ bytes: BYTES, end: false }) : new Sink({ end: false })));
    }
    network.pass(5 * SECOND);
  };
  open(BATCH);
  const before = heapInUse();
  const warm = opened.length;
  while (opened.length < warm + count) {
    open(Math.min(BATCH, warm + count - opened.length));
    progress("idle connections", opened.length - warm, count);
  }
  network.pass(QUIET);
  const after = heapInUse();
  for (const connection of [...opened, ...accepted]) {
    if (connection.closed || !connection.multipath || connection.sendBuffered > 0) throw new Error("a connection is not idle");
  }
  const { connections } = network.client.host.usage;
  if (connections !== 2 * opened.length || accepted.length !== opened.length) throw new Error(`${opened.length} connections have ${connections} subflows`);
  return [{ name: "an idle connection of two subflows, per end", value: (after - before) / (2 * count), bound: 20_000, unit: "octets" }];
}

const BYTES = 1_400_000;
const BATCH = 20;
/** All timers of a connection that has become idle have fired, ns. */
const QUIET = 60 * SECOND;
