import { connect, headers } from "nats";
import { ask, closedPort, data, digest, done, errorOf, host, port, say } from "../steps.mjs";

const servers = `${host}:${port}`;
const client = await connect({ servers, token: "secret", reconnectTimeWait: 50, reconnectJitter: 0, maxReconnectAttempts: -1 });
const PIECE = 500_000;
const pieces = Array.from({ length: Math.ceil(data.length / PIECE) }, (_, i) => data.subarray(i * PIECE, (i + 1) * PIECE));
const subscription = client.subscribe("data", { max: pieces.length });
for (const piece of pieces) client.publish("data", piece);
const got = [];
for await (const message of subscription) got.push(message.data);
say("the messages are those sent", digest(Buffer.concat(got)) === digest(data));
client.subscribe("question", { callback: (_error, message) => message.respond(Buffer.from(message.headers.get("name"))) });
const named = headers();
named.set("name", "value");
say("a request", (await client.request("question", "", { headers: named })).string());
say("a request that nobody answers", await errorOf(client.request("nobody")));
say("a wrong token", await errorOf(connect({ servers, token: "wrong", reconnect: false })));
say("a closed port", await errorOf(connect({ servers: `${host}:${closedPort}`, reconnect: false })));

const changes = [];
const back = new Promise((resolve) => {
  void (async () => {
    for await (const { type } of client.status()) {
      if (type === "disconnect" || type === "reconnect") changes.push(type);
      if (type === "reconnect") resolve();
    }
  })();
});
await ask("stop");
say("a client that comes now", await errorOf(connect({ servers, token: "secret", reconnect: false })));
await ask("start");
await back;
say("the server was gone, and is back", changes);
say("and so is the subscription", (await client.request("question", "", { headers: named })).string());
await client.close();
done();
