import { MILLISECOND, newReno, SECOND } from "mptcp";
import { BulkSender, Echo, PacedSender, RequestClient, RequestServer, Sink } from "mptcp/sim";
import { buffers, LTE, runSetting, WIFI } from "./network.ts";
import type { Setting } from "./network.ts";
import type { DigestRun } from "./runs.ts";

const PLAIN = { connect: { multipath: false }, listen: { multipath: false } } as const;

/** A run of one plain TCP connection over one path. */
function tcp(name: string, shows: readonly string[], setting: Partial<Setting>): DigestRun {
  return { name: `tcp ${name}`, shows, record: (recording) => runSetting({ seed: 7, paths: [WIFI], ...PLAIN, ...setting }, recording) };
}

/** Plain TCP: the ground that subflows stand on. */
export const TCP_RUNS: readonly DigestRun[] = [
  tcp("transfer in both directions", ["tcp_state", "recovery"], { upload: 800_000, download: 300_000 }),
  tcp("with loss, reordering and duplicates", ["retransmission fast", "packet_lost random"], {
    paths: [{ ...WIFI, loss: 0.03, duplicate: 0.02, detour: { probability: 0.03, extraDelay: 15 * MILLISECOND } }],
    upload: 400_000,
  }),
  tcp("newreno with bursts of loss, IPv6", ["retransmission fast"], {
    family: 6,
    paths: [{ ...WIFI, loss: { p: 0.01, r: 0.3 } }],
    client: { tcp: { congestion: newReno } },
    upload: 400_000,
  }),
  tcp("without SACK and timestamps", ["retransmission fast"], { paths: [{ ...WIFI, loss: 0.01 }], client: { tcp: { sack: false, timestamps: false } }, upload: 300_000 }),
  tcp("timeouts", ["rto", "retransmission rto"], { paths: [{ ...LTE, loss: 0.3 }], upload: 30_000, download: 0, until: 300 * SECOND }),
  tcp("that is given up", ["rto", "tcp_state"], {
    client: { tcp: { retries: 4 } },
    upload: 500_000,
    script: ({ simulation, links }) => simulation.at(100 * MILLISECOND, (now) => links[0]?.down(now)),
    until: 120 * SECOND,
  }),
  tcp("a window that closes and opens", ["segment_dropped out of window"], closedWindow()),
  tcp("a path with a smaller MTU behind it", ["packet_lost mtu"], { coreMtu: 1280, upload: 100_000 }),
  tcp("super-segments and ECN marks", ["tcp_state"], {
    paths: [{ rate: 200e6, delay: MILLISECOND, queue: { packets: 30 }, segmentation: true, ecnThreshold: 5 }],
    serverLinks: [{ segmentation: true }],
    upload: 3_000_000,
  }),
  tcp("backpressure of the link", ["tcp_state"], { client: { backpressure: 4 }, upload: 500_000 }),
  tcp("keepalives", ["tcp_state"], { client: { tcp: { keepAliveIdle: 2 * SECOND, keepAliveInterval: SECOND, keepAliveProbes: 3 } }, apps: () => [new Sink(), new Sink()], until: 20 * SECOND }),
  tcp("requests and an echo", ["tcp_state"], {
    apps: () => [new RequestClient({ request: 400, response: 6000, count: 15, thinkTime: 20 * MILLISECOND }), new RequestServer({ request: 400, response: 6000 })],
  }),
  tcp("an echo of small writes", ["tcp_state"], { apps: () => [new PacedSender({ size: 90, interval: 30 * MILLISECOND, count: 60 }), new Echo()] }),
  tcp("a reset", ["tcp_state"], {
    upload: 900_000,
    script: ({ simulation, client, connection }) => {
      simulation.at(150 * MILLISECOND, (now) => {
        connection().abort(now);
        client.poke();
      });
    },
  }),
];

/** The receiver stops reading for some seconds. */
function closedWindow(): Partial<Setting> {
  let sink: Sink | null = null;
  return {
    client: { tcp: buffers(30_000) },
    server: { tcp: buffers(30_000) },
    apps: () => {
      sink = new Sink();
      return [new BulkSender({ bytes: 150_000 }), sink];
    },
    script: ({ simulation }) => {
      simulation.at(100 * MILLISECOND, () => sink?.pause());
      simulation.at(5 * SECOND, () => sink?.resume());
    },
  };
}
