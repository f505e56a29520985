import { describe, expect, test } from "vitest";
import { randomFraction, SeededRandom } from "../../src/core/index.ts";
import { GilbertElliottLoss, ListedLoss, lossModel, RandomLoss } from "../../src/sim/index.ts";
import type { LossModel } from "../../src/sim/index.ts";
import { checkLossModel } from "../../src/testing/index.ts";
import type { LossModelClaims } from "../../src/testing/index.ts";
import type { Packet } from "../../src/wire/index.ts";

describe("our loss models conform", () => {
  test("random, bursts, listed, by option", () => {
    expect(checkLossModel((random) => new RandomLoss(0.03, random), { share: 0.03 })).toEqual([]);
    expect(checkLossModel((random) => new GilbertElliottLoss({ p: 0.02, r: 0.2 }, random), { share: 0.02 / 0.22, tolerance: 0.015 })).toEqual([]);
    expect(checkLossModel(() => new ListedLoss([1, 5, 9]), { share: 0 })).toEqual([]);
    expect(checkLossModel((random) => lossModel({ p: 0.1, r: 0.5, lossGood: 0.01, lossBad: 0.4 }, random)!)).toEqual([]);
  });
});

function broken(lose: LossModel["lose"], claims: LossModelClaims = {}): string[] {
  return [...new Set(checkLossModel(() => ({ lose }), claims).map((found) => found.case))];
}

describe("a loss model is found out that", () => {
  test("gives no boolean, changes packets, or throws", () => {
    expect(broken(() => 1 as never)).toEqual(["answer"]);
    expect(broken((packet) => --packet.hopLimit < 0)).toEqual(["packets"]);
    expect(broken((packet) => packet.tcp!.window === 0)).toEqual(["throws"]);
  });

  test("loses another share than it claims", () => {
    const [found] = checkLossModel((random) => new RandomLoss(0.1, random), { share: 0.05 });
    expect(found).toMatchObject({ case: "share", problem: expect.stringMatching(/^of 20000 packets it loses \d+, a share of 0\.\d+, and claims 0\.05$/) });
  });

  test("is not the same again, or keeps packets", () => {
    const shared = new SeededRandom(3);
    expect(broken(() => randomFraction(shared) < 0.1)).toEqual(["the same again"]);
    class Hoarder {
      readonly seen: Packet[] = [];
      lose(packet: Packet): boolean {
        this.seen.push(packet);
        return false;
      }
    }
    expect(checkLossModel(() => new Hoarder()).map((found) => found.case)).toEqual(["memory"]);
  });
});
