import { afterAll, describe, expect, test, vi } from "vitest";
import { PageExamples } from "./examples.ts";

const page = new PageExamples("docs/devices.md");
afterAll(() => page.remove());

describe("docs/devices.md", () => {
  test("has an example that runs, and ends", async () => {
    const said = vi.spyOn(console, "log").mockImplementation(() => {});
    await page.run("test: follow");
    expect(said.mock.calls.every(([name]) => typeof name === "string")).toBe(true);
    said.mockRestore();
  });
});
