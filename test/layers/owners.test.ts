import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { Classes } from "../../tools/src/classes.ts";
import type { Violation } from "../../tools/src/owners.ts";
import { checkOwners, describe as textOf } from "../../tools/src/owners.ts";
import { readProject } from "../../tools/src/project.ts";
import { NEIGHBOURS, OWNERS } from "../../tools/src/table.ts";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
const MPTCP = "packages/mptcp/src/mptcp/";
const SIGNALS = `${MPTCP}paths/signals.ts`;
const WINDOW = `${MPTCP}data/window.ts`;

/** What a file beside the owners may write to, and must not. `[owner, code]`; each in a file of its own. */
const ASSIGNMENTS: readonly (readonly [string, string])[] = [
  ["Subflow", `subflow["weAskBackup"] = true;`],
  ["Subflow", `subflow["penalisedAt"] += 1;`],
  ["DataSender", `sender["sndNxt"]++;`],
  ["DataSender", `delete (sender as { queue?: unknown }).queue;`],
  ["DataSender", `[sender["sndNxt"], sender["sndUna"]] = [1, 2];`],
  ["DataSender", `({ at: sender["sndNxt"] } = { at: 3 });`],
  ["DataSender", `for (sender["sndNxt"] of [1, 2]) subflow.wake();`],
  ["Session", `Object.assign(session, { isConfirmed: true });`],
  ["Session", `Reflect.set(session, "isConfirmed", true);`],
  ["Subflow", `Subflow.prototype.wake = () => {};`],
  // Through an interface that the owner stands behind.
  ["Subflow", `(carrier as { stale: boolean }).stale = true;`],
  ["Subflow", `function hurry(one: { stale: boolean; readonly pathIndex: number }): void { one.stale = false; }`],
  ["Subflow", `(subflow as { -readonly [K in keyof Subflow]: Subflow[K] }).pathIndex = 3;`],
  ["Subflow", `export class Eager extends Subflow { hurry(): void { this["weAskBackup"] = false; } }`],
  // Under a type that says nothing of the owner.
  ["Subflow", `const hidden: unknown = subflow; (hidden as { weAskBackup: boolean }).weAskBackup = true;`],
  ["Subflow", `const other = subflow as unknown as { weAskBackup: boolean }; other.weAskBackup = true;`],
  ["Subflow", `function put<T, K extends keyof T>(object: T, key: K, value: T[K]): void { object[key] = value; } put(subflow, "pathIndex", 3);`],
  ["Subflow", `const fill = (one: Record<string, unknown>): void => { one["weAskBackup"] = true; }; fill(subflow as unknown as Record<string, unknown>);`],
  ["PathTable's rows in Paths", `const hidden = paths as unknown as { table: { rows: { open: boolean }[] } }; (hidden.table.rows[0] as { open: boolean }).open = true;`],
  ["Patience", `multipath.patience["orphanedAt"] = 3;`],
  // Nested state.
  ["DataSender", `sender["reinjections"]["head"] = 0;`],
  ["Subflow", `subflow.tcp.noDelay = false;`],
  ["Subflow", `const { tcp } = subflow; tcp.owner = subflow;`],
  ["Carriers", `sender.carriers["choice"].subflow = null;`],
  // Collections.
  ["Multipath", `(multipath.subflows as Subflow[]).length = 0;`],
  ["Multipath", `(multipath.subflows as Subflow[])[0] = subflow;`],
  ["PathTable's rows in Paths", `for (const row of paths["table"]["rows"]) row.open = true;`],
  ["PathTable's rows in Paths", `(paths["table"]["rows"].find((row) => row.open) as { open: boolean }).open = false;`],
  ["PathTable's rows in Paths", `paths["table"]["rows"].slice(1).forEach((row) => { row.open = true; });`],
  ["PathTable's rows in Paths", `const [first] = paths["table"]["rows"]; if (first !== undefined) first.worked = true;`],
  ["PathTable's rows in Paths", `let row = null; for (const one of paths["table"]["rows"]) row = one; if (row !== null) row.worked = true;`],
  // By way of somebody else's hands.
  ["PathTable's rows in Paths", `const mark = (row: { open: boolean }): void => { row.open = true; }; for (const row of paths["table"]["rows"]) mark(row);`],
  ["PathTable's rows in Paths", `function rowsOf(of: Paths) { return of["table"]["rows"]; } (rowsOf(paths)[0] as { open: boolean }).open = true;`],
  ["PathTable's rows in Paths", `class Meddler { private readonly rows; constructor(rows: { open: boolean }[]) { this.rows = rows; } meddle(): void { for (const row of this.rows) row.open = true; } } new Meddler(paths["table"]["rows"]).meddle();`],
  ["PathTable's rows in Paths", `const each = (of: Paths, visit: (row: { open: boolean }) => void): void => of["table"]["rows"].forEach((row) => visit(row)); each(paths, (row) => { row.open = true; });`],
];

const MUTATIONS: readonly (readonly [string, string])[] = [
  ["Multipath", `(multipath.subflows as Subflow[]).push(subflow);`],
  ["Multipath", `multipath["living"].splice(0, 1);`],
  ["Multipath", `(multipath.subflows as Subflow[])?.["pop"]();`],
  ["PathTable's tables in Paths", `(paths.local as unknown[]).reverse();`],
  ["PathTable's tables in Paths", `const { remote } = paths; (remote as unknown[]).fill(null);`],
  // Methods of our classes that change their object, by themselves or by what they call.
  ["Subflow", `subflow.sent.clear();`],
  ["Subflow", `const { sent } = subflow; sent.acknowledge(3);`],
  ["DataSender", `sender["reinjections"].dropBefore(7);`],
  ["Paths", `paths["table"].denyInitialRemote();`],
  ["Multipath", `function empty(list: unknown[]): void { list.pop(); } empty(multipath.subflows as Subflow[]);`],
  ["Carriers", `(sender.carriers.usable() as Carrier[]).push(subflow);`],
  ["Multipath", `Array.prototype.push.call(multipath.subflows, subflow);`],
  ["Multipath", `(multipath.subflows as Subflow[]).push.apply(multipath.subflows, [subflow]);`],
  ["Multipath", `const put = Array.prototype.push.bind(multipath.subflows); put(subflow);`],
  ["Multipath", `Reflect.apply(Array.prototype.push, multipath.subflows, [subflow]);`],
  // Of maps, sets and typed arrays.
  ["Signals", `paths.signals.seen.add(1);`],
  ["Signals", `paths.signals.names.set(1, "one");`],
  ["Signals", `paths.signals.octets.fill(1);`],
];

/** What anybody may do: ask, command an owner or a neighbour, change what is his own. */
const HARMLESS: readonly string[] = [
  `multipath.sender.end();`,
  `subflow.tcp.requestAck();`,
  `paths.signals.withdraw(3);`,
  `multipath.counters.increment("MPTcpExtMPRstTx");`,
  `const all = multipath.subflows.slice(); all.push(subflow); all.sort(); all.length = 1;`,
  `const backups = multipath.subflows.filter((one) => one.backup); backups.pop();`,
  `const mine = { rows: [1] }; mine.rows.push(subflow.sent.size); mine.rows = [];`,
  `export class Own { private queue: number[] = []; put(x: number): void { this.queue.push(x); this.queue = []; } }`,
  `const queue = multipath.sender.handOver(); queue.queue.clear();`,
  `for (const one of multipath.subflows) one.wake();`,
];

/** Members that an owner must not have, and such as it may have. */
const SETTERS: readonly string[] = [
  `set limit(value: number) { this.count = value; }`,
  `setCount(value: number): void { this.count = value; }`,
  `onCount(value: number): this { this.count = value; return this; }`,
  `onChange(value: number): void { if (this.count !== value) this.count = value; }`,
  `onNews(value: number): void { if (this.count === value) return; this.count = value; }`,
  `onFlag(on: boolean): void { if (on) this.isOn = true; else this.isOn = false; }`,
  `onAll(options: { count: number; isOn?: boolean }): void { const { count } = options; this.count = count; this.isOn = options.isOn ?? false; }`,
  `onEntry(at: number, value: number): void { this.octets[at] = value; }`,
  `onName(at: number, name: string): void { this.names.set(at, name); }`,
  `onBoth(value: { count: number }): void { Object.assign(this, value); }`,
  `onList(...values: number[]): void { this.list = [...values]; }`,
  `readonly onArrow = (value: number): void => { this.count = value; };`,
  `onCall(value: number): void { this.keep(value); }`,
  `protected assign(value: number): boolean { return (this.isOn = !!value); }`,
  `onConverted(value: unknown): void { this.isOn = Boolean(value); }`,
  `onCopied(values: number[]): void { this.list = values.slice(); }`,
  `onAnswer(answer: () => number): void { this.count = answer(); }`,
  `onReflected(value: number): void { Reflect.set(this, "count", value); }`,
  `onItself(value: number): void { const self = this; self.count = value; }`,
  `static put(one: Signals, value: number): void { one.count = value; }`,
];
const RULES: readonly string[] = [
  `onHigher(value: number): void { if (value > this.count) this.count = value; }`,
  `onMost(value: number): void { this.count = Math.max(this.count, value); }`,
  `onOne(): void { this.count = 1; }`,
  `onFirst(first: boolean): void { if (first) this.isOn = true; }`,
  `onMore(value: number): void { this.count += value; }`,
  `onLength(values: number[]): void { this.isOn = values.length > 0; }`,
  `onEvent(value: number): void { this.count = value; this.context.signalCarrier(); }`,
  `onAdded(value: number): void { this.list.push(value); }`,
  `onConsequence(value: number): void { this.count = value; this.isOn = this.list.length > value; }`,
];

/** Functions beside an owner's class, in its file, that it must not have, and one that it may have. */
const BESIDE: readonly string[] = [
  `export function putCount(one: Signals, value: number): void { one.count = value; }`,
  `export const putFlag = (one: Signals, on: boolean): void => { one["isOn"] = on; };`,
];
const BESIDE_RULES: readonly string[] = [`export function noteMost(one: Signals, value: number): void { if (value > one.count) one.count = value; }`];

const TIMERS: readonly string[] = [
  `environment.schedule(connection);`,
  `const { schedule } = environment; schedule(connection);`,
  `connection.onEarlierDeadline();`,
  `const arm = (): void => environment.schedule(connection); arm();`,
  `class Own extends Object { constructor(host: MptcpEnvironment) { super(); host.schedule(connection); } }`,
];

const HEADER = [
  `import type { Carrier } from "./context.ts";`,
  `import type { DataSender } from "./data/sender.ts";`,
  `import type { MptcpConnection } from "./connection.ts";`,
  `import type { MptcpEnvironment } from "./environment.ts";`,
  `import type { Multipath } from "./multipath.ts";`,
  `import type { Paths } from "./paths/paths.ts";`,
  `import type { Session } from "./session.ts";`,
  `import { Subflow } from "./subflow.ts";`,
  `export function meddle(connection: MptcpConnection, multipath: Multipath, subflow: Subflow, carrier: Carrier, sender: DataSender, session: Session, paths: Paths, environment: MptcpEnvironment): void {`,
].join("\n");

describe("the check of owners", () => {
  const project = readProject(root, ["packages/mptcp/src"], planted());
  let found: Violation[] = [];

  beforeAll(() => {
    found = checkOwners(project);
  });

  /** What was found in a planted file. */
  const foundIn = (kind: string, at: number): string[] => found.filter(({ file }) => file === fileOf(kind, at)).map(({ rule, owner }) => `${rule} ${owner}`);

  test("finds nothing in the tree as it is", () => {
    expect(found.filter(({ file, rule }) => !file.includes("planted-") && rule !== "base" && !(file === SIGNALS && (rule === "field" || rule === "setter"))).map(textOf)).toEqual([]);
  });

  test.each(ASSIGNMENTS.map(([owner, code], at) => [owner, code, at] as const))("state of %s is assigned elsewhere: %s", (owner, _code, at) => {
    expect(foundIn("assignment", at)).toContain(`assignment ${owner.replace(/^.* in /, "")}`);
  });

  test.each(MUTATIONS.map(([owner, code], at) => [owner, code, at] as const))("state of %s is changed elsewhere: %s", (owner, _code, at) => {
    expect(foundIn("mutation", at)).toContain(`mutation ${owner.replace(/^.* in /, "")}`);
  });

  test.each(HARMLESS.map((code, at) => [code, at] as const))("lets pass: %s", (_code, at) => {
    expect(foundIn("harmless", at)).toEqual([]);
  });

  test.each(TIMERS.map((code, at) => [code, at] as const))("only a table of deadlines arms a timer: %s", (_code, at) => {
    expect(foundIn("timer", at)).toEqual(["timer Deadlines"]);
  });

  test("finds every public field and every member that merely assigns, and no other", () => {
    const shapes = found.filter(({ file, rule }) => file === SIGNALS && (rule === "field" || rule === "setter"));
    expect(shapes.map(({ rule, text }) => `${rule} ${nameOf(text)}`)).toEqual([
      "field count",
      ...[...SETTERS, ...BESIDE].map((code) => `setter ${nameOf(code)}`),
    ]);
  });

  test("an owner inherits no state from another file", () => {
    expect(found.filter(({ file, rule }) => file === WINDOW && rule === "base").map(({ owner, text }) => `${owner} ${text}`)).toEqual(["ReceiveWindow extends Array<number>"]);
  });

  test("an owner that is not where the table says is missed", () => {
    const moved = [...OWNERS, { name: "Session", file: "mptcp/agreement.ts" }, { name: "Agreement", file: "mptcp/session.ts" }];
    expect(new Classes(project, moved, NEIGHBOURS).missing).toEqual(moved.slice(-2));
  });
});

/** The tree's sources with every violation planted, by name. */
function planted(): Map<string, string> {
  const files = new Map<string, string>();
  const put = (kind: string, codes: readonly string[]): void => codes.forEach((code, at) => files.set(fileOf(kind, at), `${HEADER}\n${code.replaceAll("export class", "class")}\n}\n`));
  put("assignment", ASSIGNMENTS.map(([, code]) => code));
  put("mutation", MUTATIONS.map(([, code]) => code));
  put("harmless", HARMLESS);
  put("timer", TIMERS);
  const members = [
    "readonly seen = new Set<number>();",
    "readonly names = new Map<number, string>();",
    "readonly octets = new Uint8Array(4);",
    "count = 0;",
    "private isOn = false;",
    "private list: number[] = [];",
    "private keep(value: number): void { this.count = value; }",
    ...SETTERS,
    ...RULES,
  ];
  const signals = readFileSync(join(root, SIGNALS), "utf8");
  files.set(SIGNALS, [signals.replace(/^(export class Signals .*)$/m, `$1\n  ${members.join("\n  ")}`), ...BESIDE, ...BESIDE_RULES].join("\n"));
  files.set(WINDOW, readFileSync(join(root, WINDOW), "utf8").replace("export class ReceiveWindow {", "export class ReceiveWindow extends Array<number> {"));
  return files;
}

/** The name of a member, or of a function. */
function nameOf(code: string): string {
  return code.replace(/^(export |static |protected |readonly )*((function|const) )?/, "").replace(/[ (:].*$/s, "");
}

function fileOf(kind: string, at: number): string {
  return `${MPTCP}planted-${kind}-${at}.ts`;
}
