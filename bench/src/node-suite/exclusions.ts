/** A test of Node's that sockets cannot pass, and what it takes that they do not have. */
export interface Exclusion {
  readonly test: string;
  /** Over whose sockets; all unless given. */
  readonly via?: readonly Via[];
  readonly missing: string;
}

/** Whose sockets a test runs over: Node's own, to compare; this library's in user space, on UDP links; the kernel's Multipath TCP. */
export type Via = "net" | "userspace" | "kernel";

const IN_USER_SPACE: readonly Via[] = ["userspace"];

/** Names are without `test-` and `.js`. */
export const EXCLUSIONS: readonly Exclusion[] = [
  { test: "net-connect-keepalive", via: IN_USER_SPACE, missing: "libuv handle: it puts a method of its own into the prototype of TCP's" },
  { test: "net-connect-nodelay", via: IN_USER_SPACE, missing: "libuv handle: it puts a method of its own into the prototype of TCP's" },
  { test: "net-persistent-nodelay", via: IN_USER_SPACE, missing: "libuv handle: it puts a method of its own into the prototype of TCP's" },
  { test: "net-listen-handle-in-cluster-1", missing: "cluster: it listens on a handle of another process" },
  { test: "http-parser-timeout-reset", via: IN_USER_SPACE, missing: "internals: it exchanges the parser that C++ has on a libuv handle" },
];
