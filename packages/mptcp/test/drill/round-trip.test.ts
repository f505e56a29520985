import * as fc from "fast-check";
import { expect, it } from "vitest";
import { parseScript, printScript } from "../../src/drill/index.ts";
import { script } from "./arbitraries.ts";
import { withoutPlaces } from "./reading.ts";

it("what is read from a printed script is that script", () => {
  fc.assert(
    fc.property(script, (tree) => {
      const { script: again, problems } = parseScript(printScript(tree));
      expect(problems).toEqual([]);
      expect(withoutPlaces(again)).toEqual(withoutPlaces(tree));
    }),
    { numRuns: 150 },
  );
});
