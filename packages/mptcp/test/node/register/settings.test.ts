import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { MptcpError } from "../../../src/index.ts";
import { readSettings } from "../../../src/node/register/settings.ts";

const folder = mkdtempSync(join(tmpdir(), "mptcp-settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

const NONE = { via: "auto", udp: [], tun: [], only: [], except: [], required: false, log: "none" };

let files = 0;
function config(text: string): { readonly MPTCP_CONFIG: string } {
  const path = join(folder, `${++files}.json`);
  writeFileSync(path, text);
  return { MPTCP_CONFIG: path };
}

/** What is complained of, after the name of who complains; the folder of the file is another one each time. */
function complaint(environment: Readonly<Record<string, string>>): string {
  try {
    readSettings(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(MptcpError);
    const { code, message } = error as MptcpError;
    expect([code, message.split("\n").length, message.slice(0, 16)]).toEqual(["ERR_MPTCP_REGISTER", 1, "mptcp/register: "]);
    return message.slice(16).replaceAll(/\S*mptcp-settings-[^/]*\/\d+\.json/g, "FILE");
  }
  return "";
}

describe("settings of mptcp/register", () => {
  test("are what is usual, where nothing is said", () => {
    expect(readSettings({})).toEqual(NONE);
    expect(readSettings({ MPTCP_VIA: "", MPTCP_UDP: "", MPTCP_ONLY: " ", MPTCP_EXCEPT: "", MPTCP_REQUIRED: "", MPTCP_LOG: "", MPTCP_CONFIG: "" })).toEqual(NONE);
  });

  test.each([
    ["127.0.0.1", [{ address: "127.0.0.1" }]],
    ["127.0.0.1 127.0.0.2", [{ address: "127.0.0.1" }, { address: "127.0.0.2" }]],
    ["127.0.0.1,127.0.0.2", [{ address: "127.0.0.1" }, { address: "127.0.0.2" }]],
    ["127.0.0.1;127.0.0.2,backup", [{ address: "127.0.0.1" }, { address: "127.0.0.2", backup: true }]],
    ["127.0.0.1,mtu=1280,backup ::1", [{ address: "127.0.0.1", mtu: 1280, backup: true }, { address: "::1" }]],
    ["2001:db8::1,2001:db8::2", [{ address: "2001:db8::1" }, { address: "2001:db8::2" }]],
    ["127.0.0.1,fd00::1,backup", [{ address: "127.0.0.1" }, { address: "fd00::1", backup: true }]],
  ])("have links over UDP: %s", (text, udp) => {
    expect(readSettings({ MPTCP_UDP: text })).toEqual({ ...NONE, udp });
  });

  test.each([
    ["0", "none"],
    ["1", "choice"],
    ["none", "none"],
    ["counters", "counters"],
  ])("have a log: %s", (text, log) => {
    expect(readSettings({ MPTCP_LOG: text }).log).toBe(log);
  });

  test("come from a file, and over it from variables", () => {
    const file = config(JSON.stringify({ via: "userspace", udp: ["127.0.0.1", { address: "127.0.0.2", backup: true, keepAlive: 0 }], tun: [{ host: "10.0.0.2" }], only: ["10.0.0.0/8"], except: ["*"], required: true, log: "choice" }));
    const whole = { via: "userspace", udp: [{ address: "127.0.0.1" }, { address: "127.0.0.2", backup: true, keepAlive: 0 }], tun: [{ host: "10.0.0.2" }], only: ["10.0.0.0/8"], except: ["*"], required: true, log: "choice" };
    expect(readSettings(file)).toEqual(whole);
    expect(readSettings({ ...file, MPTCP_VIA: "tcp", MPTCP_UDP: "127.0.0.9", MPTCP_ONLY: ":443", MPTCP_EXCEPT: ":80 10.0.0.1", MPTCP_REQUIRED: "0", MPTCP_LOG: "0" })).toEqual({
      ...whole,
      via: "tcp",
      udp: [{ address: "127.0.0.9" }],
      only: [":443"],
      except: [":80", "10.0.0.1"],
      required: false,
      log: "none",
    });
    // One that is empty says nothing.
    expect(readSettings({ ...file, MPTCP_VIA: "", MPTCP_UDP: "", MPTCP_REQUIRED: "", MPTCP_LOG: "" })).toEqual(whole);
  });

  test.each([
    [{ MPTCP_VIA: "both" }, 'via, MPTCP_VIA: one of auto, userspace, kernel, tcp is wanted, not "both"'],
    [{ MPTCP_LOG: "2" }, 'log, MPTCP_LOG: one of none, choice, counters is wanted, not "2"'],
    [{ MPTCP_LOG: "constructor" }, 'log, MPTCP_LOG: one of none, choice, counters is wanted, not "constructor"'],
    [{ MPTCP_REQUIRED: "yes" }, 'required, MPTCP_REQUIRED: 1 or 0 is wanted, not "yes"'],
    [{ MPTCP_UDP: "localhost" }, 'a link over UDP has an IP address, which "localhost" is not'],
    [{ MPTCP_UDP: "127.0.0.1,backups" }, 'a link is ADDRESS[,backup][,mtu=N], not "127.0.0.1,backups"'],
    [{ MPTCP_UDP: "127.0.0.1,mtu=-1" }, 'a link is ADDRESS[,backup][,mtu=N], not "127.0.0.1,mtu=-1"'],
  ])("that make no sense are said in a line: %j", (environment, said) => {
    expect(complaint(environment)).toBe(said);
  });

  test.each([
    ["[]", "FILE is no object"],
    ["null", "FILE is no object"],
    ['{"vai": 1}', "FILE has a key that is not known: vai; there are via, udp, tun, only, except, required, log"],
    ['{"via": 1}', "via in FILE, MPTCP_VIA: one of auto, userspace, kernel, tcp is wanted, not 1"],
    ['{"udp": "127.0.0.1"}', 'udp in FILE, MPTCP_UDP: a list is wanted, not "127.0.0.1"'],
    ['{"udp": [{}]}', "a link over UDP has an address, which {} has not"],
    ['{"udp": [7]}', "a link over UDP has an address, which 7 has not"],
    ['{"udp": null}', "udp in FILE, MPTCP_UDP: a list is wanted, not null"],
    ['{"tun": [{"name": "mptcp0"}]}', 'a TUN device in FILE has a host, the engine\'s address, which {"name":"mptcp0"} has not'],
    ['{"only": [1]}', "only in FILE, MPTCP_ONLY: a list of texts is wanted, not [1]"],
    ['{"required": "maybe"}', 'required in FILE, MPTCP_REQUIRED: 1 or 0 is wanted, not "maybe"'],
  ])("nor does a file: %s", (text, said) => {
    expect(complaint(config(text))).toBe(said);
  });

  test("a file that is not there, or no JSON, is named", () => {
    expect(complaint({ MPTCP_CONFIG: "/nowhere/at/all" })).toBe("the file that MPTCP_CONFIG names cannot be read: ENOENT: no such file or directory, open '/nowhere/at/all'");
    expect(complaint(config("{"))).toMatch(/^FILE is no JSON: /);
    expect(complaint(config("{\n\n  nothing\n}"))).toMatch(/^FILE is no JSON: /);
  });

  test("nothing else is thrown, whatever is said", () => {
    const words = fc.oneof(fc.string(), fc.constantFrom("127.0.0.1", "::1", "backup", "mtu=9", ",", ";", " ", "1", "0", "auto", "__proto__").chain((word) => fc.string({ maxLength: 3 }).map((more) => word + more)));
    const names = ["MPTCP_VIA", "MPTCP_UDP", "MPTCP_ONLY", "MPTCP_EXCEPT", "MPTCP_REQUIRED", "MPTCP_LOG"] as const;
    const variables = fc.record(Object.fromEntries(names.map((name) => [name, words])), { requiredKeys: [] });
    fc.assert(fc.property(variables, (environment) => void complaint(environment as Record<string, string>)), { numRuns: 500 });
  });

  test("nor by a file", () => {
    const key = fc.constantFrom("via", "udp", "tun", "only", "except", "required", "log");
    const file = fc.dictionary(key, fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.array(fc.record({ address: fc.jsonValue({ maxDepth: 2 }), host: fc.jsonValue({ maxDepth: 2 }), mtu: fc.jsonValue({ maxDepth: 2 }) }, { requiredKeys: [] }))));
    const path = config("{}");
    fc.assert(
      fc.property(fc.oneof(file, fc.jsonValue({ maxDepth: 2 })), (value) => {
        writeFileSync(path.MPTCP_CONFIG, JSON.stringify(value));
        complaint(path);
      }),
      { numRuns: 100 },
    );
  });
});
