/**
 * sim/queues/: what waits before a link, one file for each discipline, behind one interface ({@link QueueDiscipline}). Without one a link has a
 * drop-tail queue, which is the pipe's own.
 *
 * Each kind is a function of plain parameters, with their descriptions as data, and listed by name in {@link queueDisciplines}. To add one: a
 * file here, often with a subclass of {@link FifoDiscipline}, its table of parameters and its kind, and a line in {@link queueDisciplines}.
 *
 * @example
 * ```ts
 * simulation.connect(router, server, { rate: 20e6, delay: 10 * MILLISECOND, discipline: queueDisciplines.codel({ target: 10 * MILLISECOND }) });
 * ```
 *
 * @module
 */
import { codel } from "./codel.ts";
import type { QueueDisciplineKind } from "./discipline.ts";
import { fqCodel } from "./fq-codel.ts";
import { pie } from "./pie.ts";
import { randomDrop } from "./random-drop.ts";
import { red } from "./red.ts";
import { threshold } from "./threshold.ts";

export { codel } from "./codel.ts";
export { queueDisciplineKind } from "./discipline.ts";
export type { QueueDiscipline, QueueDisciplineFactory, QueueDisciplineKind, QueueEnvironment } from "./discipline.ts";
export { FifoDiscipline } from "./fifo.ts";
export { fqCodel } from "./fq-codel.ts";
export { PacketQueue } from "./packet-queue.ts";
export { pie } from "./pie.ts";
export { randomDrop } from "./random-drop.ts";
export { red } from "./red.ts";
export { threshold } from "./threshold.ts";

/** All kinds by name, as configuration files and commands spell it. */
export const queueDisciplines = { codel, "fq-codel": fqCodel, pie, "random-drop": randomDrop, red, threshold } satisfies Readonly<Record<string, QueueDisciplineKind>>;
