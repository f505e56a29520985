import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Removes what was compiled from sources that are gone, which would be published with the others.
 * @param folder a package's
 * @param bundled names of all modules in `dist`, where they are not one for each source
 * @returns the names of what is left, from `dist`
 */
export function removeForsaken(folder: string, bundled: ReadonlySet<string> | null = null): readonly string[] {
  const names = readdirSync(join(folder, "dist"), { recursive: true, encoding: "utf8" });
  return names.filter((name) => {
    const [, module, ending] = /^(.*?)(\.d\.ts|\.js)(\.map)?$/.exec(name) ?? [];
    if (module === undefined) return true;
    if (bundled !== null && ending === ".js" ? bundled.has(`${module}.js`) : existsSync(join(folder, "src", `${module}.ts`))) return true;
    rmSync(join(folder, "dist", name));
    return false;
  });
}

/** Another process may load it meanwhile: it finds the old one or the new one. */
export function exchange(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}
