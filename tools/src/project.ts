import { readdirSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

/** Where the repository's sources are, relative to it. */
export const SOURCES: readonly string[] = ["packages/mptcp/src", "packages/scenario/src", "packages/testbed/src", "packages/cli/src", "examples/src", "bench/src"];

/** The sources of the repository, with their types. */
export interface Project {
  readonly checker: ts.TypeChecker;
  /** Those of the repository itself. */
  readonly files: readonly ts.SourceFile[];
  /** A file's name relative to the repository, with slashes. */
  nameOf(file: ts.SourceFile): string;
}

/**
 * Reads the sources of the repository.
 * @param root the repository's folder
 * @param folders where to look for sources, relative to the repository
 * @param changes files that are to be read otherwise than they are, or that are not there: text by name relative to the repository
 */
export function readProject(root: string, folders: readonly string[], changes: ReadonlyMap<string, string> = new Map()): Project {
  const planted = new Map(Array.from(changes, ([name, text]) => [join(root, name), text]));
  const names = new Set([...folders.flatMap((folder) => sourcesIn(join(root, folder))), ...planted.keys()]);
  const program = ts.createProgram(Array.from(names), OPTIONS, hostWith(planted));
  return {
    checker: program.getTypeChecker(),
    files: program.getSourceFiles().filter((file) => names.has(file.fileName)),
    nameOf: (file) => file.fileName.slice(root.length).replace(/^\/+/, ""),
  };
}

function sourcesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}

function hostWith(planted: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile, getSourceFile } = host;
  // Comments say nothing of types.
  host.jsDocParsingMode = ts.JSDocParsingMode.ParseNone;
  host.fileExists = (name) => planted.has(name) || fileExists(name);
  host.readFile = (name) => planted.get(name) ?? readFile(name);
  host.getSourceFile = (name, options, ...rest) => {
    const text = planted.get(name);
    return text === undefined ? getSourceFile(name, options, ...rest) : ts.createSourceFile(name, text, options);
  };
  return host;
}

const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: ["node"],
  target: ts.ScriptTarget.ES2023,
  lib: ["lib.es2023.d.ts"],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  customConditions: ["mptcp-source"],
  allowImportingTsExtensions: true,
};
