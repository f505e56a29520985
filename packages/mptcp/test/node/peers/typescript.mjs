// `node --import` this file to run the TypeScript sources as they are, without a build: types are taken out while modules are loaded.
import { register } from "node:module";

register("../../../../../test/shared/sources/hooks.mjs", import.meta.url);
