import { InvalidArgumentError } from "commander";
import { parsePort } from "./numbers.ts";

/** A place on this machine or elsewhere: a port of a host, or a Unix socket. */
export type Place = { readonly host: string; readonly port: number } | { readonly path: string };

/** "192.0.2.1:80", "example.org:80", "[2001:db8::1]:80". @throws InvalidArgumentError */
export function parseHostPort(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):([^:]+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError(`"${text}" is no HOST:PORT: write 192.0.2.1:80, example.org:80 or [2001:db8::1]:80.`);
  return { host: match[1] ?? (match[2] as string), port: parsePort(match[3] as string) };
}

/** `[HOST:]PORT`, on this machine's loopback address where there is no host, or a path with a slash in it, or `unix:PATH`. @throws InvalidArgumentError */
export function parsePlace(text: string): Place {
  if (text.startsWith("unix:") && text.length > 5) return { path: text.slice(5) };
  if (text.includes("/")) return { path: text };
  if (/^\d+$/.test(text)) return { host: LOOPBACK, port: parsePort(text) };
  return parseHostPort(text);
}

/** As it was written, or would be. */
export function placeText(place: Place): string {
  if ("path" in place) return place.path;
  return endpointText(place.host, place.port);
}

/** "192.0.2.1:80", "[2001:db8::1]:80". */
export function endpointText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

const LOOPBACK = "127.0.0.1";
