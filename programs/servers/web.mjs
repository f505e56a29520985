import { readFileSync } from "node:fs";
import http2 from "node:http2";
import { WebSocketServer } from "ws";
import { host, port, serve } from "../steps.mjs";

const certificate = { key: readFileSync(process.env.PROGRAM_CERTIFICATE_KEY), cert: readFileSync(process.env.PROGRAM_CERTIFICATE) };
let server;
let sessions;

await serve({
  start: () => {
    sessions = new Set();
    // HTTP/1.1 too: https, fetch and WebSockets.
    server = http2.createSecureServer({ ...certificate, allowHTTP1: true, maxSessionMemory: 100 }, (request, response) => {
      if (request.url === "/reset") request.socket.destroy();
      else request.pipe(response);
    });
    server.on("session", (session) => sessions.add(session));
    server.on("secureConnection", (socket) => sessions.add(socket));
    new WebSocketServer({ server, maxPayload: 100_000_000 }).on("connection", (socket) => socket.on("message", (bytes) => socket.send(bytes)));
    return new Promise((resolve) => server.listen(port, host, resolve));
  },
  stop: () =>
    new Promise((resolve) => {
      server.close(resolve);
      for (const session of sessions) session.destroy();
    }),
});
