import { readFileSync } from "node:fs";
import grpc from "@grpc/grpc-js";
import { host, port, serve } from "../steps.mjs";
import { definition } from "../grpc-definition.mjs";

const credentials = grpc.ServerCredentials.createSsl(null, [{ private_key: readFileSync(process.env.PROGRAM_CERTIFICATE_KEY), cert_chain: readFileSync(process.env.PROGRAM_CERTIFICATE) }]);
let server;

await serve({
  start: async () => {
    server = new grpc.Server();
    server.addService(definition, {
      echo: (call) => call.on("data", (chunk) => call.write(chunk)).on("end", () => call.end()),
      ask: (call, callback) => (call.metadata.get("password")[0] === "secret" ? callback(null, call.request) : callback({ code: grpc.status.UNAUTHENTICATED, details: "who is that?" })),
    });
    await new Promise((resolve, reject) => server.bindAsync(`${host}:${port}`, credentials, (error) => (error ? reject(error) : resolve())));
  },
  stop: () => server.forceShutdown(),
});
