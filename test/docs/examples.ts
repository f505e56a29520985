import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Code of a page, compiled as a reader would and run. */
export class PageExamples {
  private readonly page: string;
  // Inside the workspace, so that the imports of the examples resolve as a reader's would.
  private readonly folder = mkdtempSync(join(root, "test/docs/example-"));

  constructor(page: string) {
    this.page = readFileSync(join(root, page), "utf8");
  }

  /** The code behind a marker, `<!-- ... -->`. @throws Error when it is gone */
  code(marker: string): string {
    const code = new RegExp(`<!-- ${marker} -->\\n\`\`\`ts\\n([\\s\\S]*?)\`\`\``).exec(this.page)?.[1];
    if (code === undefined) throw new Error(`the example ${marker} is gone`);
    return code;
  }

  /** What the compiler says of examples. */
  complaints(...markers: readonly string[]): string[] {
    const files = markers.map((marker) => this.file(marker));
    const program = ts.createProgram(files, {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: [],
      target: ts.ScriptTarget.ES2023,
      lib: ["lib.es2023.d.ts"],
      module: ts.ModuleKind.NodeNext,
      moduleResolution: ts.ModuleResolutionKind.NodeNext,
      customConditions: ["mptcp-source"],
      allowImportingTsExtensions: true,
    });
    // The library's own sources are checked with all others (`npm run types`); here they are what its declarations are to a reader.
    const said = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics(), ...files.flatMap((file) => ts.getPreEmitDiagnostics(program, program.getSourceFile(file)))];
    return said.map((diagnostic) => ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n"));
  }

  /** Runs an example. @returns what it exports */
  async run(marker: string): Promise<Record<string, unknown>> {
    return (await import(this.file(marker))) as Record<string, unknown>;
  }

  /** Text between a marker and the next one. */
  between(marker: string, end: string): string {
    return this.page.split(`<!-- ${marker} -->\n`)[1]?.split(end)[0] ?? "";
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  private file(marker: string): string {
    const file = join(this.folder, `${marker.replaceAll(/\W+/g, "-")}.ts`);
    writeFileSync(file, this.code(marker));
    return file;
  }
}
