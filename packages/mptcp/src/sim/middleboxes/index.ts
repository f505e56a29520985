/**
 * sim/middleboxes/: boxes between two links that do to packets what boxes in the Internet do.
 *
 * Each kind is a function of plain parameters, with their descriptions as data, and listed by name in {@link middleboxes}. To add one: a file here with a
 * {@link Middlebox} subclass (see its example), its table of parameters and its kind, and a line in {@link middleboxes}.
 *
 * @example
 * ```ts
 * const strip = middleboxes["option-stripper"]({ options: ["mptcp"], segments: ["syn"], direction: "outward" });
 * const box = simulation.addMiddlebox("firewall", strip);
 * simulation.connect(client, box, { rate: 10e6, delay: 10 * MILLISECOND });
 * simulation.connect(box, router);
 * ```
 *
 * @module
 */
import { ackFilter } from "./ack-filter.ts";
import { blackHole } from "./black-hole.ts";
import { coalescer } from "./coalescer.ts";
import { corrupter } from "./corrupter.ts";
import { duplicator } from "./duplicator.ts";
import { ecnBleacher } from "./ecn-bleacher.ts";
import { ftpAlg } from "./ftp-alg.ts";
import { holeHolder } from "./hole-holder.ts";
import { ipHeaderRewriter } from "./ip-header-rewriter.ts";
import { isnRandomiser } from "./isn-randomiser.ts";
import { mssClamp } from "./mss-clamp.ts";
import { nat44 } from "./nat44.ts";
import { normaliser } from "./normaliser.ts";
import { optionDuplicator } from "./option-duplicator.ts";
import { optionReorderer } from "./option-reorderer.ts";
import { optionStripper } from "./option-stripper.ts";
import { payloadEditor } from "./payload-editor.ts";
import { proactiveAcker } from "./proactive-acker.ts";
import { reorderer } from "./reorderer.ts";
import { rstInjector } from "./rst-injector.ts";
import { splitter } from "./splitter.ts";
import { statefulFirewall } from "./stateful-firewall.ts";
import { synAckRewriter } from "./syn-ack-rewriter.ts";
import { synDataDropper } from "./syn-data-dropper.ts";
import { terminatingProxy } from "./terminating-proxy.ts";
import { windowClamp } from "./window-clamp.ts";
import { windowScaleRewriter } from "./window-scale-rewriter.ts";
import type { MiddleboxKind } from "./kind.ts";

export { AckFilter, ackFilter } from "./ack-filter.ts";
export type { AckFilterParameters } from "./ack-filter.ts";
export { BlackHole, blackHole } from "./black-hole.ts";
export type { BlackHoleParameters } from "./black-hole.ts";
export { Coalescer, coalescer } from "./coalescer.ts";
export type { CoalescerParameters } from "./coalescer.ts";
export { Corrupter, corrupter } from "./corrupter.ts";
export type { CorrupterParameters } from "./corrupter.ts";
export { Duplicator, duplicator } from "./duplicator.ts";
export type { DuplicatorParameters } from "./duplicator.ts";
export { EcnBleacher, ecnBleacher } from "./ecn-bleacher.ts";
export type { EcnBleacherParameters } from "./ecn-bleacher.ts";
export { FtpAlg, ftpAlg } from "./ftp-alg.ts";
export type { FtpAlgParameters } from "./ftp-alg.ts";
export { HoleHolder, holeHolder } from "./hole-holder.ts";
export type { HoleHolderParameters } from "./hole-holder.ts";
export { IpHeaderRewriter, ipHeaderRewriter } from "./ip-header-rewriter.ts";
export type { IpHeaderRewriterParameters } from "./ip-header-rewriter.ts";
export { IsnRandomiser, isnRandomiser } from "./isn-randomiser.ts";
export type { IsnRandomiserParameters } from "./isn-randomiser.ts";
export { MssClamp, mssClamp } from "./mss-clamp.ts";
export type { MssClampParameters } from "./mss-clamp.ts";
export { Nat44, nat44 } from "./nat44.ts";
export type { Nat44Parameters } from "./nat44.ts";
export { Normaliser, normaliser } from "./normaliser.ts";
export type { NormaliserParameters } from "./normaliser.ts";
export { OptionDuplicator, optionDuplicator } from "./option-duplicator.ts";
export type { OptionDuplicatorParameters } from "./option-duplicator.ts";
export { OptionReorderer, optionReorderer } from "./option-reorderer.ts";
export type { OptionReordererParameters } from "./option-reorderer.ts";
export { OptionStripper, optionStripper } from "./option-stripper.ts";
export type { OptionStripperParameters } from "./option-stripper.ts";
export { PayloadEditor, payloadEditor } from "./payload-editor.ts";
export type { PayloadEditorParameters } from "./payload-editor.ts";
export { ProactiveAcker, proactiveAcker } from "./proactive-acker.ts";
export type { ProactiveAckerParameters } from "./proactive-acker.ts";
export { Reorderer, reorderer } from "./reorderer.ts";
export type { ReordererParameters } from "./reorderer.ts";
export { RstInjector, rstInjector } from "./rst-injector.ts";
export type { RstInjectorParameters } from "./rst-injector.ts";
export { Splitter, splitter } from "./splitter.ts";
export type { SplitterParameters } from "./splitter.ts";
export { StatefulFirewall, statefulFirewall } from "./stateful-firewall.ts";
export type { StatefulFirewallParameters } from "./stateful-firewall.ts";
export { SynAckRewriter, synAckRewriter } from "./syn-ack-rewriter.ts";
export type { SynAckRewriterParameters } from "./syn-ack-rewriter.ts";
export { SynDataDropper, synDataDropper } from "./syn-data-dropper.ts";
export type { SynDataDropperParameters } from "./syn-data-dropper.ts";
export { TerminatingProxy, terminatingProxy } from "./terminating-proxy.ts";
export type { TerminatingProxyParameters } from "./terminating-proxy.ts";
export { WindowClamp, windowClamp } from "./window-clamp.ts";
export type { WindowClampParameters } from "./window-clamp.ts";
export { WindowScaleRewriter, windowScaleRewriter } from "./window-scale-rewriter.ts";
export type { WindowScaleRewriterParameters } from "./window-scale-rewriter.ts";
export { DelayLine } from "./delay-line.ts";
export { FlowTable } from "./flow-table.ts";
export { middleboxKind } from "./kind.ts";
export type { MiddleboxKind } from "./kind.ts";
export { DIRECTION, Middlebox, opposite, PacketMiddlebox, SegmentMiddlebox } from "./middlebox.ts";
export type { Direction, MiddleboxDropCause, MiddleboxEnvironment, MiddleboxEvents, MiddleboxFactory, MiddleboxStatistics } from "./middlebox.ts";
export type { OptionName } from "./option-set.ts";
export type { SegmentSort, Way } from "./segment-filter.ts";
export { StreamEditor, StreamEdits } from "./stream-edits.ts";
export type { StreamEdit } from "./stream-edits.ts";

/** All kinds by name, as configuration files and commands spell it. */
export const middleboxes: Readonly<Record<string, MiddleboxKind>> = {
  "ack-filter": ackFilter,
  "black-hole": blackHole,
  coalescer,
  corrupter,
  duplicator,
  "ecn-bleacher": ecnBleacher,
  "ftp-alg": ftpAlg,
  "hole-holder": holeHolder,
  "ip-header-rewriter": ipHeaderRewriter,
  "isn-randomiser": isnRandomiser,
  "mss-clamp": mssClamp,
  nat44,
  normaliser,
  "option-duplicator": optionDuplicator,
  "option-reorderer": optionReorderer,
  "option-stripper": optionStripper,
  "payload-editor": payloadEditor,
  "proactive-acker": proactiveAcker,
  reorderer,
  "rst-injector": rstInjector,
  splitter,
  "stateful-firewall": statefulFirewall,
  "syn-ack-rewriter": synAckRewriter,
  "syn-data-dropper": synDataDropper,
  "terminating-proxy": terminatingProxy,
  "window-clamp": windowClamp,
  "window-scale-rewriter": windowScaleRewriter,
};
