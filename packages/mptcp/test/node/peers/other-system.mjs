// `node --import` this file to have what this project would find on another system, whose name is in OTHER_SYSTEM: no koffi, no files that only Linux has. Whoever asks for them is written down.
import fs from "node:fs";
import { Module, syncBuiltinESMExports } from "node:module";

Object.defineProperty(process, "platform", { value: process.env.OTHER_SYSTEM });

/** What was asked for that is not there, by whom. */
globalThis.askedFor = [];

const load = Module._load;
Module._load = function (name, ...rest) {
  if (name === "koffi") {
    globalThis.askedFor.push(name);
    throw new Error("Cannot find module 'koffi'");
  }
  return load.call(this, name, ...rest);
};

for (const name of ["openSync", "open", "readFileSync", "readFile", "existsSync", "statSync", "readdirSync", "accessSync", "readlinkSync", "realpathSync", "createReadStream"]) {
  const original = fs[name];
  fs[name] = Object.assign(function (path, ...rest) {
    if (/^\/(proc|sys|dev)\//.test(String(path))) {
      globalThis.askedFor.push(String(path));
      return original.call(this, "/nowhere", ...rest);
    }
    return original.call(this, path, ...rest);
  }, original);
}
syncBuiltinESMExports();
