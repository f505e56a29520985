import * as nodeModule from "node:module";
import type { ResolveHook, ResolveHookContext, ResolveFnOutput } from "node:module";

/**
 * Lets a scenario import this project's packages wherever it lies: what is not installed beside it is what runs it. Loaded by Node as hooks of a thread of their own, or
 * called by {@link allowOwnPackages}.
 */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    if (!isOurs(specifier, error)) throw error;
    return await nextResolve(specifier, { ...context, parentURL: import.meta.url });
  }
};

/** The same for newer versions of Node, which call it where the import is. */
function resolveHere(specifier: string, context: ResolveHookContext, nextResolve: (specifier: string, context: ResolveHookContext) => ResolveFnOutput): ResolveFnOutput {
  try {
    return nextResolve(specifier, context);
  } catch (error) {
    if (!isOurs(specifier, error)) throw error;
    return nextResolve(specifier, { ...context, parentURL: import.meta.url });
  }
}

/** Does so for whatever is imported from now on. */
export function allowOwnPackages(): void {
  // Tests run the sources, whose packages are found otherwise.
  if (isAllowed || import.meta.url.endsWith(".ts")) return;
  isAllowed = true;
  const { registerHooks } = nodeModule as { readonly registerHooks?: (hooks: { readonly resolve: typeof resolveHere }) => void };
  if (registerHooks === undefined) nodeModule.register(import.meta.url);
  else registerHooks({ resolve: resolveHere });
}

let isAllowed = false;

function isOurs(specifier: string, error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND" && /^(mptcp|@mptcp\/scenario)(\/|$)/.test(specifier);
}
