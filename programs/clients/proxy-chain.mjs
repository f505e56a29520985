/** Through the proxy by CONNECT, and TLS to what is behind it. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { buffer } from "node:stream/consumers";
import tls from "node:tls";
import { ask, closedPort, data, done, errorOf, host, isData, port, say } from "../steps.mjs";

const trust = { ca: readFileSync(process.env.PROGRAM_CERTIFICATE), servername: "program.example" };

/** What the origin at `to` answers, or the proxy where it is not "200". */
async function post(body, { at = port, to = port + 1, password = "secret" } = {}) {
  const authorization = `Basic ${Buffer.from(`program:${password}`).toString("base64")}`;
  const connect = http.request({ host, port: at, method: "CONNECT", path: `${host}:${to}`, headers: { "proxy-authorization": authorization } });
  connect.end();
  const [answer, socket] = await once(connect, "connect");
  if (answer.statusCode !== 200) {
    socket.destroy();
    return `${answer.statusCode} ${answer.statusMessage}`;
  }
  const secured = tls.connect({ socket, ...trust });
  const request = https.request({ method: "POST", createConnection: () => secured, headers: { connection: "close" } });
  request.end(body);
  const [response] = await once(request, "response");
  return buffer(response);
}

say("what came back is what was sent", isData(await post(data)));
say("a wrong password", await post("hello", { password: "wrong" }));
say("nobody behind the proxy", await errorOf(post("hello", { to: closedPort })));
say("no proxy", await errorOf(post("hello", { at: closedPort })));
await ask("stop");
say("the proxy is gone", await errorOf(post("hello")));
await ask("start");
say("it is back", String(await post("hello")));
done();
