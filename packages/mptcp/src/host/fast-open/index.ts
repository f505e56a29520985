/**
 * host/fast-open/: TCP Fast Open (RFC 7413) as far as it is a host's: cookies that servers gave, cookies that are given out, and how many connections may be open
 * by the data of their SYN.
 *
 * @module
 */
export { FastOpenAdmission } from "./admission.ts";
export type { FastOpenListen } from "./admission.ts";
export { FastOpen } from "./fast-open.ts";
export { CookieKeys, hmacCookie } from "./cookie-keys.ts";
export type { CookieHash } from "./cookie-keys.ts";
export { CookieMemory } from "./cookie-memory.ts";
