import { at } from "./case-list.ts";
import type { KeyCase, Trace } from "./case-list.ts";

/** Short segments that come together, which a coalescer can join. */
const shortened = (parameters: string): readonly string[] => ["workload.bulk.direction=upload", `paths.a.middleboxes=[{ splitter: { size: 300, ${parameters} } }, { coalescer: {} }]`];
/** A box of one kind on a path. */
const box = (path: string, kind: string, parameters: string): string => `paths.${path}.middleboxes=[{ ${kind}: { ${parameters} } }]`;

type Values = Readonly<Record<string, string>>;

/** The parameters of a box on path a, which has some others, with more that is so in both runs. */
function boxed(kind: string, set: Values, parameters = "", more: readonly string[] = [], shows: Trace = "capture"): [string, KeyCase][] {
  return at("paths", `paths.a.middleboxes.0.${kind}.`, shows, set, [box("a", kind, parameters), ...more]);
}

const cases = (...lists: readonly [string, KeyCase][][]): Readonly<Record<string, KeyCase>> => Object.fromEntries(lists.flat());

/** What picks segments, for a box that works on all in both directions. */
const PICKED: Values = { direction: "outward", segments: "syn", afterTime: "10 s", afterBytes: "1000000" };
const UPLOAD = "workload.bulk.direction=upload";
const LOSS = "paths.a.loss=5 %";
/** A server that opens the connection. */
const FROM_SERVER = "workload={ bulk: { bytes: 100 KB }, from: server, to: client }";

/** Each kind with parameters by which it shows, and what else it asks for. */
const KINDS: Readonly<Record<string, readonly [parameters: string, more?: readonly string[], shows?: Trace]>> = {
  "ack-filter": ["wait: 10 ms"],
  "black-hole": ["options: sack"],
  coalescer: ["wait: 5 ms"],
  corrupter: ["fraction: 0.2"],
  duplicator: ["fraction: 0.5"],
  "ecn-bleacher": ["flags: all", ["protocol.ecn=on"]],
  "ftp-alg": ["", [], "plan"],
  "hole-holder": ["", [LOSS, UPLOAD]],
  "ip-header-rewriter": ["dscp: 8"],
  "isn-randomiser": [""],
  "mss-clamp": ["size: 600"],
  nat44: ["", [], "events"],
  normaliser: ["port: 0"],
  "option-duplicator": [""],
  "option-reorderer": ["", [], "plan"],
  "option-stripper": ["options: timestamps"],
  "payload-editor": ["direction: inward, length: longer"],
  "proactive-acker": ["", [UPLOAD]],
  reorderer: ["fraction: 0.5"],
  "rst-injector": [""],
  splitter: ["size: 1000"],
  "stateful-firewall": ["restartAfter: 70 ms"],
  "syn-ack-rewriter": [""],
  "syn-data-dropper": ["", [], "plan"],
  "terminating-proxy": [""],
  "window-clamp": ["window: 3000"],
  "window-scale-rewriter": ["windows: leave", [UPLOAD]],
};

/** The keys of boxes, and of each kind of box. */
export const MIDDLEBOX_CASES: Readonly<Record<string, Readonly<Record<string, KeyCase>>>> = {
  middleboxes: Object.fromEntries(
    Object.entries(KINDS).map(([kind, [parameters, both = [], shows = "capture"]]): [string, KeyCase] => [kind, { base: "paths", both, set: [box("a", kind, parameters)], shows }]),
  ),
  "black-hole": Object.fromEntries([
    ...at("paths", "paths.a.middleboxes.0.black-hole.", "capture", { options: "mp_join" }, [box("a", "black-hole", "")]),
    ...at("paths", "paths.b.middleboxes.0.black-hole.", "events", { direction: "inward", segments: "third-ack", afterTime: "10 s", afterBytes: "1000000" }, [box("b", "black-hole", "options: mp_join")]),
  ]),
  coalescer: Object.fromEntries([
    ...at("paths", "paths.a.middleboxes.1.coalescer.", "capture", { size: "600", wait: "20 ms", direction: "inward" }, shortened("")),
    ...at("paths", "paths.a.middleboxes.1.coalescer.", "capture", { options: "first" }, shortened("options: first")),
  ]),
  "option-stripper": Object.fromEntries([
    ...at("paths", "paths.a.middleboxes.0.option-stripper.", "capture", { options: "timestamps" }, [box("a", "option-stripper", "")]),
    ...at("paths", "paths.a.middleboxes.0.option-stripper.", "capture", { direction: "inward", segments: "data", afterTime: "10 s", afterBytes: "1000000" }, [box("a", "option-stripper", "options: timestamps")]),
  ]),
  splitter: Object.fromEntries(at("paths", "paths.a.middleboxes.0.splitter.", "capture", { size: "1000", options: "first", direction: "outward" }, [box("a", "splitter", "")])),
  "ack-filter": cases(boxed("ack-filter", { wait: "30 ms", most: "1", direction: "inward" }), boxed("ack-filter", { options: "ignore" }, "wait: 10 ms", [LOSS])),
  corrupter: cases(boxed("corrupter", { fraction: "0.3" }), boxed("corrupter", { checksum: "good", octets: "3", ...PICKED }, "fraction: 0.1")),
  duplicator: cases(boxed("duplicator", { fraction: "0.9" }), boxed("duplicator", { copies: "3", wait: "30 ms", ...PICKED }, "fraction: 0.3")),
  "ecn-bleacher": cases(boxed("ecn-bleacher", { codepoints: "none", flags: "all", direction: "outward" }, "", ["protocol.ecn=on"])),
  "ftp-alg": cases(boxed("ftp-alg", { address: "203.0.113.9", port: "2121" }, "", [], "plan")),
  "hole-holder": cases(boxed("hole-holder", { wait: "1 ms", packets: "1", direction: "inward" }, "", [LOSS, UPLOAD]), boxed("hole-holder", { fate: "drop" }, "wait: 1 ms", [LOSS, UPLOAD])),
  "ip-header-rewriter": cases(boxed("ip-header-rewriter", { dscp: "16" }), boxed("ip-header-rewriter", { hopLimit: "17", direction: "outward" }, "dscp: 8")),
  "isn-randomiser": cases(boxed("isn-randomiser", { direction: "outward" }), boxed("isn-randomiser", { sack: "leave" }, "", [LOSS, "workload.bulk.bytes=500 KB"])),
  "mss-clamp": cases(boxed("mss-clamp", { size: "500" }), boxed("mss-clamp", { direction: "inward" }, "size: 600")),
  nat44: cases(
    boxed("nat44", { address: "203.0.113.9", ports: "random" }, "", [], "events"),
    boxed("nat44", { establishedTimeout: "1 ms", transitoryTimeout: "0 ms", restartAfter: "70 ms" }, "midstream: drop"),
    boxed("nat44", { midstream: "drop" }, "restartAfter: 70 ms"),
  ),
  normaliser: cases(boxed("normaliser", { port: "0" }), boxed("normaliser", { timestamps: "remove", size: "600" }, "port: 0")),
  "option-duplicator": cases(boxed("option-duplicator", { options: "mp_capable", copies: "2", ...PICKED }, "", [UPLOAD])),
  "option-reorderer": cases(boxed("option-reorderer", { order: "shuffled", ...PICKED }, "", [], "plan")),
  "payload-editor": cases(boxed("payload-editor", { length: "longer", octets: "9", at: "5000", every: "10000", direction: "outward" })),
  "proactive-acker": cases(boxed("proactive-acker", { options: "last", buffer: "1", ...PICKED, direction: "inward" }, "", [UPLOAD])),
  reorderer: cases(boxed("reorderer", { fraction: "0.9" }), boxed("reorderer", { wait: "20 ms", ...PICKED }, "fraction: 0.3")),
  "rst-injector": cases(boxed("rst-injector", { to: "outside", numbers: "wild", ...PICKED, direction: "inward", segments: "data" }), boxed("rst-injector", { times: "5" }, "numbers: wild")),
  "stateful-firewall": cases(
    boxed("stateful-firewall", { opens: "inside" }, "", [FROM_SERVER]),
    boxed("stateful-firewall", { refusal: "reset" }, "restartAfter: 70 ms"),
    boxed("stateful-firewall", { acks: "drop" }, "", [], "plan"),
    boxed("stateful-firewall", { timeout: "1 ms", restartAfter: "70 ms" }),
  ),
  "syn-ack-rewriter": cases(boxed("syn-ack-rewriter", { options: "none" })),
  "syn-data-dropper": cases(boxed("syn-data-dropper", { what: "segment", direction: "inward" }, "", [], "plan")),
  "terminating-proxy": cases(boxed("terminating-proxy", { port: "80" }), boxed("terminating-proxy", { buffer: "4096" }), boxed("terminating-proxy", { connections: "1" }, "", [], "plan")),
  "window-clamp": cases(boxed("window-clamp", { window: "3000" }), boxed("window-clamp", { ...PICKED }, "window: 6000")),
  "window-scale-rewriter": cases(boxed("window-scale-rewriter", { scale: "5", direction: "inward" }, "windows: leave"), boxed("window-scale-rewriter", { windows: "leave" })),
};
