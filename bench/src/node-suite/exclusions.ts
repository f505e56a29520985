/** A test of Node's that sockets cannot pass, or not each time, and what it takes that they do not have. */
export interface Exclusion {
  readonly test: string;
  /** Over whose sockets. */
  readonly via: readonly Via[];
  readonly missing: string;
}

/** Whose sockets a test runs over: Node's own, to compare; this library's in user space, on UDP links; the kernel's Multipath TCP. */
export type Via = "net" | "userspace" | "kernel";

const IN_USER_SPACE: readonly Via[] = ["userspace"];
const OVER_THE_KERNELS: readonly Via[] = ["kernel"];
const EVERYWHERE: readonly Via[] = ["net", "userspace", "kernel"];

const OWN_METHOD = "libuv handle: it puts a method of its own into the prototype of TCP's";
const NEWER_NODE = "version: Node 20.20 differs from the tests of 20.19 here";

/** Names are without `test-` and `.js`. */
export const EXCLUSIONS: readonly Exclusion[] = [
  { test: "net-connect-keepalive", via: IN_USER_SPACE, missing: OWN_METHOD },
  { test: "net-connect-nodelay", via: IN_USER_SPACE, missing: OWN_METHOD },
  { test: "net-persistent-nodelay", via: IN_USER_SPACE, missing: OWN_METHOD },
  { test: "net-listen-handle-in-cluster-1", via: ["userspace", "kernel"], missing: "cluster: it listens on a handle of another process" },
  { test: "net-error-twice", via: OVER_THE_KERNELS, missing: "early reset: the kernel resets who writes to a socket that its peer closed after 60 s, and a test has 60 s (docs/sockets.md)" },
  { test: "net-socket-connect-without-cb", via: EVERYWHERE, missing: "resolver: it looks up an address of IPv6 for localhost, which not every machine has" },
  { test: "http-parser-timeout-reset", via: IN_USER_SPACE, missing: "internals: it exchanges the parser that C++ has on a libuv handle" },
  { test: "http-should-keep-alive", via: OVER_THE_KERNELS, missing: "prompt end: where the processors are busy, the kernel tells the end of a stream some milliseconds after the data; else it passes (docs/sockets.md)" },
  { test: "http-client-parse-error", via: EVERYWHERE, missing: NEWER_NODE },
  { test: "http-multiple-headers", via: EVERYWHERE, missing: NEWER_NODE },
];
