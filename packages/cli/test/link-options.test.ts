import { describe, expect, it } from "vitest";
import { parseEndpoint, parseLimits, parseTun, parseUdp } from "../src/link-options.ts";

describe("--udp", () => {
  it.each([
    ["local=127.0.0.1", { local: "127.0.0.1", zone: null, port: null, backup: false, mtu: null }],
    ["local=127.0.0.1:5000,backup", { local: "127.0.0.1", zone: null, port: 5000, backup: true, mtu: null }],
    ["local=::1", { local: "::1", zone: null, port: null, backup: false, mtu: null }],
    ["local=[::1]", { local: "::1", zone: null, port: null, backup: false, mtu: null }],
    ["local=[2001:db8::0:1]:65535,mtu=1280", { local: "2001:db8::1", zone: null, port: 65535, backup: false, mtu: 1280 }],
    ["local=::ffff:192.0.2.1", { local: "192.0.2.1", zone: null, port: null, backup: false, mtu: null }],
    ["local=fe80::1%eth0", { local: "fe80::1", zone: "eth0", port: null, backup: false, mtu: null }],
    ["local=[fe80::1%eth0.7]:5000", { local: "fe80::1", zone: "eth0.7", port: 5000, backup: false, mtu: null }],
  ])("%s", (text, link) => {
    expect(parseUdp(text, [])).toEqual([{ kind: "udp", ...link }]);
  });

  it.each([
    ["dev=wlan0", { device: "wlan0", use: "regular", mtu: null }],
    ["dev=ww*,backup,mtu=1400", { device: "ww*", use: "backup", mtu: 1400 }],
    ["off,dev=tun0", { device: "tun0", use: "off", mtu: null }],
    ["dev=any", { device: "any", use: "regular", mtu: null }],
  ])("%s, by device", (text, link) => {
    expect(parseUdp(text, [])).toEqual([{ kind: "device", ...link }]);
  });

  it.each([
    ["local=", /local is missing/],
    ["backup", /local is missing/],
    ["local=example.org", /"example.org" is no IP address/],
    ["local=127.0.0.1:", /port is a whole number from 1 to 65535/],
    ["local=127.0.0.1:0", /port is a whole number/],
    ["local=127.0.0.1:1e3", /port is a whole number/],
    ["local=[::1]x", /is no address/],
    ["local=1:2:3", /is no address/],
    ["local=127.0.0.1%lo", /is no IP address/],
    ["local=127.0.0.1,local=127.0.0.2", /local is there twice/],
    ["local=127.0.0.1,backup=yes", /backup takes no value/],
    ["local=127.0.0.1,mtu=100", /mtu is a whole number from 576/],
    ["from=127.0.0.1", /"from" is not one of local, dev, backup, mtu/],
    ["dev=", /dev is missing/],
    ["dev", /dev is missing/],
    ["dev=a/b", /"a\/b" is no name of a device/],
    ["dev=wlan0,backup,off", /exclude each other/],
    ["dev=wlan0,local=127.0.0.1", /"local" is not one of dev, backup, off, mtu/],
  ])("%s is refused", (text, message) => {
    expect(() => parseUdp(text, [])).toThrow(message);
  });
});

describe("--tun", () => {
  it("takes a name, the engine's address and the kernel's", () => {
    const first = parseTun("name=mp0,host=10.1.0.2,kernel=10.1.0.1/24,mtu=9000", []);
    expect(parseTun("name=mp1,host=fd00::2,backup", first)).toEqual([
      { kind: "tun", name: "mp0", host: "10.1.0.2", kernel: "10.1.0.1/24", backup: false, mtu: 9000 },
      { kind: "tun", name: "mp1", host: "fd00::2", kernel: null, backup: true, mtu: null },
    ]);
  });

  it.each([
    ["name=mp0", /host is missing/],
    ["host=10.1.0.2", /name is missing/],
    ["name=mp0,host=10.1.0", /is no IP address/],
    ["name=mp0,host=10.1.0.2,kernel=10.1.0.1", /length of its prefix/],
    ["name=mp0,host=10.1.0.2,kernel=10.1.0.1/33", /length of its prefix/],
  ])("%s is refused", (text, message) => {
    expect(() => parseTun(text, [])).toThrow(message);
  });
});

describe("--endpoint", () => {
  it("has the words of ip mptcp endpoint", () => {
    const first = parseEndpoint("10.2.0.2,signal,port=5001,id=7", []);
    expect(parseEndpoint("10.3.0.2,subflow,fullmesh,backup", first)).toEqual([
      { address: "10.2.0.2", signal: true, subflow: false, backup: false, fullmesh: false, port: 5001, id: 7 },
      { address: "10.3.0.2", signal: false, subflow: true, backup: true, fullmesh: true },
    ]);
  });

  it.each([
    ["10.2.0.2", /say what 10.2.0.2 is for/],
    ["eth0,signal", /"eth0" is no IP address/],
    ["10.2.0.2,signals", /"signals" is not one of/],
    ["10.2.0.2,signal,fullmesh", /exclude each other/],
    ["10.2.0.2,subflow,port=5001", /a port goes with signal/],
    ["10.2.0.2,signal,id=0", /id is a whole number from 1 to 255/],
    ["10.9.0.9,signal", /there is an endpoint 10.9.0.9 already/],
    ["10.2.0.2,signal,id=9", /there is an endpoint with id 9 already/],
  ])("%s is refused", (text, message) => {
    expect(() => parseEndpoint(text, parseEndpoint("10.9.0.9,signal,id=9", []))).toThrow(message);
  });
});

describe("--limits", () => {
  it("has the words of ip mptcp limits", () => {
    expect(parseLimits("subflows=2,add-addr-accepted=4")).toEqual({ subflows: 2, addAddrAccepted: 4 });
    expect(parseLimits("add_addr_accepted=0")).toEqual({ addAddrAccepted: 0 });
    expect(() => parseLimits("subflow=2")).toThrow(/"subflow" is not one of subflows, add-addr-accepted/);
    expect(() => parseLimits("subflows=-1")).toThrow(/subflows is a whole number/);
  });
});
