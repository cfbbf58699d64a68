// The import rules of docs/ARCHITECTURE.md: imports only point up the list of folders, never in a circle,
// and the compiler library needs no Node built-in outside files named *.node.ts.
const order = ["ir", "script", "arith", "te", "schedule", "graph", "frontend", "tune", "codegen", "runtime", "deploy", "show"];
const mayNotImportLater = order.slice(0, -1).map((folder, i) => ({
  name: `lib-${folder}-imports-only-up`,
  severity: "error",
  from: { path: `^lib/${folder}/` },
  to: { path: `^lib/(${order.slice(i + 1).join("|")})/` },
}));
module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    { name: "no-unresolved", severity: "error", from: {}, to: { couldNotResolve: true } },
    { name: "lib-not-kernel", severity: "error", from: { path: "^lib/" }, to: { path: "^kernel/" } },
    {
      name: "lib-no-node-built-ins",
      severity: "error",
      from: { path: "^lib/", pathNot: "\\.node\\.ts$" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "no-dev-dependencies",
      severity: "error",
      // Pages are bundled: what they are made of is in dist/workbench and dist/export.
      from: { path: "^(lib|kernel)/", pathNot: "^kernel/(workbench|export/browser)/" },
      to: { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"] },
    },
    ...mayNotImportLater,
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    // Packages that have an "import" entry only.
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default", "types"] },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(dist|tests)/" },
  },
};
