/**
 * What is prescribed where a middlebox stands in the way: by box and position, for one path and for two, with checksums and without. Written down
 * from the text of the RFCs before anything was run: a run that differs is wrong, or the text was misread; a row is not bent to a run.
 *
 * Multipath TCP version 1 (RFC 8684). Version 0 (RFC 6824) prescribes the same but for two things: its RST carries no reason (there is no MP_TCPRST), and its SYN
 * carries the sender's key, so that a SYN+ACK with an echo of it looks like an answer.
 */
import type { MatrixRow, Place, Prescription } from "./prescription.ts";

type Ways = "both" | "outward" | "inward";

/** The same at all places. */
function everywhere(prescription: Prescription): Readonly<Record<Place, Prescription>> {
  return { only: prescription, first: prescription, second: prescription };
}

/** One for the first subflow, with or without another one, and one for a subflow that joins. */
function byRole(first: Prescription, joined: Prescription): Readonly<Record<Place, Prescription>> {
  return { only: first, first, second: joined };
}

/** One while it is the only subflow, and one while there is another. */
function byCompany(alone: Prescription, accompanied: Prescription): Readonly<Record<Place, Prescription>> {
  return { only: alone, first: accompanied, second: accompanied };
}

// ---- what the text prescribes, by its clauses

/** §6: designed to go through. */
const unharmed = (clause: string): Prescription => ({ outcomes: ["multipath"], reasons: [], clause });
const WITHOUT_ACCIDENT = unharmed("§6");

/** MP_CAPABLE did not come through one of the SYNs. */
const NO_CAPABLE: Prescription = { outcomes: ["fallback"], reasons: ["no_mp_capable_in_synack", "no_mp_capable_in_ack", "no_mp_capable_in_syn"], clause: "§3.1, §3.7, §6 Figure 17" };
/** MP_JOIN did not: "the subflow is unusable and Host A MUST close it with a RST". */
const NO_JOIN: Prescription = { outcomes: ["subflow-reset"], reasons: ["no_mp_join_in_synack", "ECONNREFUSED", "ECONNRESET", "refused"], clause: "§3.2, §3.7" };
/** "If the third packet does not contain the MP_CAPABLE option, then the session MUST fall back"; several attempts are allowed, so that data with one may come first. */
const NO_CAPABLE_IN_ACK: Prescription = { outcomes: ["fallback", "multipath"], reasons: ["no_mp_capable_in_ack", "no_data_ack", "options_lost_on_data", "options_lost", "infinite_mapping"], clause: "§3.1, §3.7" };
/** "If the MP_JOIN option is missing from the ACK, it MUST close the subflow with a TCP RST"; the third ACK is repeated until it is answered. */
const NO_JOIN_IN_ACK: Prescription = { outcomes: ["subflow-reset"], reasons: ["no_mp_join_in_ack", "join_expired", "join_unconfirmed", "refused", "reset", "ECONNRESET"], clause: "§3.2" };
/** An ACK for data without a Data ACK on the first subflow, before another was added; or first data without a mapping. */
const NO_OPTIONS_AT_FIRST: Prescription = { outcomes: ["fallback"], reasons: ["no_data_ack", "options_lost_on_data", "no_mp_capable_in_ack", "options_lost", "infinite_mapping"], clause: "§3.7" };
/** The same on a subflow that joined: a RST, with "Middlebox interference" (§3.6). */
const LOST_ON_JOINED: Prescription = { outcomes: ["subflow-reset"], reasons: ["options_lost", "no_data_ack", "no_mapping", "no_mp_join_in_ack", "join_expired", "join_unconfirmed", "refused", "reset", "ECONNRESET"], clause: "§3.7, §3.6" };
/**
 * "If a subflow breaks during operation ... SHOULD be treated as broken and closed with a RST": of a lone subflow that ends the connection, or a new one is opened, unless
 * the end that notices falls back, which all its data being in order makes safe.
 */
const LOST_LATER_ALONE: Prescription = { outcomes: ["fallback", "error", "multipath"], reasons: ["options_lost", "no_data_ack", "infinite_mapping", "no_mapping"], clause: "§3.7" };
/** Only Data ACKs are lost, and come over the other subflow: "MPTCP should survive with a loss of some Data ACKs". */
const DATA_ACKS_LOST: Prescription = { outcomes: ["multipath", "subflow-reset"], reasons: [], clause: "§6, §3.3.2" };
const LOST_LATER: Prescription = { outcomes: ["subflow-reset"], reasons: ["options_lost", "no_data_ack", "no_mapping", "refused", "reset", "silent"], clause: "§3.7, §3.6" };
/** "It is expected that a sender will eventually fall back", after as many attempts as local policy says. */
const SYN_UNANSWERED: Prescription = { outcomes: ["fallback"], reasons: ["mp_capable_unanswered", "no_mp_capable_in_syn", "no_mp_capable_in_ack"], clause: "§3.1, §3.9.3" };
/** "If packets with the MP_JOIN option are dropped, the paths will simply not be used." */
const NOT_USED: Prescription = { outcomes: ["subflow-reset"], reasons: [], clause: "§6" };
/** What carries options never arrives on the only path: Multipath TCP knows no way to learn why. TCP's own patience ends it. */
const DEAD_PATH: Prescription = { outcomes: ["error", "fallback"], reasons: [], clause: "RFC 9293 §3.8.3", within: null };
/** The subflow is as good as dead: data is sent again on the other. When it is reset, nothing prescribes. */
const DEAD_SUBFLOW: Prescription = { outcomes: ["subflow-reset", "multipath"], reasons: [], clause: "§3.3.6" };
/** The subflow ends as any TCP would; a new one may be opened and the connection goes on, or none is left and both ends are told. */
const BROKEN_ALONE: Prescription = { outcomes: ["error", "multipath", "subflow-reset"], reasons: [], clause: "§3.3.6, §3.4.2", within: null };
/** A RST "applies only to the subflow it is sent on -- not to the whole connection". It may be opened anew. */
const BROKEN_SUBFLOW: Prescription = { outcomes: ["subflow-reset", "multipath"], reasons: [], clause: "§4, §3.3.6" };
/** "If a receiver identifies a checksum failure when there is only one path, it will send back an MP_FAIL ... infinite mapping": from then on data can be altered. */
const CHECKSUM_ALONE: Prescription = { outcomes: ["fallback"], reasons: ["checksum_failed", "mp_fail", "infinite_mapping"], clause: "§3.7", bytes: "edited" };
/** "The affected subflow must be immediately closed with a RST that includes an MP_FAIL option"; failed data is not DATA_ACKed. */
const CHECKSUM_ACCOMPANIED: Prescription = { outcomes: ["subflow-reset"], reasons: ["checksum_failed", "mp_fail"], clause: "§3.7, §3.6" };
/** "If checksum usage has not been negotiated, this fallback mechanism cannot be used": nobody notices, as over TCP. */
const UNNOTICED: Prescription = { outcomes: ["multipath"], reasons: [], clause: "§3.7", bytes: "edited" };
/** Without checksums and with another length the mappings do not fit: bytes have none, or none come for theirs. Never in silence. */
const SHIFTED_ALONE: Prescription = { outcomes: ["fallback", "error", "multipath"], reasons: [], clause: "§3.7, §3.3.1", bytes: "edited" };
const SHIFTED_ACCOMPANIED: Prescription = { outcomes: ["subflow-reset", "multipath", "error"], reasons: [], clause: "§3.7, §3.3.1", bytes: "edited" };
/** What a box joins or cuts and leaves without a mapping "is treated as broken" as far as no other mapping covers it; what stays unacknowledged is sent again. */
const UNMAPPED_NOW_AND_THEN: Prescription = { outcomes: ["multipath", "fallback", "subflow-reset"], reasons: [], clause: "§6, §3.3.6" };
/** A SYN+ACK with the options of the SYN: an MP_CAPABLE without a key is none (§3.1), an MP_JOIN of a SYN is none of a SYN+ACK (§3.2). */
const ECHOED_CAPABLE: Prescription = { outcomes: ["fallback"], reasons: ["no_key_in_synack", "malformed_capable", "no_mp_capable_in_synack", "no_mp_capable_in_ack"], clause: "§3.1" };

// ---- rows

function row(name: string, kind: string, parameters: MatrixRow["box"]["parameters"], expected: Readonly<Record<Place, Prescription>>, more: Partial<MatrixRow> = {}): MatrixRow {
  return { name, box: { kind, parameters }, tcp: "sent", data: "either", expected, ...more };
}

/** The way of the data, or of what acknowledges it. */
function way(data: "up" | "down", of: "data" | "acks"): Ways {
  return (data === "up") === (of === "data") ? "outward" : "inward";
}

/** Options taken off: Multipath TCP's alone, or all that a box does not know. */
function stripped(options: "mptcp" | "unknown"): MatrixRow[] {
  const strip = (position: string, parameters: MatrixRow["box"]["parameters"], expected: Readonly<Record<Place, Prescription>>, more?: Partial<MatrixRow>): MatrixRow =>
    row(`option-stripper/${options}/${position}`, "option-stripper", { options: [options], ...parameters }, expected, more);
  const behindSyns = ["third-ack", "data", "ack", "rst"];
  return [
    strip("syn", { segments: ["syn"] }, byRole(NO_CAPABLE, NO_JOIN)),
    strip("syn-ack", { segments: ["syn-ack"] }, byRole(NO_CAPABLE, NO_JOIN)),
    strip("third-ack", { segments: ["third-ack"] }, byRole(NO_CAPABLE_IN_ACK, NO_JOIN_IN_ACK)),
    strip("all", {}, byRole(NO_CAPABLE, NO_JOIN)),
    strip("behind-syns", { segments: behindSyns }, byRole(NO_OPTIONS_AT_FIRST, LOST_ON_JOINED)),
    ...(["up", "down"] as const).flatMap((data) => [
      strip(`data-${data}`, { segments: ["data"], direction: way(data, "data") }, byRole(NO_OPTIONS_AT_FIRST, LOST_ON_JOINED), { data }),
      strip(`way-of-data-${data}`, { segments: behindSyns, direction: way(data, "data") }, byRole(NO_OPTIONS_AT_FIRST, LOST_ON_JOINED), { data }),
      strip(`way-of-acks-${data}`, { segments: behindSyns, direction: way(data, "acks") }, byRole(NO_OPTIONS_AT_FIRST, LOST_ON_JOINED), { data }),
      strip(`later-way-of-data-${data}`, { afterBytes: LATER, direction: way(data, "data") }, byCompany(LOST_LATER_ALONE, LOST_LATER), { data }),
      strip(`later-way-of-acks-${data}`, { afterBytes: LATER, direction: way(data, "acks") }, byCompany(LOST_LATER_ALONE, DATA_ACKS_LOST), { data }),
    ]),
    strip("later", { afterBytes: LATER }, byCompany(LOST_LATER_ALONE, LOST_LATER)),
  ];
}

/** Octets of payload on a flow after which both subflows have long been in use. */
const LATER = 100_000;

/** Edits of the payload, by what becomes of its length. */
function edited(): MatrixRow[] {
  return (["same", "longer", "shorter"] as const).flatMap((length) =>
    (["up", "down"] as const).map((data) =>
      row(
        `payload-editor/${length}/${data}`,
        "payload-editor",
        { length, at: LATER, direction: data === "up" ? "outward" : "inward" },
        length === "same" ? everywhere(UNNOTICED) : byCompany(SHIFTED_ALONE, SHIFTED_ACCOMPANIED),
        { tcp: "edited", data, withChecksums: byCompany(CHECKSUM_ALONE, CHECKSUM_ACCOMPANIED) },
      ),
    ),
  );
}

function hole(position: string, parameters: MatrixRow["box"]["parameters"], expected: Readonly<Record<Place, Prescription>>): MatrixRow {
  return row(`black-hole/${position}`, "black-hole", parameters, expected);
}

/** Segments with Multipath TCP's options lost. */
function lost(): MatrixRow[] {
  return [
    hole("syn", { segments: ["syn"] }, byRole(SYN_UNANSWERED, NOT_USED)),
    hole("syn-ack", { segments: ["syn-ack"] }, byRole(SYN_UNANSWERED, NOT_USED)),
    hole("third-ack", { segments: ["third-ack"] }, byRole({ ...DEAD_PATH, outcomes: ["error", "fallback", "multipath"] }, NOT_USED)),
    hole("data", { segments: ["data"] }, byCompany(DEAD_PATH, DEAD_SUBFLOW)),
    hole("later", { afterBytes: LATER }, byCompany(DEAD_PATH, DEAD_SUBFLOW)),
  ];
}

/** All rows. */
export const PRESCRIBED: readonly MatrixRow[] = [
  row("none", "splitter", { size: 65_495 }, everywhere(WITHOUT_ACCIDENT)),
  ...stripped("mptcp"),
  ...stripped("unknown"),
  ...["timestamps", "window-scale", "sack-permitted", "mss"].map((option) => row(`option-stripper/${option}`, "option-stripper", { options: [option], segments: ["syn", "syn-ack"] }, everywhere(WITHOUT_ACCIDENT))),
  row("option-stripper/add_addr", "option-stripper", { options: ["add_addr", "remove_addr", "mp_prio"] }, everywhere(WITHOUT_ACCIDENT)),
  ...lost(),
  ...(["outward", "inward", "both"] as const).map((direction) => row(`isn-randomiser/${direction}`, "isn-randomiser", { direction }, everywhere(unharmed("§6 (firewalls), §3.3.1")))),
  row("isn-randomiser/sack-left", "isn-randomiser", { sack: "leave" }, everywhere(unharmed("§6 (firewalls), §3.3.1"))),
  row("nat44", "nat44", {}, everywhere(unharmed("§6 (NATs), §3.2"))),
  row("nat44/forgets", "nat44", { restartAfter: 300_000_000, midstream: "drop" }, byCompany(BROKEN_ALONE, BROKEN_SUBFLOW), { tcp: "broken" }),
  row("nat44/rebinds", "nat44", { restartAfter: 300_000_000, ports: "random" }, byCompany(BROKEN_ALONE, BROKEN_SUBFLOW), { tcp: "broken" }),
  row("splitter/each", "splitter", { size: 500, options: "each" }, everywhere(unharmed("§3.3.1, §6"))),
  row("splitter/first", "splitter", { size: 500, options: "first" }, everywhere(unharmed("§3.3.1, §6"))),
  row("coalescer/equal", "coalescer", { options: "equal" }, everywhere(unharmed("§3.3.1, §6"))),
  row("coalescer/first", "coalescer", { options: "first", wait: 2_000_000 }, everywhere(UNMAPPED_NOW_AND_THEN)),
  row("coalescer/last", "coalescer", { options: "last", wait: 2_000_000 }, everywhere(UNMAPPED_NOW_AND_THEN)),
  row("option-duplicator", "option-duplicator", {}, everywhere(unharmed("§3.3.1, §3.8"))),
  row("option-reorderer", "option-reorderer", {}, everywhere(unharmed("§3.8"))),
  ...edited(),
  row("ftp-alg", "ftp-alg", {}, everywhere(WITHOUT_ACCIDENT)),
  row("proactive-acker/none", "proactive-acker", { options: "none" }, byRole(NO_OPTIONS_AT_FIRST, LOST_ON_JOINED)),
  row("proactive-acker/last", "proactive-acker", { options: "last" }, everywhere(unharmed("§3.3.2, §3.3.6"))),
  row("hole-holder", "hole-holder", {}, everywhere(unharmed("§6 (traffic normalizers)"))),
  row("ack-filter", "ack-filter", {}, everywhere(unharmed("§6: some Data ACKs lost"))),
  row("window-clamp", "window-clamp", { window: 20_000 }, everywhere(unharmed("§4 (receive window), §3.3.5"))),
  row("window-scale-rewriter/convert", "window-scale-rewriter", { scale: 2, windows: "convert" }, everywhere(unharmed("§4 (receive window)"))),
  row("window-scale-rewriter/leave", "window-scale-rewriter", { scale: 4, windows: "leave" }, everywhere(unharmed("§4 (receive window)"))),
  row("rst-injector", "rst-injector", { afterBytes: LATER }, byCompany(BROKEN_ALONE, BROKEN_SUBFLOW), { tcp: "broken" }),
  row("syn-ack-rewriter/echo", "syn-ack-rewriter", { options: "echo" }, byRole(ECHOED_CAPABLE, NO_JOIN)),
  row("terminating-proxy", "terminating-proxy", {}, byRole(NO_CAPABLE, NO_JOIN)),
  row("syn-data-dropper", "syn-data-dropper", {}, everywhere(unharmed("RFC 7413 §4.2"))),
  row("reorderer", "reorderer", {}, everywhere(unharmed("§3.3.4"))),
  row("duplicator", "duplicator", {}, everywhere(unharmed("§3.3.4"))),
  row("corrupter/bad-checksum", "corrupter", { checksum: "bad" }, everywhere(unharmed("RFC 9293 §3.1: a segment that is not for TCP"))),
  row("corrupter/good-checksum", "corrupter", { checksum: "good", fraction: 0.02, afterBytes: LATER }, everywhere(UNNOTICED), {
    tcp: "edited",
    withChecksums: byCompany(CHECKSUM_ALONE, CHECKSUM_ACCOMPANIED),
  }),
  row("normaliser", "normaliser", {}, byRole(NO_CAPABLE, NO_JOIN)),
  row("stateful-firewall", "stateful-firewall", {}, everywhere(unharmed("§6 (firewalls)"))),
  row("stateful-firewall/later", "stateful-firewall", { restartAfter: 300_000_000 }, byCompany(BROKEN_ALONE, BROKEN_SUBFLOW), { tcp: "broken" }),
  row("ip-header-rewriter", "ip-header-rewriter", { hopLimit: 17, dscp: 0 }, everywhere(WITHOUT_ACCIDENT)),
  row("ecn-bleacher", "ecn-bleacher", {}, everywhere(WITHOUT_ACCIDENT)),
  row("mss-clamp", "mss-clamp", { size: 1000 }, everywhere(WITHOUT_ACCIDENT)),
];
