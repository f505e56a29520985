import { describe, expect, test } from "vitest";
import type { EndpointFlags } from "../../../src/mptcp/path-manager.ts";
import { linuxEndpoints } from "../../../src/mptcp/path-managers/index.ts";
import { FakePaths } from "../../../src/testing/index.ts";
import { IpAddress } from "../../../src/wire/index.ts";

const NO_FLAGS: EndpointFlags = { subflow: false, signal: false, backup: false, fullmesh: false };

function flags(...names: readonly ("signal" | "subflow" | "backup" | "fullmesh")[]): EndpointFlags {
  const all = { ...NO_FLAGS };
  for (const name of names) Object.assign(all, { [name]: true });
  return all;
}

describe("endpoints", () => {
  test("without flags do nothing", () => {
    const paths = new FakePaths(linuxEndpoints());
    paths.addLocal(1);
    paths.establish();
    expect(paths.news()).toEqual([]);
  });

  test("flagged signal are announced, from either side", () => {
    for (const initiator of [true, false]) {
      const paths = new FakePaths(linuxEndpoints(), initiator);
      paths.addLocal(1, flags("signal"));
      paths.addLocal(2, flags("subflow"));
      paths.establish();
      expect(paths.news().filter((line) => line.startsWith("announce"))).toEqual(["announce 1"]);
    }
  });

  test("are announced with their port where they have one", () => {
    const paths = new FakePaths(linuxEndpoints());
    paths.addLocal(1, { ...flags("signal"), port: 5001 });
    paths.establish();
    expect(paths.news()).toEqual(["announce 1 port 5001"]);
  });

  test("flagged subflow make one subflow to the peer's first address", () => {
    const paths = new FakePaths(linuxEndpoints());
    paths.addLocal(1, flags("subflow"));
    paths.addLocal(2, flags("subflow", "backup"));
    paths.establish();
    expect(paths.news()).toEqual(["open 2", "open 3 backup"]);
    expect(paths.openPairs()).toEqual(["0-0", "1-0", "2-0"]);
  });

  test("take an announced address up once, from the first subflow's address", () => {
    const paths = new FakePaths(linuxEndpoints());
    paths.addLocal(1, flags("subflow"));
    paths.establish();
    paths.addRemote(1);
    expect(paths.openPairs()).toEqual(["0-0", "0-1", "1-0"]);
    const joined = paths.paths.find((path) => path.open && path.remoteAddressId === 1);
    paths.table.markWorked(joined?.index ?? 0);
    paths.die(joined?.index ?? 0);
    expect(paths.openPairs()).toEqual(["0-0", "1-0"]);
    paths.removeRemote(1);
    paths.addRemote(1);
    expect(paths.openPairs()).toEqual(["0-0", "0-1", "1-0"]);
  });

  test("use another address for it when the first subflow's is gone", () => {
    const paths = new FakePaths(linuxEndpoints());
    paths.addLocal(1);
    paths.establish();
    paths.removeLocal(0);
    paths.addRemote(1);
    expect(paths.openPairs()).toEqual(["1-1"]);
  });

  test("join an announced address from the one that a route to it leads from: two separate networks", () => {
    const paths = new FakePaths(linuxEndpoints());
    paths.table.addLocal({ id: 1, address: IpAddress.from("10.1.5.9"), up: true, flags: flags("subflow") });
    paths.table.addLocal({ id: 2, address: IpAddress.from("192.168.7.2"), up: true, flags: flags() });
    paths.establish();
    // 10.1.4.1 and 192.168.7.1.
    paths.addRemote(3);
    paths.table.addRemote({ id: 9, address: IpAddress.from("192.168.7.1"), port: 80, joinable: true });
    paths.manager.onAddresses(paths, paths.now);
    expect(paths.openPairs()).toEqual(["0-0", "1-0", "1-3", "2-9"]);
  });

  test("and from the next one after an attempt without an answer, each once", () => {
    const paths = new FakePaths(linuxEndpoints());
    paths.addLocal(1);
    paths.addLocal(2);
    paths.establish();
    paths.addRemote(1);
    for (const expected of ["0-1", "1-1", "2-1"]) {
      expect(paths.openPairs()).toEqual(["0-0", expected]);
      paths.die(paths.paths.find((path) => path.open && path.remoteAddressId === 1)?.index ?? 0);
    }
    expect(paths.openPairs()).toEqual(["0-0"]);
  });

  test("flagged fullmesh join every known address", () => {
    const paths = new FakePaths(linuxEndpoints());
    paths.addLocal(1, flags("subflow", "fullmesh"));
    paths.addLocal(2, flags("subflow", "fullmesh"));
    paths.addLocal(3, flags("subflow"));
    paths.establish();
    paths.addRemote(1);
    expect(paths.openPairs()).toEqual(["0-0", "1-0", "1-1", "2-0", "2-1", "3-0"]);
  });

  test("respect the limit and use the room when there is some", () => {
    const paths = new FakePaths(linuxEndpoints());
    for (const n of [1, 2, 3]) paths.addLocal(n, flags("subflow"));
    paths.limits = { subflows: 2, addAddrAccepted: 8 };
    paths.establish();
    expect(paths.openPairs()).toEqual(["0-0", "1-0", "2-0"]);
    paths.die(2);
    expect(paths.openPairs()).toEqual(["0-0", "2-0", "3-0"]);
    paths.die(3);
    expect(paths.openPairs()).toEqual(["0-0", "3-0"]);
  });

  test("do not join a first address that forbids it", () => {
    const paths = new FakePaths(linuxEndpoints());
    paths.table.denyInitialRemote();
    paths.addLocal(1, flags("subflow"));
    paths.establish();
    expect(paths.openPairs()).toEqual(["0-0"]);
  });

  test("flagged backup make the first subflow one by MP_PRIO", () => {
    const paths = new FakePaths(linuxEndpoints(), true, flags("backup"));
    paths.establish();
    expect(paths.news()).toEqual(["priority 1 backup"]);
  });

  test("that come later, go and return are followed", () => {
    const paths = new FakePaths(linuxEndpoints());
    paths.establish();
    paths.addLocal(1, flags("subflow", "signal"));
    expect(paths.news()).toEqual(["announce 1", "open 2"]);
    paths.removeLocal(1);
    paths.addLocal(1, flags("subflow", "signal"));
    expect(paths.news()).toEqual(["announce 1", "open 2"]);
    expect(paths.openPairs()).toEqual(["0-0", "1-0"]);
  });
});
