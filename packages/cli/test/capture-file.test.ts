import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CaptureFile } from "../src/capture-file.ts";

test("a capture is made for its owner alone", () => {
  const folder = mkdtempSync(join(tmpdir(), "mptcp-capture-"));
  try {
    const file = new CaptureFile(join(folder, "some.pcapng"));
    file.close();
    expect(statSync(file.path).mode & 0o077).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
