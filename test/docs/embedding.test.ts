import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { Pair } from "../../packages/mptcp/test/mptcp/pair.ts";
import { KNOWN_SYSCTLS } from "../../packages/mptcp/src/host/index.ts";
import { linuxTcpInfo } from "../../packages/mptcp/src/index.ts";
import type { Host, StreamSettings } from "../../packages/mptcp/src/index.ts";
import { PageExamples } from "./examples.ts";

const page = readFileSync(fileURLToPath(new URL("../../docs/embedding.md", import.meta.url)), "utf8");

const examples = new PageExamples("docs/embedding.md");
afterAll(() => examples.remove());

const COUNTS = { packets: 0, ce: 0, ect0: 0, ect1: 0 };

/** What stands in backquotes in a column of the table below a heading, from 0. */
function column(heading: string, index: number): string[] {
  const rows = (page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| `"));
  return rows.flatMap((row) => Array.from((row.split("|")[index + 1] ?? "").matchAll(/`([\w.]+)`/g), ([, name]) => name as string));
}

describe("docs/embedding.md", () => {
  const pair = new Pair();
  const { client } = pair.establish();
  const info = client.mptcp.tcpInfo(1, pair.now)!;

  test("has every field of TcpInfo, and no other", () => {
    expect(Array.from(new Set(column("The state of a connection", 0))).toSorted()).toEqual(Object.keys(info).toSorted());
  });

  test("has every field of Linux's that there is, and no other", () => {
    const given = Object.keys(linuxTcpInfo({ ...info, pacingRate: 1, deliveryRate: 1, accurateEcn: { received: COUNTS, delivered: COUNTS, options: "seen", sendsOptions: true, failure: "none" } })).filter((name) => !["tcpi_fackets", "tcpi_last_ack_sent"].includes(name));
    expect(column("The state of a connection", 1).toSorted()).toEqual(given.toSorted());
  });

  test("has every setting of an open connection, and no other", () => {
    const settings: Record<keyof StreamSettings, true> = {
      noDelay: true, cork: true, keepAliveIdle: true, keepAliveInterval: true, keepAliveProbes: true, userTimeout: true, synRetries: true, retries: true, orphanTimeout: true, delayedAck: true,
      ecnOption: true, maxSegmentSize: true, hopLimit: true, trafficClass: true, sendBuffer: true, receiveBuffer: true, unsentLowWater: true, readLowWater: true, windowClamp: true,
    };
    expect(column("Settings of an open connection", 0).toSorted()).toEqual(Object.keys(settings).toSorted());
  });

  test("has every sysctl that says something, and settings that there are", () => {
    expect(column("Settings of a host", 0).toSorted()).toEqual(KNOWN_SYSCTLS.toSorted());
    const { hosts: { client: host } } = pair;
    for (const name of column("Settings of a host", 1).filter((code) => code.includes("."))) {
      const [room = "", key = ""] = name.split(".");
      expect([name, Object.hasOwn(room === "tcp" ? host.tcpDefaults : host.mptcpDefaults, key)]).toEqual([name, true]);
    }
  });

  test("has an example that runs", async () => {
    expect(examples.complaints("example: fixed")).toEqual([]);
    const { host } = (await examples.run("example: fixed")) as { host: Host };
    expect([host.random.sequenceNumbers.uint32(), host.random.sequenceNumbers.uint32(), host.random.nonces.uint32()]).toEqual([0, 1000, 0xaaaa_0001]);
  });

  test("has everything that polling tells", () => {
    const told = page.split("\n## Polling\n")[1]?.split("\n## ")[0] ?? "";
    for (const name of Object.keys(client.connection.readiness)) expect(told).toContain(`\`${name}\``);
  });
});
