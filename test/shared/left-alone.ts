import "./sources/register.mjs";
import { afterAll, expect } from "vitest";
import * as core from "../../packages/mptcp/src/core/index.ts";
import * as host from "../../packages/mptcp/src/host/index.ts";
import * as mptcp from "../../packages/mptcp/src/mptcp/index.ts";
import * as sim from "../../packages/mptcp/src/sim/index.ts";
import * as tcp from "../../packages/mptcp/src/tcp/index.ts";
import * as wire from "../../packages/mptcp/src/wire/index.ts";

/**
 * Files of tests that share a process must not notice one another: each leaves what all of them see as it was, which are the globals, the language's own classes
 * and the engine's. A file that does not fails itself, not one that happens to come later.
 */
const ROOMS = Object.entries({ core, host, mptcp, sim, tcp, wire });
const OWN = [Object, Function, Array, Number, String, Date, Map, Set, WeakMap, Promise, Uint8Array, DataView, BigInt].map((made) => [made.name, made] as const);
const SEEN: readonly (readonly [name: string, thing: object])[] = [
  ["globalThis", globalThis],
  ["Math", Math],
  ["JSON", JSON],
  ["process.env", process.env],
  ...[...OWN, ...ROOMS.flatMap(([room, things]) => Object.entries(things).map(([name, thing]) => [`${room}/${name}`, thing as unknown] as const))].flatMap(([name, thing]) => partsOf(name, thing)),
];

/** Globals that Node.js makes when somebody asks for them: each becomes a value by being used. */
const LAZY = new Set(Reflect.ownKeys(globalThis).filter((key) => Object.getOwnPropertyDescriptor(globalThis, key)?.get !== undefined));

/** A class and its prototype, or a table. */
function partsOf(name: string, thing: unknown): (readonly [string, object])[] {
  if (typeof thing === "object" && thing !== null) return [[name, thing]];
  if (typeof thing !== "function") return [];
  const prototype: unknown = thing.prototype;
  return typeof prototype === "object" && prototype !== null ? [[name, thing], [`${name}.prototype`, prototype]] : [];
}

/** Every property with its value, or its accessors. */
function picture(): Map<string, unknown> {
  const all = new Map<string, unknown>();
  for (const [name, thing] of SEEN) {
    for (const key of Reflect.ownKeys(thing)) {
      const at = `${name}.${String(key)}`;
      if (PASSING.test(at) || (thing === globalThis && LAZY.has(key))) continue;
      const { value, get, set } = Object.getOwnPropertyDescriptor(thing, key) as PropertyDescriptor;
      all.set(`${at} value`, value).set(`${at} get`, get).set(`${at} set`, set);
    }
  }
  return all;
}

/** What the test runner itself puts there for each file. */
const PASSING = /^globalThis\.__vitest|^globalThis\.Symbol\(|^globalThis\.__vite|^process\.env\.VITEST/;

// Before the file's own modules are loaded, since they too may change something.
const before = picture();
afterAll(() => {
  const after = picture();
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter((at) => !Object.is(before.get(at), after.get(at)));
  expect(changed, "what other files of tests see was changed").toEqual([]);
});
