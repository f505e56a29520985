import { MptcpError } from "../../../core/index.ts";

/** The errno of what the engine refused. */
export function codeOf(error: unknown): string {
  if (error instanceof MptcpError) return error.code;
  throw error;
}
