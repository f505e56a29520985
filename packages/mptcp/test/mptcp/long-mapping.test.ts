import { expect, test } from "vitest";
import type { MptcpOption } from "../../src/wire/index.ts";
import { Dss } from "../../src/wire/index.ts";
import { isData, MS, option, Pair } from "./pair.ts";

/** Mappings of `length` bytes, each declared on its first segment only (RFC 8684 §3.3.1). */
function stretchMappings(pair: Pair, length: number): void {
  let declared = 0;
  pair.alter((segment, sent) => {
    const dss = option(sent.segment, "dss");
    if (sent.from !== "client" || !isData(sent) || dss === null) return;
    const altered: Dss = Object.assign(new Dss(), dss);
    const end = dss.subflowSequence + dss.dataLength;
    if (dss.subflowSequence >= declared) {
      altered.dataLength = length;
      declared = dss.subflowSequence + length;
    } else if (end > declared) {
      // The tail of this segment belongs to the next long mapping.
      altered.dataLength = length;
      declared = dss.subflowSequence + length;
    } else altered.dsnLength = 0;
    segment.mptcp = segment.mptcp.map((other): MptcpOption => (other.kind === "dss" ? altered : other));
  });
}

test("a mapping may be longer than the window: each segment is judged by the bytes that it brings", () => {
  const buffer = { initial: 20_000, max: 20_000, autoTune: false };
  const pair = new Pair({ clientAddresses: 1, server: { tcp: { receiveBuffer: buffer } } });
  const { client, server } = pair.establish();
  client.write(1000);
  pair.run(200);
  stretchMappings(pair, 60_000);
  client.write(300_000);
  for (let i = 0; i < 400 && server.received < 301_000; i++) pair.run(50);
  expect([server.received, server.corrupt]).toEqual([301_000, false]);
  expect(pair.hosts.server.counters.value("MPTcpExtNoDSSInWindow")).toBe(0);
  expect(pair.now).toBeLessThan(10_000 * MS);
});
