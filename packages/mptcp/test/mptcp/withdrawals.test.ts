import { describe, expect, test } from "vitest";
import { Withdrawals } from "../../src/mptcp/paths/withdrawals.ts";
import { IpAddress } from "../../src/wire/index.ts";
import type { App, Sent } from "./pair.ts";
import { has, isSyn, Pair, SECOND } from "./pair.ts";

/** The server announces a second address, which the client joins; then it goes, and the first REMOVE_ADDR is lost. */
function missed(remove: (pair: Pair, server: App, client: App) => void): { pair: Pair; client: App; mark: number } {
  const pair = new Pair({ serverAddresses: 2 });
  const { client, server } = pair.establish();
  client.write(1000);
  pair.run(1000);
  expect(client.established).toEqual([1, 2]);
  const mark = pair.sent.length;
  pair.lose((sent) => has(sent, "remove_addr"), 1);
  remove(pair, server, client);
  // What is sent on the first subflow shows that the second one is silent: it is reset, and joined anew.
  for (let i = 0; i < 40; i++) {
    client.write(100);
    pair.run(1000);
  }
  return { pair, client, mark };
}

const toRemoved = (sent: Sent): boolean => sent.from === "client" && sent.server === 1 && isSyn(sent);

describe("a REMOVE_ADDR that was lost (RFC 8684 §3.4.2)", () => {
  test.each([
    ["that the host has lost", (pair: Pair): void => pair.removeAddress("server", 1)],
    [
      "that the connection is not to use",
      (pair: Pair, server: App, client: App): void => {
        server.mptcp.denyLocal(pair.address("server", 1), pair.now);
        pair.run(5000);
        // It was closed in good order, and no path manager here opens it anew.
        client.engine.command((paths) => paths.open(2, false, pair.now), pair.now);
      },
    ],
  ])("is said again to a peer that joins an address %s", (_name, remove) => {
    const { pair, client, mark } = missed(remove);
    const said = pair.packets((sent) => sent.from === "server" && has(sent, "remove_addr"), mark);
    expect(said).toHaveLength(2);
    expect(client.engine.paths.remote.map((entry) => entry.id)).toEqual([0]);
    const last = Math.max(0, ...pair.packets(toRemoved, mark).map((sent) => sent.at));
    expect(last).toBeLessThanOrEqual((said[1] as Sent).at + 20e6);
  });

  test("but not for a SYN that crossed it, not more than three times, and not when the address is back", () => {
    const withdrawals = new Withdrawals();
    const address = IpAddress.from("10.0.0.1");
    withdrawals.add(address, 7, 0);
    expect(withdrawals.onJoin(address, SECOND / 2)).toBe(-1);
    expect(withdrawals.onJoin(IpAddress.from("10.0.0.2"), SECOND)).toBe(-1);
    expect([1, 2, 3, 4].map((s) => withdrawals.onJoin(address, s * SECOND))).toEqual([7, 7, 7, -1]);
    withdrawals.add(address, 7, 5 * SECOND);
    withdrawals.remove(address);
    expect(withdrawals.onJoin(address, 10 * SECOND)).toBe(-1);
  });
});
