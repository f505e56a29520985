// Has a process load TypeScript sources itself, and say of an error in which of their lines it was.
import { register } from "node:module";

register("./hooks.mjs", import.meta.url);
process.setSourceMapsEnabled(true);
