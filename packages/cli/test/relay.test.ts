import { Duplex } from "node:stream";
import { expect, it } from "vitest";
import { Relay } from "../src/relay.ts";
import type { RelayLog } from "../src/relay-log.ts";
import type { End } from "../src/splice.ts";

/** Somebody who comes, and says nothing. */
class Visitor extends Duplex implements End {
  override _read(): void {}
  resetAndDestroy(): void {
    this.destroy();
  }
  destroySoon(): void {
    this.destroy();
  }
}

it("who leaves before the other side is open has the attempt to reach it given up", async () => {
  let isAbandoned = false;
  const failed = new Promise<string>((resolve) => {
    const log = { opened: () => {}, closed: () => {}, refused: () => {}, failed: (_number: number, _name: string, why: string) => resolve(why) } satisfies RelayLog;
    const relay = new Relay({ max: 1, idleTimeout: 0, halfCloseTimeout: 0 }, log, { clock: () => 0 } as ConstructorParameters<typeof Relay>[2]);
    const near = new Visitor();
    relay.take({ near, name: "somebody", multipath: "near", open: () => ({ whenOpen: new Promise(() => {}), abandon: () => void (isAbandoned = true) }) });
    near.destroy();
  });
  expect([await failed, isAbandoned]).toEqual(["it left before the other end was open", true]);
});
