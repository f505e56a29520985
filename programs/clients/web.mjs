/** What Node has itself, `https`, `http2` and `fetch`, and `ws`; to one server, by TLS. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import { buffer, text } from "node:stream/consumers";
import { WebSocket } from "ws";
import { ask, closedPort, data, done, errorOf, host, isData, port, say } from "../steps.mjs";

const trust = { ca: readFileSync(process.env.PROGRAM_CERTIFICATE), servername: "program.example" };
const url = `https://${host}:${port}`;
const agent = new https.Agent({ ...trust, keepAlive: true });

async function post(to, body) {
  const request = https.request(to, { method: "POST", agent });
  request.end(body);
  const [response] = await once(request, "response");
  return buffer(response);
}

say("https: what came back is what was sent", isData(await post(url, data)));
say("https: a connection that breaks", await errorOf(post(`${url}/reset`, "hello")));
say("https: a closed port", await errorOf(post(`https://${host}:${closedPort}`, "hello")));

const session = http2.connect(url, { ...trust, maxSessionMemory: 100 });
async function stream(body) {
  const one = session.request({ ":method": "POST" });
  one.end(body);
  return buffer(one);
}
const half = data.subarray(0, data.length / 2);
const [first, second] = await Promise.all([stream(half), stream(data.subarray(half.length))]);
say("http2: what came back is what was sent", isData(Buffer.concat([first, second])));

// Its own TLS takes certificates from the environment alone: NODE_EXTRA_CA_CERTS.
const fetched = await errorOf(fetch(url));
say("fetch: a name that is not in the certificate", fetched);

const socket = new WebSocket(`wss://${host}:${port}`, trust);
await once(socket, "open");
socket.send(data);
say("ws: what came back is what was sent", isData((await once(socket, "message"))[0]));

const over = [once(session, "close"), once(socket, "close")];
await ask("stop");
say("the server is gone", (await Promise.all(over)).map(([code]) => code));
say("https: one that comes now", await errorOf(post(url, "hello")));
await ask("start");
say("https: it is back", String(await post(url, "hello")));
const again = http2.connect(url, trust);
const one = again.request({ ":method": "POST" });
one.end("hello");
say("http2: it is back", await text(one));
again.close();
agent.destroy();
done();
