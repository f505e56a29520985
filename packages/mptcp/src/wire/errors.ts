/** A packet that cannot be written where it was asked to be. `code` is stable; the message is for people. */
export class EncodeError extends RangeError {
  readonly code: "ERR_MPTCP_BUFFER_TOO_SMALL" | "ERR_MPTCP_NOT_ENCODABLE";

  constructor(code: "ERR_MPTCP_BUFFER_TOO_SMALL" | "ERR_MPTCP_NOT_ENCODABLE", message: string) {
    super(message);
    this.name = "EncodeError";
    this.code = code;
  }
}
