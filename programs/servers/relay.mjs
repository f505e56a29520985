/** Stands in front of a server that speaks plain TCP, for clients that come by Multipath TCP: each connection is passed on, half-closed as it was, and reset as it was. */
import net from "node:net";
import { host, port, serve } from "../steps.mjs";

const [targetHost, targetPort] = process.argv.slice(5);
const connections = new Set();

const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (inner) => {
  const outer = net.connect({ host: targetHost, port: Number(targetPort), allowHalfOpen: true, noDelay: true });
  for (const [one, other] of [[inner, outer], [outer, inner]]) {
    one.pipe(other);
    one.on("error", () => other.resetAndDestroy());
  }
  connections.add(inner);
  inner.on("close", () => connections.delete(inner));
});

await serve({
  start: () => new Promise((resolve) => server.listen(port, host, resolve)),
  stop: () =>
    new Promise((resolve) => {
      // What the server behind it left open, which has ended.
      const timer = setTimeout(() => connections.forEach((one) => one.resetAndDestroy()), 300);
      server.close(() => {
        clearTimeout(timer);
        resolve();
      });
    }),
});
