import { congestionControls, fullMesh, linuxEndpoints, MILLISECOND, roundRobin, SECOND } from "mptcp";
import type { MptcpConfig } from "mptcp";
import type { IpAddress } from "mptcp/wire";
import { buffers, LTE, runSetting, settings, WIFI } from "./network.ts";
import type { Network, Setting } from "./network.ts";
import type { DigestRun } from "./runs.ts";
import { changeByte, isData, isSyn, nth, strip, stripKind, swallow } from "./tampering.ts";

/** A run of one Multipath TCP connection, over two paths unless it says otherwise. */
function multipath(name: string, shows: readonly string[], setting: Partial<Setting>): DigestRun {
  return { name: `mptcp ${name}`, shows, record: (recording) => runSetting({ seed: 11, paths: [WIFI, LTE], ...setting }, recording) };
}

/** The same configuration for both hosts. */
function both(mptcp: Partial<MptcpConfig>): Partial<Setting> {
  return { client: settings(mptcp), server: settings(mptcp) };
}

/** Does something at a time of the run, ms. */
function at(milliseconds: number, action: (network: Network, now: number) => void): NonNullable<Setting["script"]> {
  return (network) => void network.simulation.at(milliseconds * MILLISECOND, (now) => action(network, now));
}

/** Several scripts in one. */
function all(...scripts: readonly NonNullable<Setting["script"]>[]): NonNullable<Setting["script"]> {
  return (network) => scripts.forEach((script) => script(network));
}

const ONE = [WIFI];
const JOINED = ["connection_established", "subflow_established"];
const abort = at(150, ({ client, connection }, now) => {
  connection().abort(now);
  client.poke();
});

const PLAIN_RUNS: readonly DigestRun[] = [
  multipath("four paths of both kinds, round-robin, 8 octets", JOINED, {
    ...both({ scheduler: roundRobin, dataSequenceLength: 8 }),
    paths: [WIFI, LTE, { ...WIFI, loss: 0.01 }, { ...LTE, jitter: 5 * MILLISECOND }],
    upload: 800_000,
    download: 400_000,
  }),
  multipath("super-segments", JOINED, {
    paths: [WIFI, LTE].map((path) => ({ ...path, rate: 100e6, segmentation: true })),
    serverLinks: [{ segmentation: true }],
    upload: 2_000_000,
  }),
  multipath("backpressure of the links", JOINED, { client: { backpressure: 5 }, upload: 600_000 }),
  multipath("a shared window that blocks: opportunistic, penalised", [...JOINED, "penalise", "reinjection opportunistic", "window"], {
    client: settings({ scheduler: roundRobin }, buffers(500_000)),
    server: { tcp: buffers(40_000) },
    paths: [WIFI, { ...LTE, rate: 1e6, delay: 60 * MILLISECOND }],
    upload: 1_200_000,
  }),
  multipath("a path that falls silent for a while", ["rto", "reinjection tail_loss_probe"], {
    upload: 1_500_000,
    script: all(at(300, ({ links }, now) => links[0]?.down(now)), at(3000, ({ links }, now) => links[0]?.up(now))),
  }),
  ...(["lia", "lia-fixed-point", "reno", "cubic"] as const).map((name) =>
    multipath(`congestion control ${name}`, ["recovery"], {
      ...both({ congestion: congestionControls[name] as MptcpConfig["congestion"] }),
      paths: [{ ...WIFI, loss: 0.005 }, LTE],
      upload: 1_000_000,
      download: 0,
    }),
  ),
  multipath("SYN cookies", JOINED, { server: { synCookies: "always" }, upload: 200_000, download: 200_000 }),
  multipath("SYN cookies and checksums, IPv6, a lost third ACK", JOINED, {
    family: 6,
    client: settings({ checksum: true }),
    server: { synCookies: "always" },
    tamper: swallow(nth((segment, fromClient) => fromClient && !isSyn(segment, true, 0), 1, 1)),
  }),
];

/** Options that get lost on the way, RFC 8684 §3.7. */
const FALLBACK_RUNS: readonly DigestRun[] = [
  multipath("options lost from the SYN", ["fallback no_mp_capable_in_synack"], { tamper: strip((segment, fromClient) => fromClient && isSyn(segment, true, 0)) }),
  multipath("options lost from the SYN+ACK", ["fallback no_mp_capable_in_synack", "fallback no_mp_capable_in_ack"], {
    tamper: strip((segment, fromClient) => !fromClient && isSyn(segment, false, 0)),
  }),
  multipath("options lost behind the SYNs", ["fallback no_mp_capable_in_ack"], { tamper: strip((segment) => !isSyn(segment, true, 0)) }),
  multipath("options lost behind the SYNs, on the way to the client", ["fallback no_data_ack", "fallback infinite_mapping"], {
    download: 0,
    tamper: strip((segment, fromClient) => !fromClient && !isSyn(segment, false, 0)),
  }),
  multipath("options lost behind the SYNs, on the way to the server, with a loss", ["fallback no_mp_capable_in_ack"], {
    paths: [{ ...WIFI, loss: 0.01 }],
    upload: 400_000,
    tamper: strip((segment, fromClient) => fromClient && !isSyn(segment, true, 0)),
  }),
  multipath("options lost from data", ["fallback"], { tamper: strip(isData) }),
  multipath("options lost late, from the only subflow", ["fallback options_lost"], {
    paths: ONE,
    server: { tcp: buffers(20_000) },
    upload: 200_000,
    tamper: strip(nth((segment, fromClient) => fromClient && !isSyn(segment, true, 0), 20, 1e9)),
  }),
  multipath("options lost late, from a path of two", ["reinjection data_timeout"], {
    upload: 900_000,
    tamper: strip(nth((segment, fromClient, path) => fromClient && path === 1 && isData(segment, true, 1), 20, 1e9)),
  }),
  multipath("SYNs with options swallowed", ["fallback"], {
    paths: ONE,
    tamper: swallow((segment, fromClient) => fromClient && isSyn(segment, true, 0) && segment.mptcp.length > 0),
  }),
  multipath("joins without options", ["subflow_closed"], { tamper: strip((segment, _, path) => path === 1 && isSyn(segment, true, 1)) }),
  multipath("a server that speaks plain TCP", ["fallback no_mp_capable_in_synack"], { listen: { multipath: false } }),
];

/** Bytes that change on the way, with checksums. */
const CHECKSUM_RUNS: readonly DigestRun[] = [
  multipath("a changed byte with one subflow", ["fallback checksum_failed", "fallback mp_fail"], {
    client: settings({ checksum: true }),
    paths: ONE,
    tamper: changeByte(nth((segment, fromClient) => fromClient && isData(segment, true, 0), 5, 1)),
  }),
  multipath("changed bytes with two subflows", ["subflow_closed checksum_failed"], {
    client: settings({ checksum: true, dataSequenceLength: 8 }),
    upload: 500_000,
    tamper: changeByte(nth((segment, fromClient, path) => fromClient && path === 1 && isData(segment, true, 1), 4, 3)),
  }),
  multipath("changed bytes towards the client, IPv6", ["fallback checksum_failed"], {
    family: 6,
    client: settings({ checksum: true }),
    paths: ONE,
    download: 200_000,
    tamper: changeByte(nth((segment, fromClient) => !fromClient && isData(segment, false, 0), 9, 1)),
  }),
];

function endpoints(mptcp: Partial<MptcpConfig> = {}): Partial<Setting> {
  return both({ pathManager: linuxEndpoints, ...mptcp });
}

/** Addresses and paths. */
const ADDRESS_RUNS: readonly DigestRun[] = [
  multipath("endpoints: an announced server address, which goes again", [...JOINED, "add_addr", "remove_addr"], {
    ...endpoints(),
    paths: ONE,
    serverLinks: [{}, {}],
    serverFlags: [{}, { signal: true }],
    upload: 1_500_000,
    script: at(400, ({ server, serverAddresses }) => server.removeAddress(serverAddresses[1] as IpAddress)),
  }),
  multipath("endpoints: an announcement and its echo get lost", ["add_addr"], {
    ...endpoints(),
    paths: ONE,
    serverLinks: [{}, {}],
    serverFlags: [{}, { signal: true }],
    upload: 600_000,
    tamper: swallow(nth((segment) => segment.mptcp.some((option) => option.kind === "add_addr"), 1, 2)),
  }),
  multipath("endpoints: a full mesh with checksums, 8 octets", [...JOINED, "add_addr"], {
    ...endpoints({ checksum: true, dataSequenceLength: 8 }),
    clientFlags: [{ fullmesh: true }, { fullmesh: true }],
    serverLinks: [{}, {}],
    serverFlags: [{}, { signal: true }],
    upload: 500_000,
  }),
  multipath("endpoints: a backup endpoint", [...JOINED, "priority"], {
    ...endpoints(),
    clientFlags: [{ backup: true }, { subflow: true }],
    upload: 600_000,
  }),
  multipath("an address of the client that goes and comes", ["remove_addr", "subflow_closed address_removed"], {
    upload: 1_500_000,
    script: all(
      at(300, ({ client, clientAddresses }) => client.removeAddress(clientAddresses[1] as IpAddress)),
      at(900, ({ client, clientAddresses }) => client.addAddress(clientAddresses[1] as IpAddress, { link: 1 })),
    ),
  }),
  multipath("the first address of the client goes, IPv6", ["remove_addr"], {
    family: 6,
    upload: 1_500_000,
    script: at(300, ({ client, clientAddresses }) => client.removeAddress(clientAddresses[0] as IpAddress)),
  }),
  multipath("two server addresses, the first of them denied", JOINED, { server: settings({ denyJoinInitialAddress: true }), serverLinks: [{}, {}], upload: 500_000 }),
  multipath("break before make", ["subflow_closed address_removed"], {
    upload: 1_500_000,
    clientFlags: [{}, {}],
    script: all(
      at(200, ({ client, clientAddresses }) => clientAddresses.forEach((address) => client.removeAddress(address))),
      at(4000, ({ client, clientAddresses }) => client.addAddress(clientAddresses[1] as IpAddress, { link: 1 })),
    ),
  }),
  multipath("no subflow for too long", ["connection_closed"], {
    ...both({ noSubflowTimeout: 3 * SECOND }),
    upload: 1_500_000,
    script: at(200, ({ client, clientAddresses }) => clientAddresses.forEach((address) => client.removeAddress(address))),
  }),
  multipath("joins beyond the server's limit", ["subflow_established"], {
    paths: [WIFI, LTE, WIFI, LTE],
    server: settings({ limits: { subflows: 1, addAddrAccepted: 8 } }),
    upload: 500_000,
  }),
  multipath("announcements that get lost for good", ["add_addr"], { serverLinks: [{}, {}], upload: 300_000, tamper: stripKind("add_addr") }),
  multipath("mode backup, the regular path fails", ["rto", "reinjection rto"], {
    ...both({ pathManager: () => fullMesh({ mode: "backup" }) }),
    clientFlags: [{}, { backup: true }],
    upload: 900_000,
    script: all(at(200, ({ links }, now) => links[0]?.down(now)), at(4000, ({ links }, now) => links[0]?.up(now))),
  }),
  multipath("mode single-path, its path fails", ["rto"], {
    ...both({ pathManager: () => fullMesh({ mode: "single-path" }) }),
    upload: 900_000,
    script: all(
      at(200, ({ links }, now) => links[0]?.down(now)),
      at(1500, ({ client, clientAddresses }) => client.removeAddress(clientAddresses[0] as IpAddress)),
    ),
  }),
  multipath("a flag that changes: MP_PRIO there and back", ["priority"], {
    upload: 1_500_000,
    script: all(
      at(300, ({ client, clientAddresses }) => client.addAddress(clientAddresses[1] as IpAddress, { link: 1, flags: { backup: true } })),
      at(900, ({ client, clientAddresses }) => client.addAddress(clientAddresses[1] as IpAddress, { link: 1, flags: { backup: false } })),
    ),
  }),
];

/** Ends of connections. */
const CLOSING_RUNS: readonly DigestRun[] = [
  multipath("fastclose by RSTs", ["fastclose"], { ...both({ fastclose: "reset" }), upload: 1_500_000, script: abort }),
  multipath("fastclose by an ACK", ["fastclose"], { ...both({ fastclose: "ack" }), upload: 1_500_000, script: abort }),
  multipath("a DATA_FIN that gets lost", ["data_fin"], {
    upload: 60_000,
    download: 0,
    tamper: swallow(nth((segment) => segment.mptcp.some((option) => option.kind === "dss" && option.dataFin), 1, 3)),
  }),
  multipath("a connection of no bytes", ["data_fin"], { upload: 0, download: 0 }),
];

/** Multipath TCP beside what scenarios and random networks cover. */
export const MULTIPATH_RUNS: readonly DigestRun[] = [...PLAIN_RUNS, ...FALLBACK_RUNS, ...CHECKSUM_RUNS, ...ADDRESS_RUNS, ...CLOSING_RUNS];
