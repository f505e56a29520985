import { expect, it } from "vitest";
import type { Carrier } from "../../src/mptcp/context.ts";
import { Carriers } from "../../src/mptcp/data/carriers.ts";
import { lowestTimeDistance } from "../../src/mptcp/index.ts";

function carrier(pathIndex: number): Carrier {
  return { pathIndex, mayCarryData: true, stale: false, backup: false, carriedLately: () => true } as unknown as Carrier;
}

it("paths that lost what they acknowledged are remembered in bounded number, and those with a subflow before all others", () => {
  const stays = carrier(1);
  const subflows = [stays];
  const carriers = new Carriers(subflows, lowestTimeDistance());
  const { suspects } = carriers as unknown as { readonly suspects: readonly { readonly pathIndex: number; readonly offences: number }[] };
  for (let index = 2; index <= 2000; index++) {
    subflows[1] = carrier(index);
    carriers.changed();
    carriers.suspect(0, 1);
  }
  expect(suspects).toHaveLength(64);
  expect(suspects[0]).toMatchObject({ pathIndex: 1, offences: 1999 });
  expect(suspects.at(-1)).toMatchObject({ pathIndex: 2000, offences: 1 });
  // What is remembered counts: the path of one offence goes before that of many, and one without any before both.
  expect(carriers.usable().map(({ pathIndex }) => pathIndex)).toEqual([2000]);
  subflows.push(carrier(5));
  carriers.changed();
  expect(carriers.usable().map(({ pathIndex }) => pathIndex)).toEqual([5]);
});
