import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { SMTPServer } from "smtp-server";
import { host, port, serve } from "../steps.mjs";

let server;

await serve({
  start: () => {
    server = new SMTPServer({
      key: readFileSync(process.env.PROGRAM_CERTIFICATE_KEY),
      cert: readFileSync(process.env.PROGRAM_CERTIFICATE),
      onAuth: ({ username, password }, _session, callback) => (username === "program" && password === "secret" ? callback(null, { user: username }) : callback(new Error("who is that?"))),
      onRcptTo: ({ address }, _session, callback) => callback(address.startsWith("nobody") ? Object.assign(new Error("nobody of that name"), { responseCode: 550 }) : null),
      onData: (stream, _session, callback) => {
        const hash = createHash("sha256");
        stream.on("data", (chunk) => hash.update(chunk)).on("end", () => callback(null, hash.digest("hex")));
      },
      closeTimeout: 100,
    });
    server.on("error", () => {});
    return new Promise((resolve) => server.listen(port, host, resolve));
  },
  stop: () => new Promise((resolve) => server.close(resolve)),
});
