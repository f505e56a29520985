import { MILLISECOND, SECOND } from "mptcp";
import { BulkSender, Sink } from "mptcp/sim";
import { heapInUse } from "./figure.ts";
import type { Figure, Progress } from "./figure.ts";
import { TwoPaths } from "./network.ts";

/** What connections that were opened, used and closed leave behind, right after the last close and 61 s later. */
export function closedConnections(count: number, paths: number, progress: Progress): Figure[] {
  const network = new TwoPaths(paths);
  for (let port = 80; port < 80 + PORTS; port++) network.listen(port, () => new Sink());
  let opened = 0;
  const churn = (until: number): void => {
    while (opened < until) {
      for (let i = 0; i < BATCH && opened < until; i++) network.connect(80 + (opened++ % PORTS), new BulkSender({ bytes: 100 }));
      network.pass(100 * MILLISECOND);
      progress(`connections of ${paths} subflows`, opened, until);
    }
  };
  churn(WARM_UP);
  network.pass(61 * SECOND);
  const before = heapInUse();
  opened = 0;
  churn(count);
  network.pass(SECOND);
  const { timeWaits } = network.client.host.usage;
  const waiting = heapInUse();
  network.pass(61 * SECOND);
  const after = heapInUse();
  const name = `${count} connections of ${paths} subflows`;
  return [
    { name: `${name}: a TIME-WAIT`, value: (waiting - before) / timeWaits, bound: 500, unit: "octets" },
    { name: `${name}: heap after 61 s`, value: (100 * (after - before)) / before, bound: 5, unit: "%" },
  ];
}

const BATCH = 200;
const PORTS = 8;
/** Until code is compiled and pools are filled. */
const WARM_UP = 6000;
