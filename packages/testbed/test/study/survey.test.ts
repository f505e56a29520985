import { describe, expect, test } from "vitest";
import { accessNetworks } from "../../src/study/index.ts";
import { PAPER_SHARES, Survey, surveyIsMet, surveyPage } from "../../src/study/index.ts";
import type { SurveyReport } from "../../src/study/index.ts";

/** `npm run study` has 1,000. */
const NETWORKS = Number(process.env["STUDY_NETWORKS"] ?? 60);
const SEED = Number(process.env["STUDY_SEED"] ?? 1);

function survey(networks: number, seed: number): SurveyReport {
  const run = new Survey(networks, seed);
  while (run.step());
  return run.report;
}

describe("the access networks of the paper", () => {
  test(`${NETWORKS} of them (seed ${SEED}): the probe recovers each share within 3 points, and names the boxes of 95 %`, () => {
    const report = survey(NETWORKS, SEED);
    const { naming, shares } = report;
    for (const { name, ports } of shares) for (const { port, paper, found } of ports) expect(Math.abs(found - paper), `${name} on port ${port}: ${found} for ${paper}`).toBeLessThanOrEqual(0.03);
    expect(naming.right / naming.boxed, JSON.stringify(naming.wrong, null, 1)).toBeGreaterThanOrEqual(0.95);
    expect(naming.alarms).toBe(0);
    expect(surveyIsMet(report)).toBe(true);
    expect(surveyPage(report)).toContain(`${NETWORKS} access networks`);
    if (process.env["STUDY_NETWORKS"] !== undefined) process.stderr.write(`${JSON.stringify(report, null, 1)}\n`);
  });

  test("are the same with the same seed, and so is what is found", () => {
    expect(survey(3, 5)).toEqual(survey(3, 5));
    expect(accessNetworks(50, 1)).not.toEqual(accessNetworks(50, 2));
  });

  test("have the shares of the paper, for whatever number", () => {
    for (const count of [142, 1000]) {
      const networks = accessNetworks(count, 9);
      const kinds = ["option-stripper", "isn-randomiser", "hole-holder", "stateful-firewall"];
      for (const [i, { everywhere, web, name }] of PAPER_SHARES.entries()) {
        const has = (onWeb: boolean): number => networks.filter(({ boxes }) => boxes.some(({ kind, port }) => (kind === kinds[i] && (port === null || onWeb)) || (onWeb && kind === "terminating-proxy"))).length / count;
        expect(Math.abs(has(false) - everywhere), name).toBeLessThan(0.01);
        expect(Math.abs(has(true) - web), name).toBeLessThan(0.01);
      }
    }
  });
});
