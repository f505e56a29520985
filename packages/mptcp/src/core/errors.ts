/** Misuse of the API. `code` is stable; the message is for people. */
export class MptcpError extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "MptcpError";
    this.code = code;
  }
}

/** Why a connection ended, beside a regular close: Node's own codes where Node has one. */
export type CloseReason = "ECONNREFUSED" | "ECONNRESET" | "ETIMEDOUT" | "EHOSTUNREACH" | "ENETUNREACH" | "ECONNABORTED";
