/** What Node itself has for sockets beside data: options, timeouts, contexts, several addresses, workers. The program is its own server. */
import { AsyncLocalStorage } from "node:async_hooks";
import { spawn } from "node:child_process";
import diagnostics from "node:diagnostics_channel";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { Worker } from "node:worker_threads";
import { done, host, port, say } from "../steps.mjs";

const [otherHost, childLinks] = process.argv.slice(4);
const channels = new Set();
for (const name of ["net.client.socket", "net.server.socket"]) diagnostics.subscribe(name, () => channels.add(name));

const server = net.createServer((socket) => socket.pipe(socket)).listen(port, host);
await once(server, "listening");
say("the server's port", server.address().port === port);

const storage = new AsyncLocalStorage();
await storage.run("context", async () => {
  const events = [];
  const socket = net.connect({ port, host });
  socket.setKeepAlive(true, 1000).setNoDelay(true);
  for (const event of ["connect", "data", "timeout", "end", "close"]) socket.on(event, () => events.push([event, storage.getStore()]));
  socket.once("data", () => socket.setTimeout(20)).on("timeout", () => socket.end());
  socket.write("hello");
  await once(socket, "close");
  say("events, each in its context", events);
});

const lookup = (_name, _options, callback) => callback(null, [otherHost, host].map((address) => ({ address, family: 4 })));
const chosen = net.connect({ port, host: "name.example", lookup, autoSelectFamily: true });
const failed = once(chosen, "connectionAttemptFailed");
await once(chosen, "connect");
say("of two addresses the one that answers", [(await failed)[3].code, chosen.remoteAddress === host, chosen.autoSelectFamilyAttemptedAddresses.length]);
chosen.destroy();

const web = http.createServer((_request, response) => response.end("hello")).listen(port + 1, host);
await once(web, "listening");
say("fetch", await (await fetch(`http://${host}:${port + 1}/`)).text());
web.close();

const connects = `import("node:net").then((net) => {
  const socket = net.connect(${port}, "${host}", () => { console.log("connected"); socket.destroy(); }).on("error", ({ code }) => console.log(code));
});`;
// What `--import` says is handed on; links are a thread's own, and a process's.
const env = { ...process.env, MPTCP_UDP: childLinks };
const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(connects)}`), { stdout: true, env });
say("a worker", String((await once(worker.stdout, "data"))[0]));
await once(worker, "exit");

const child = spawn(process.execPath, [...process.execArgv, "-e", connects], { env, stdio: ["ignore", "pipe", "inherit"] });
say("a child", String((await once(child.stdout, "data"))[0]));
await once(child, "exit");

say("diagnostics", Array.from(channels).toSorted());
// Nothing keeps the process alive any more.
server.unref();
done();
