import { readFileSync } from "node:fs";
import https from "node:https";
import { Server } from "proxy-chain";
import { host, port, serve } from "../steps.mjs";

// What is behind the proxy: it sends back what it is sent.
const origin = https.createServer({ key: readFileSync(process.env.PROGRAM_CERTIFICATE_KEY), cert: readFileSync(process.env.PROGRAM_CERTIFICATE) }, (request, response) => request.pipe(response));
await new Promise((resolve) => origin.listen(port + 1, host, resolve));
let server;

await serve({
  start: () => {
    server = new Server({ host, port, prepareRequestFunction: ({ username, password }) => ({ requestAuthentication: username !== "program" || password !== "secret" }) });
    return server.listen();
  },
  stop: () => server.close(true),
});
