import { describe, expect, test } from "vitest";
import type { PlainObject } from "../../src/core/index.ts";
import { congestionControls, coupled } from "../../src/mptcp/index.ts";
import type { AckEvent, CongestionContext, CongestionControlFactory, CouplingMember, MarkEvent } from "../../src/tcp/index.ts";
import { CouplingRule, NewReno } from "../../src/tcp/index.ts";
import { checkCongestionControl } from "../../src/testing/index.ts";

describe("what this package brings", () => {
  test.each(Object.values(congestionControls).map((factory) => [factory.name, factory] as const))("%s passes", (_, factory) => {
    expect(checkCongestionControl(factory)).toEqual([]);
  });
});

/** Standard TCP with something wrong. */
function broken(name: string, change: (context: CongestionContext) => NewReno): CongestionControlFactory {
  return { name, parameters: {}, create: change };
}

/** The problems of each case, or of those that are named. */
function problemsOf(factory: CongestionControlFactory, ...only: readonly string[]): Record<string, string[]> {
  const problems: Record<string, string[]> = {};
  for (const { case: name, problem } of checkCongestionControl(factory, only.length === 0 ? undefined : only)) (problems[name] ??= []).push(problem);
  return problems;
}

describe("what is broken fails", () => {
  test("a window that never grows", () => {
    const problems = problemsOf(broken("stiff", (context) => new (class extends NewReno {
      override onAck(): void {}
    })(context)), "a clean path");
    expect(problems["a clean path"]?.join()).toMatch(/the window does not grow: 14480 bytes.*it fills 14\.\d % of the link/);
  });

  test.each([
    ["NaN", Number.NaN],
    ["0", 0],
    ["Infinity", Number.POSITIVE_INFINITY],
  ])("a window that becomes %s", (text, value) => {
    const problems = problemsOf(broken("odd", (context) => new (class extends NewReno {
      override onAck(ack: AckEvent): void {
        super.onAck(ack);
        if (this.cwnd > 20 * this.mss) this.cwnd = value;
      }
    })(context)), "whatever comes", "a clean path", "two subflows");
    for (const name of ["whatever comes", "a clean path", "two subflows"]) expect(problems[name]?.join(), name).toMatch(new RegExp(`the window is ${text}`));
  });

  test("a window that grows on loss, without bound", () => {
    const problems = problemsOf(broken("brazen", (context) => new (class extends NewReno {
      override onLoss(): void {
        this.cwnd *= 2;
      }
    })(context)), "random loss of 1 %");
    expect(problems["random loss of 1 %"]?.join()).toMatch(/after a loss, and was \d+/);
    expect(problems["random loss of 1 %"]?.join()).toMatch(/cannot be in use/);
  });

  test("a window that does not mind timeouts, or grows by a penalty, or while it is not in use", () => {
    expect(problemsOf(broken("deaf", (context) => new (class extends NewReno {
      override onTimeout(): void {}
    })(context)), "an outage of two seconds")["an outage of two seconds"]?.join()).toMatch(/after a timeout, and was/);
    const problems = problemsOf(broken("spiteful", (context) => new (class extends NewReno {
      override onAck(ack: AckEvent): void {
        super.onAck({ ...ack, cwndLimited: true });
      }
    })(context)), "whatever comes");
    expect(problems["whatever comes"]).toEqual(["the window grows while it is not in use"]);
  });

  test("a recovery that was for nothing, from which the window comes back larger", () => {
    const problems = problemsOf(broken("greedy", (context) => new (class extends NewReno {
      override onSpurious(timeout: boolean, now: number, limit: number): void {
        super.onSpurious(timeout, now, limit);
        this.cwnd *= 3;
      }
    })(context)), "reordering", "whatever comes");
    expect(problems["reordering"]?.join()).toMatch(/after a recovery that was for nothing, and was never more than \d+/);
    expect(problems["whatever comes"]?.join()).toMatch(/after timeouts that were for nothing, and was \d+/);
  });

  test("marks that nobody minds, or that make the window larger", () => {
    const deaf = problemsOf(broken("deaf", (context) => new (class extends NewReno {
      override onMarked(): void {}
    })(context)), "whatever comes");
    expect(deaf["whatever comes"]?.join()).toMatch(/after the first mark of a window of data, and was/);
    const eager = problemsOf(broken("eager", (context) => new (class extends NewReno {
      override get marks(): "each" {
        return "each";
      }
      override onMarked(event: MarkEvent): void {
        if (event.isFirst) super.onMarked(event);
        else this.cwnd += this.mss;
      }
    })(context)), "whatever comes");
    expect(eager["whatever comes"]?.join()).toMatch(/after another mark of a window of data, and was/);
  });

  test("a mark that is not minded, and one that is taken back", () => {
    const deaf = problemsOf(broken("deaf", (context) => new (class extends NewReno {
      override onMarked(): void {}
    })(context)), "whatever comes", "a queue that marks");
    expect(deaf["a queue that marks"]?.join()).toMatch(/after the first mark of a window of data, and was \d+.*packets found the queue full/);
    expect(deaf["whatever comes"]?.join()).toMatch(/after a mark, and was \d+/);
    const fickle = problemsOf(broken("fickle", (context) => new (class extends NewReno {
      override onMarked(event: MarkEvent): void {
        this.onLoss(event.loss);
      }
    })(context)), "whatever comes");
    expect(fickle["whatever comes"]?.join()).toMatch(/after a mark that was taken back, and was \d+/);
  });

  test("state that is not saved, and what is not the same twice", () => {
    const forgetful = problemsOf(broken("forgetful", (context) => new (class extends NewReno {
      override restore(state: PlainObject, now: number): void {
        super.restore({ ...state, credit: 0 }, now);
      }
    })(context)));
    expect(Object.keys(forgetful)).toEqual(["saved state"]);
    let made = 0;
    const moody = problemsOf(broken("moody", (context) => new (class extends NewReno {
      private readonly mood = made++ % 3;
      protected override bytesPerSegment(): number {
        return super.bytesPerSegment() + 2000 * this.mood;
      }
    })(context)), "the same again");
    expect(moody["the same again"]?.join()).toMatch(/calls later window, threshold and rate are/);
  });

  test("a member that stays in its group, a rate of 0, an exception, a name that is none", () => {
    const clinging = coupled(() => new (class extends CouplingRule {
      readonly name = "clinging";
      bytesPerSegment(member: CouplingMember): number {
        return member.control.window;
      }
    })());
    const stays: CongestionControlFactory = { ...clinging, create: (context) => Object.assign(clinging.create(context), { release: () => {} }) };
    expect(problemsOf(stays, "its group")["its group"]).toEqual(["it does not leave its group when it is released"]);
    expect(problemsOf(broken("halting", (context) => new (class extends NewReno {
      override get pacingRate(): number | null {
        return this.cwnd > 30 * this.mss ? 0 : null;
      }
    })(context)), "a clean path")["a clean path"]?.join()).toMatch(/the pacing rate is 0/);
    const failing = problemsOf({ name: "", parameters: { limit: Number.NaN }, create: () => {
      throw new Error("no luck");
    } });
    expect(failing["name and parameters"]).toEqual(["it has no name", "its parameters are not what JSON can express"]);
    expect(failing["a clean path"]).toEqual(["it throws: Error: no luck"]);
  });
});
