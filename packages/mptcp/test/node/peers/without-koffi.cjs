// `node --require` this file to run as if the optional dependency koffi were not installed.
const Module = require("node:module");

const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  if (request === "koffi") throw Object.assign(new Error("Cannot find module 'koffi'"), { code: "MODULE_NOT_FOUND" });
  return resolve.call(this, request, ...rest);
};
