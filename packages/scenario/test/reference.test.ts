import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { SCENARIO } from "../src/keys/scenario.ts";
import { sectionsBelow } from "../src/keys/section.ts";
import { checkScenario } from "../src/parse.ts";
import { scenarioReference } from "../src/reference.ts";

const NETWORK = { paths: [{ name: "wifi", rate: "8 Mb/s", rtt: "20 ms" }, { name: "lte", rate: "20 Mb/s", rtt: "60 ms" }] };
const WORK = { workload: { bulk: { bytes: "1 MB" } } };

describe("the reference page", () => {
  // `npm run docs` writes it.
  it("docs/scenarios.md is what the tables give", async () => {
    await expect(scenarioReference()).toMatchFileSnapshot("../../../docs/scenarios.md");
  });

  it.each(sectionsBelow(SCENARIO).map((section) => [section.name, section] as const))("has an example of %s that is a part of a scenario", (_name, { example, keys }) => {
    const part = parse(example) as object;
    const { plan } = checkScenario({ name: "example", ...("topology" in part ? {} : NETWORK), ...WORK, ...part }, "example");
    expect(plan.network.links.length).toBeGreaterThan(0);
    expect(Object.keys(keys).some((key) => example.includes(`${key}:`))).toBe(true);
  });
});
