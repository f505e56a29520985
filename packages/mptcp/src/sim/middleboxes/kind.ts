import { descriptionsOf, readParameters } from "../parameters.ts";
import type { ParameterDescription, ParameterTable, PlainParameters, ValuesOf } from "../parameters.ts";
import type { Middlebox, MiddleboxEnvironment, MiddleboxFactory } from "./middlebox.ts";

/** A kind of middlebox: called with parameters, it gives what `Simulation.addMiddlebox` takes. Those that are not given are as described. */
export interface MiddleboxKind {
  /** @throws MptcpError ERR_SIM_OPTION that names what is wrong */
  (parameters?: PlainParameters): MiddleboxFactory;
  /** What such a box does, in one sentence. */
  readonly text: string;
  readonly parameters: readonly ParameterDescription[];
}

/** A kind of middlebox from its table of parameters. @param make gets them all, checked */
export function middleboxKind<T extends ParameterTable>(
  kind: string,
  text: string,
  table: T,
  make: (name: string, environment: MiddleboxEnvironment, parameters: ValuesOf<T>) => Middlebox,
): MiddleboxKind {
  const factoryOf = (given: PlainParameters = {}): MiddleboxFactory => {
    const parameters = readParameters(kind, table, given);
    return (name, environment) => make(name, environment, parameters);
  };
  return Object.assign(factoryOf, { text, parameters: descriptionsOf(table) });
}
