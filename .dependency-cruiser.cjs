// The layers of ARCHITECTURE.md as rules: imports point one way, and a room is entered by its face (index.ts).
const room = (name) => `^packages/mptcp/src/${name}/`;

// Which rooms a room may import, besides itself.
const allowed = {
  wire: [],
  core: ["wire"],
  tcp: ["wire", "core"],
  mptcp: ["wire", "core", "tcp"],
  host: ["wire", "core", "tcp", "mptcp"],
  capture: ["wire", "core"],
  sim: ["wire", "core", "tcp", "mptcp", "host", "capture"],
  drill: ["wire", "core", "tcp", "mptcp", "host"],
  testing: ["wire", "core", "tcp", "mptcp", "host", "capture", "sim"],
  node: ["wire", "core", "tcp", "mptcp", "host", "capture"],
};

const layers = Object.entries(allowed).map(([name, others]) => ({
  name: `layer-${name}`,
  comment: `${name}/ may import ${others.length === 0 ? "no other room" : others.join(", ")}`,
  severity: "error",
  from: { path: room(name) },
  to: {
    path: "^packages/",
    pathNot: [room(name), ...others.map(room)],
  },
}));

const faces = Object.keys(allowed).map((name) => ({
  name: `face-${name}`,
  comment: `import ${name}/ through its index.ts`,
  severity: "error",
  from: { path: "^packages/", pathNot: [room(name)] },
  to: { path: room(name), pathNot: `${room(name)}index\\.ts$` },
}));

module.exports = {
  forbidden: [
    ...layers,
    ...faces,
    {
      name: "testbed-needs-only-the-library",
      comment: "the kernel as a target is one for whoever runs packet scripts, and has nothing of theirs",
      severity: "error",
      from: { path: "^packages/testbed/src/" },
      to: { path: "^packages/", pathNot: "^packages/(testbed|mptcp)/" },
    },
    {
      name: "face-testbed-kernel",
      comment: "import kernel/ through its index.ts",
      severity: "error",
      from: { path: "^packages/", pathNot: "^packages/testbed/src/kernel/" },
      to: { path: "^packages/testbed/src/kernel/", pathNot: "^packages/testbed/src/kernel/index\\.ts$" },
    },
    { name: "no-circular", severity: "error", from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } } },
    {
      name: "mptcp-parts-know-no-whole",
      comment: "a part of mptcp/ knows the connection and its subflows by the interfaces in context.ts, types included",
      severity: "error",
      from: { path: room("mptcp"), pathNot: `${room("mptcp")}(index|connection|multipath|saved)\\.ts$` },
      to: { path: `${room("mptcp")}(connection|index|multipath|subflow)\\.ts$` },
    },
    { name: "mptcp-no-circular-types", severity: "error", from: { path: room("mptcp") }, to: { circular: true, viaOnly: { path: room("mptcp") } } },
    {
      name: "core-needs-only-noble",
      comment: "the published library depends on @noble/hashes and nothing else",
      severity: "error",
      from: { path: "^packages/mptcp/src/", pathNot: "^packages/mptcp/src/node/" },
      to: { dependencyTypes: ["npm", "npm-dev", "core", "npm-optional"], pathNot: "@noble/hashes" },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { extensions: [".ts", ".js"], conditionNames: ["mptcp-source", "import", "default"], exportsFields: ["exports"] },
  },
};
