/** Who may import whom; the picture and the reasons are in docs/architecture.md. */
const rooms = [
  "tools",
  "localcloud",
  "provisioning",
  "migration",
  "settings",
  "components",
  "automation",
  "examples",
  "bench",
  "test",
];
const allowed = {
  tools: [],
  localcloud: [],
  provisioning: [],
  migration: [],
  settings: [],
  components: ["settings", "provisioning"],
  automation: ["settings", "migration", "provisioning", "tools"],
  examples: ["tools"],
  bench: ["examples", "tools", "provisioning", "settings", "components", "migration", "test"],
};
const borders = Object.entries(allowed).map(([room, others]) => {
  const forbidden = rooms.filter((other) => other !== room && !others.includes(other));
  return {
    name: `border-of-${room}`,
    severity: "error",
    from: { path: `^${room}/` },
    to: { path: `^(${forbidden.join("|")})/|^index\\.ts$` },
  };
});

module.exports = {
  forbidden: [
    ...borders,
    {
      name: "index-composes",
      severity: "error",
      from: { path: "^index\\.ts$" },
      to: { path: "^(tools|localcloud|provisioning|migration|automation|examples|bench|test)/" },
    },
    {
      name: "pulumi-stays-in-the-program",
      severity: "error",
      from: { path: "^(provisioning|migration)/" },
      to: { path: "@pulumi/" },
    },
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(^|/)dist/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
  },
};
