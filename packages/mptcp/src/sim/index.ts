/**
 * sim/: a network in virtual time. One event queue and one seed per {@link Simulation}; nodes of one kind ({@link SimNode}: hosts, routers,
 * NATs, middleboxes) joined by links of two {@link Pipe}s each; applications on hosts; recorders that watch. Packets
 * travel as objects and are encoded only for a capture.
 *
 * The way of a packet: a host is asked for it (`SimHost`), a pipe computes when it will leave the queue and arrive, the pipe's
 * next packet waits in the event queue, the node at the other end owns it and sends it on.
 *
 * @module mptcp/sim
 */
export { BaseApplication, patternSource, virtualSource } from "./application.ts";
export type { Application, ApplicationHost, ByteConsumer, ByteSource } from "./application.ts";
export { BulkSender, DelayMeter, Echo, PacedSender, RequestClient, RequestServer, Sink } from "./apps.ts";
export type { BulkSenderOptions, PacedSenderOptions, RequestOptions, SinkOptions } from "./apps.ts";
export { EventQueue, NodeEvents, ScheduledCall } from "./event-queue.ts";
export type { EventOwner, OwnerKind, Scheduled } from "./event-queue.ts";
export { Link } from "./link.ts";
export type { LinkOptions } from "./link.ts";
export { GilbertElliottLoss, ListedLoss, lossModel, RandomLoss } from "./loss.ts";
export type { GilbertElliottParameters, LossModel, LossOption } from "./loss.ts";
export * from "./middleboxes/index.ts";
export { Nat } from "./nat.ts";
export type { NatOptions } from "./nat.ts";
export type { Egress, EgressListener, SimNode } from "./node.ts";
export { addressParameter, choiceParameter, countParameter, fractionParameter, listParameter, octetsParameter, timeParameter } from "./parameters.ts";
export type { NumberRange, Parameter, ParameterDescription, ParameterTable, ParameterType, ParameterValue, PlainParameters, ValuesOf } from "./parameters.ts";
export { Pipe } from "./pipe.ts";
export type { PipeTap } from "./pipe.ts";
export type { PipeDropCause, PipeOptions, PipeStatistics, QueueLimit } from "./pipe-options.ts";
export * from "./queues/index.ts";
export { CaptureRecorder, SeriesRecorder } from "./recorder.ts";
export type { Series } from "./recorder.ts";
export { NO_ROUTE, RouteTable } from "./route-table.ts";
export { flowHash, Router } from "./router.ts";
export type { NextHopChoice, RouterOptions } from "./router.ts";
export { computeRoutes } from "./routing.ts";
export { SimHost } from "./sim-host.ts";
export type { HostSettings, InterfaceAddressOptions, SimHostOptions } from "./sim-host.ts";
export { Simulation } from "./simulation.ts";
export type { SimulationOptions, SimulationStatistics } from "./simulation.ts";
export * from "./topologies/index.ts";
