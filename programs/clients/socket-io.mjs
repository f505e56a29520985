import { once } from "node:events";
import { io } from "socket.io-client";
import { ask, closedPort, data, done, host, isData, port, say } from "../steps.mjs";

const settings = { auth: { password: "secret" }, reconnectionDelay: 50, reconnectionDelayMax: 50, forceNew: true };
// By long polling first, then by a WebSocket.
const socket = io(`http://${host}:${port}`, settings);
const failure = async (url, other) => {
  const one = io(url, { ...settings, reconnection: false, ...other });
  const [error] = await once(one, "connect_error");
  one.close();
  return { message: error.message, description: error.description?.message ?? error.description };
};

await once(socket, "connect");
if (socket.io.engine.transport.name !== "websocket") await once(socket.io.engine, "upgrade");
say("what came back is what was sent", isData(await socket.emitWithAck("echo", data)));
say("a wrong password", await failure(`http://${host}:${port}`, { auth: { password: "wrong" } }));
say("a closed port", (await failure(`http://${host}:${closedPort}`, { transports: ["websocket"] })).message);
const lost = once(socket, "disconnect");
await ask("stop");
say("the server is gone", (await lost)[0]);
say("a client that comes now", (await failure(`http://${host}:${port}`, { transports: ["polling"] })).message);
const back = once(socket, "connect");
// After a server that said so, a client does not come again by itself.
socket.connect();
await ask("start");
await back;
say("it is back", String(await socket.emitWithAck("echo", "hello")));
socket.close();
done();
