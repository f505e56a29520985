import { describe, expect, test } from "vitest";
import { Child } from "./child.ts";
import { kernelObstacle, KernelPlace, PlainPlace, UserspacePlace } from "./places.ts";
import type { Place, Start } from "./places.ts";

/** A number of a place that no program of programs.test.ts has. */
const PLACE = 30;

async function run({ command, environment }: Start): Promise<{ readonly said: string[]; readonly code: number | null; readonly errors: string }> {
  const child = new Child(command, environment);
  const said: string[] = [];
  for (let line = await child.line(); line !== null; line = await child.line()) said.push(line);
  return { code: await child.end(), said, errors: child.errors };
}

async function say(place: Place, host: string, other: string, childLinks = ""): Promise<string[]> {
  try {
    const { code, said, errors } = await run(place.program("clients/node.mjs", [host, 21_200, other, childLinks]));
    expect([code, errors.replaceAll(/^mptcp: .*\n/gm, "")]).toEqual([0, ""]);
    return said;
  } finally {
    await place.close();
  }
}

const SAID = [
  ["the server's port", true],
  ["events, each in its context", ["connect", "data", "timeout", "end", "close"].map((event) => [event, "context"])],
  ["of two addresses the one that answers", ["ECONNREFUSED", true, 2]],
  ["fetch", "hello"],
  ["a worker", "connected\n"],
  ["a child", "connected\n"],
  ["diagnostics", ["net.client.socket", "net.server.socket"]],
].map((line) => JSON.stringify(line));

describe("mptcp/register: options, contexts, several addresses, workers and children", () => {
  test("over plain TCP", async () => {
    const place = new PlainPlace(PLACE);
    expect(await say(place, place.host, place.host.replace(/\d+$/, "250"))).toEqual(SAID);
  });

  test("in user space", async () => {
    const place = new UserspacePlace(PLACE);
    const [host = "", other = ""] = place.programAddresses;
    expect(await say(place, host, other, place.host)).toEqual(SAID);
  });

  test.skipIf(kernelObstacle() !== null)("over the kernel's", async () => {
    expect(await say(new KernelPlace(), "127.0.0.1", "127.0.0.2")).toEqual(SAID);
  });
});

describe("mptcp/register: what does not go with the settings is said in a line, and the program does not begin", () => {
  test.each([
    [{ MPTCP_VIA: "both" }, 'mptcp/register: via, MPTCP_VIA: one of auto, userspace, kernel, tcp is wanted, not "both"'],
    [{ MPTCP_UDP: "" }, "mptcp/register: user space needs links: MPTCP_UDP=\"ADDRESS ADDRESS\", or udp and tun in the file that MPTCP_CONFIG names"],
    [{ MPTCP_UDP: "127.0.0.1,mtu=3" }, 'mptcp/register: The value of "mtu" is out of range. It must be an integer >= 576 && <= 65535. Received 3'],
    [{ MPTCP_ONLY: "example" }, 'mptcp/register: "example" is none of ADDRESS[/PREFIX][:PORT], [ADDRESS]:PORT, :PORT, *'],
  ])("%j", async (settings, line) => {
    const { command, environment } = new UserspacePlace(PLACE).program("clients/node.mjs", ["127.0.0.1", 21_210]);
    expect(await run({ command, environment: { ...environment, ...settings } })).toEqual({ code: 1, said: [], errors: `${line}\n` });
  });
});
