import type { LINK_SHAPE, LOSS, QUEUE } from "./keys/link.ts";
import type { HOST, INTERFACE, LINK, PATH, ROUTER, TOPOLOGY } from "./keys/network.ts";
import type { PROTOCOL } from "./keys/protocol.ts";
import type { CHANGE, EXPECT, SCENARIO } from "./keys/scenario.ts";
import type { Written } from "./keys/section.ts";
import type { BULK, LIVE, REQUEST, WORKLOAD } from "./keys/workload.ts";

export type { Outcome } from "./keys/scenario.ts";

/**
 * A scenario as its author writes it, in YAML or as the default export of a TypeScript module. Quantities are texts with
 * units ("8 Mb/s", "20 ms", "16 MiB"); the plan turns them into numbers. What each key does is in the tables of keys/, and in
 * docs/scenarios.md.
 */
export interface ScenarioSpec extends Written<typeof SCENARIO.keys> {}

/** What both directions of a link share, and each direction may override. */
export interface LinkShape extends Written<typeof LINK_SHAPE.keys> {}

/** Capacity of a drop-tail queue, in one unit. */
export interface QueueSpec extends Written<typeof QUEUE.keys> {}

/** Loss in bursts: a two-state Markov chain, stepped once per packet. */
export interface GilbertElliottSpec extends Written<typeof LOSS.keys> {}

/** A path of the shorthand. */
export interface PathSpec extends Written<typeof PATH.keys> {}

/** Any network of hosts, routers and links. Routes are shortest paths. */
export interface TopologySpec extends Written<typeof TOPOLOGY.keys> {}

/** A host of a topology. */
export interface HostSpec extends Written<typeof HOST.keys> {}

/** An interface of a host. */
export interface InterfaceSpec extends Written<typeof INTERFACE.keys> {}

/** A router of a topology. */
export interface RouterSpec extends Written<typeof ROUTER.keys> {}

/** A link of a topology. */
export interface LinkSpec extends Written<typeof LINK.keys> {}

/** How both hosts speak. */
export interface ProtocolSpec extends Written<typeof PROTOCOL.keys> {}

/** Exactly one kind of work. */
export interface WorkloadSpec extends Written<typeof WORKLOAD.keys> {}

/** One transfer as fast as it goes: of a file, of so many bytes, or endless. */
export interface BulkSpec extends Written<typeof BULK.keys> {}

/** Requests and responses in turn on one connection. */
export interface RequestSpec extends Written<typeof REQUEST.keys> {}

/** A source that writes at its own pace. */
export interface LiveSpec extends Written<typeof LIVE.keys> {}

/** Something that happens to the network while data flows. */
export interface ChangeSpec extends Written<typeof CHANGE.keys> {}

/** What the run should come to. */
export interface ExpectSpec extends Written<typeof EXPECT.keys> {}
