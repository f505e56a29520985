import { Server } from "socket.io";
import { createServer } from "node:http";
import { host, port, serve } from "../steps.mjs";

let io;

await serve({
  start: () => {
    const web = createServer();
    io = new Server(web, { maxHttpBufferSize: 1e8 });
    io.use((socket, next) => next(socket.handshake.auth.password === "secret" ? undefined : new Error("who is that?")));
    io.on("connection", (socket) => socket.on("echo", (bytes, answer) => answer(bytes)));
    return new Promise((resolve) => web.listen(port, host, resolve));
  },
  stop: () => io.close(),
});
