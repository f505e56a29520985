import { expect, test } from "vitest";
import { linuxEndpoints } from "../../../src/mptcp/index.ts";
import { IpAddress } from "../../../src/wire/index.ts";
import type { App } from "../pair.ts";
import { has, Pair } from "../pair.ts";

/** Pairs of addresses of the established subflows. */
function pairs(app: App): string[] {
  return app.mptcp.subflows.filter((one) => one.established).map((one) => `${one.tcp.tuple.localAddress}-${one.tcp.tuple.remoteAddress}`);
}

test.each([false, true])("the kernel's rules at both ends open each pair of addresses once, whoever is first; announcements get lost: %s", (isLossy) => {
  const flags = { subflow: true, signal: true, fullmesh: true };
  for (const delay of [1, 10, 40]) {
    for (const serverFirst of [false, true]) {
      const mptcp = { pathManager: linuxEndpoints };
      const pair = new Pair({ client: { mptcp }, server: { mptcp }, delay: () => delay * 1e6 });
      const add = (side: "client" | "server", text: string): void => {
        const address = IpAddress.from(text);
        pair.addresses[side].push(address);
        pair.hosts[side].addAddress(address, { link: 1, flags }, pair.now);
      };
      const { client, server } = pair.establish();
      // Every other one: a join then comes from an address that was never announced.
      let announced = 0;
      if (isLossy) pair.lose((sent) => has(sent, "add_addr") && announced++ % 2 === 0);
      client.write(1);
      pair.run(500);
      add(serverFirst ? "server" : "client", serverFirst ? "10.2.0.2" : "10.1.0.2");
      pair.run(delay === 10 ? 0 : 3 * delay);
      add(serverFirst ? "client" : "server", serverFirst ? "10.1.0.2" : "10.2.0.2");
      pair.run(20_000);
      for (const app of [client, server]) {
        const open = pairs(app);
        expect([new Set(open).size, open.length]).toEqual([open.length, open.length]);
        expect(open.length).toBeGreaterThan(2);
      }
    }
  }
});
