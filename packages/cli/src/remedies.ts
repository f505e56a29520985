/** What else than usual is to be done about errors, by their codes. */
export type Remedies = Readonly<Record<string, string>>;

/** An error as a line for people, with what to do about it where that is known. */
export function explain(error: unknown, others: Remedies = {}): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  const remedy = code === undefined ? undefined : (others[code] ?? REMEDIES[code]);
  return remedy === undefined ? error.message : `${error.message}: ${remedy}`;
}

/** What went wrong with standard input or output, or with a file. */
export function explainFile(name: string, error: NodeJS.ErrnoException): string {
  const meaning = error.code === undefined ? undefined : FILE_PROBLEMS[error.code];
  return `${name}: ${meaning ?? error.message}`;
}

/** For a listener that whoever asks cannot wait for: `mptcp forward` gets connections that are there already. */
export const NO_WAIT: Remedies = { ECONNREFUSED: "nobody listens there; start `mptcp listen` on the other side first, over the same kind of link" };

/** For a server that is reached by plain TCP, or by a Unix socket. */
export const PLAIN_SERVER: Remedies = {
  ECONNREFUSED: "no server listens there; start it, or see what listens: ss -lntx",
  ETIMEDOUT: "no answer; check the address and firewalls",
  ENOENT: "there is no such socket; start its server",
  EACCES: "this user may not open that socket",
};

const REMEDIES: Remedies = {
  EADDRINUSE: "another process or link has that port; take another one, or see whose it is: ss -lunpt",
  EADDRNOTAVAIL: "give an address of this machine (ip -brief address shows them), of the same family as the peer's",
  EACCES: "ports below 1024 need root; take one from 1024 on",
  ECONNREFUSED: "nobody listens there; start `mptcp listen` on the other side first, over the same kind of link, or wait for it with --wait",
  ETIMEDOUT: "no answer; check the address and firewalls; over --udp links the other side must be `mptcp listen --udp`, with the same --key or none as here, a kernel is reached over --tun or --via kernel",
  ECONNRESET: "the other side broke the connection",
  ENETUNREACH: "there is no route; ip route shows those there are",
  EHOSTUNREACH: "there is no way to that host; ip route get ADDRESS shows the route",
  ENOTFOUND: "there is no host of that name",
  EAI_AGAIN: "the name could not be looked up just now; try again, or give an address",
};

const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  EPIPE: "its reader has gone (EPIPE)",
  ENOSPC: "no space left on the device (ENOSPC); free some, or write somewhere else",
  EISDIR: "is a folder (EISDIR); give a file",
  EACCES: "permission denied (EACCES)",
  ENOENT: "no such file or folder (ENOENT)",
  EIO: "input/output error (EIO)",
};
