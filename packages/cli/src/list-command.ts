import { findScenario, loadScenario, scenarioNames } from "@mptcp/scenario/node";
import { EXIT } from "./io.ts";
import type { Io } from "./io.ts";

/** Prints name and title of every scenario. */
export async function listScenarios(io: Io): Promise<number> {
  const names = scenarioNames();
  const width = Math.max(...names.map((name) => name.length));
  let code: number = EXIT.ok;
  for (const name of names) {
    try {
      const { plan } = await loadScenario(findScenario(name));
      io.stdout.write(`${io.stdout.colors.bold(name.padEnd(width))}  ${plan.title}\n`);
    } catch (error) {
      io.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
      code = EXIT.usage;
    }
  }
  return code;
}
