import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { Pair } from "../../packages/mptcp/test/mptcp/pair.ts";
import { linuxTcpInfo } from "../../packages/mptcp/src/index.ts";

const page = readFileSync(fileURLToPath(new URL("../../docs/embedding.md", import.meta.url)), "utf8");

/** What stands in backquotes in a column of the table below a heading, from 0. */
function column(heading: string, index: number): string[] {
  const rows = (page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| `"));
  return rows.flatMap((row) => Array.from((row.split("|")[index + 1] ?? "").matchAll(/`(\w+)`/g), ([, name]) => name as string));
}

describe("docs/embedding.md", () => {
  const pair = new Pair();
  const { client } = pair.establish();
  const info = client.mptcp.tcpInfo(1, pair.now)!;

  test("has every field of TcpInfo, and no other", () => {
    expect(Array.from(new Set(column("The state of a connection", 0))).toSorted()).toEqual(Object.keys(info).toSorted());
  });

  test("has every field of Linux's that there is, and no other", () => {
    const given = Object.keys(linuxTcpInfo({ ...info, pacingRate: 1, deliveryRate: 1 })).filter((name) => !["tcpi_fackets", "tcpi_last_ack_sent"].includes(name));
    expect(column("The state of a connection", 1).toSorted()).toEqual(given.toSorted());
  });
});
