import { afterEach, describe, expect, it } from "vitest";
import { isColored } from "../src/io.ts";
import { Command } from "./processes.ts";

afterEach(() => Command.stopAll());

describe("colours", () => {
  it("are for terminals, unless NO_COLOR or a dumb one says otherwise, and for whoever forces them", () => {
    expect(isColored(true, { TERM: "xterm" })).toBe(true);
    expect(isColored(true, { TERM: "xterm", CI: "true" })).toBe(true);
    expect(isColored(true, { TERM: "dumb" })).toBe(false);
    expect(isColored(true, { NO_COLOR: "1" })).toBe(false);
    expect(isColored(true, { NO_COLOR: "" })).toBe(true);
    expect(isColored(true, { FORCE_COLOR: "0" })).toBe(false);
    expect(isColored(false, {})).toBe(false);
    expect(isColored(false, { CI: "true" })).toBe(false);
    expect(isColored(false, { FORCE_COLOR: "1" })).toBe(true);
    expect(isColored(false, { FORCE_COLOR: "1", NO_COLOR: "1" })).toBe(false);
  });

  it("are not written into a pipe, in a build job neither", async () => {
    for (const environment of [{ CI: "true" }, { CI: "true", FORCE_COLOR: "1" }]) {
      const command = new Command(["doctor"], { environment });
      await command.code;
      expect(command.text.length).toBeGreaterThan(100);
      expect(command.text.includes("\x1b[")).toBe("FORCE_COLOR" in environment);
    }
  });
});
