import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CaptureFile } from "../src/capture-file.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "capture-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe("the file of a capture", () => {
  it("can be read by its owner alone", () => {
    const path = join(folder, "new.pcapng");
    const file = new CaptureFile(path);
    file.write(Buffer.from("secret"));
    file.close();
    expect([modeOf(path), readFileSync(path, "utf8"), file.problem]).toEqual([0o600, "secret", null]);
  });

  it("so it is where it was there before, for all to read", () => {
    const path = join(folder, "old.pcapng");
    writeFileSync(path, "old");
    chmodSync(path, 0o666);
    new CaptureFile(path).close();
    expect([modeOf(path), readFileSync(path, "utf8")]).toEqual([0o600, ""]);
  });

  it("may be a device, which stays as it is", () => {
    const before = modeOf("/dev/null");
    new CaptureFile("/dev/null").close();
    expect(modeOf("/dev/null")).toBe(before);
  });
});
