import { readFileSync } from "node:fs";
import grpc from "@grpc/grpc-js";
import { ask, closedPort, data, digest, done, host, port, say } from "../steps.mjs";
import { definition } from "../grpc-definition.mjs";

const Client = grpc.makeClientConstructor(definition, "Program");
const settings = { "grpc.ssl_target_name_override": "program.example", "grpc.initial_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 200 };
const secured = grpc.credentials.createSsl(readFileSync(process.env.PROGRAM_CERTIFICATE));
const client = new Client(`${host}:${port}`, secured, settings);

function question(one, password, options = {}) {
  const metadata = new grpc.Metadata();
  metadata.set("password", password);
  return new Promise((resolve) => {
    one.ask(Buffer.from("hello"), metadata, { deadline: Date.now() + 20_000, ...options }, (error, answer) => resolve(error ? { code: error.code, details: error.details.replace(/ \(.*|\. Resolution.*/s, "") } : String(answer)));
  });
}

const call = client.echo();
const got = [];
const over = new Promise((resolve, reject) => call.on("data", (chunk) => got.push(chunk)).on("end", resolve).on("error", reject));
for (let at = 0; at < data.length; at += 500_000) {
  if (!call.write(data.subarray(at, at + 500_000))) await new Promise((resolve) => call.once("drain", resolve));
}
call.end();
await over;
say("what came back is what was sent", digest(Buffer.concat(got)) === digest(data));
say("an answer", await question(client, "secret"));
say("a wrong password", await question(client, "wrong"));
const stranger = new Client(`${host}:${closedPort}`, secured, settings);
say("a closed port", (await question(stranger, "secret")).code);
stranger.close();

const open = client.echo();
const lost = new Promise((resolve) => open.on("data", () => {}).on("error", ({ code }) => resolve(code)));
await ask("stop");
// The server cancels its calls, and ends the connection: one of the two is heard of first.
say("the server is gone", [grpc.status.CANCELLED, grpc.status.UNAVAILABLE].includes(await lost));
say("a call that comes now", (await question(client, "secret")).code);
await ask("start");
say("it is back", await new Promise((resolve) => {
  client.waitForReady(Date.now() + 20_000, (error) => resolve(error ? String(error) : question(client, "secret")));
}));
client.close();
done();
