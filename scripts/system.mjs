// What the tests need beside Node.js and npm's packages: real Jupyter tools and a browser, from Debian's packages.
// Installs what is missing where that is allowed, which is on a Debian system, as root, and without
// TILEWRIGHT_NO_INSTALL=1 in the environment; otherwise names it. Run alone with `node scripts/system.mjs`.
import { spawnSync } from "node:child_process";
import { pathToFileURL } from "node:url";
import { execute } from "./stages.mjs";

/** The packages, what finds them on a system without dpkg, and what cannot be tested without them. */
const NEEDED = [
  {
    name: "jupyter-nbconvert",
    probe: ["jupyter-nbconvert", "--version"],
    tests: "notebooks executed by nbconvert",
  },
  {
    name: "jupyter-notebook",
    probe: ["jupyter-notebook", "--version"],
    tests: "the kernel in Jupyter's own page",
  },
  {
    name: "python3-nbclient",
    probe: ["python3", "-c", "import nbclient"],
    tests: "the kernel driven by nbclient",
  },
  {
    name: "jupyter-server",
    probe: ["python3", "-c", "import jupyter_server"],
    tests: "the kernel driven by JupyterLab's own client",
  },
  {
    name: "jupyter-console",
    probe: ["python3", "-c", "import jupyter_console"],
    tests: "the kernel in jupyter console",
  },
  {
    name: "python3-jupyter-kernel-test",
    probe: ["python3", "-c", "import jupyter_kernel_test"],
    tests: "the Jupyter protocol test-suite",
  },
  {
    name: "python3-ipykernel",
    probe: ["python3", "-c", "import ipykernel"],
    tests: "comparison with the Python kernel",
  },
  {
    name: "libonnx-testdata",
    probe: ["test", "-d", "/usr/share/libonnx-testdata/data/node"],
    tests: "the ONNX standard's own cases",
  },
  {
    name: "python3-onnx",
    probe: ["python3", "-c", "from onnx import TensorProto"],
    tests: "models written node by node, as exporters other than PyTorch's do",
  },
  {
    name: "python3-torch",
    probe: ["python3", "-c", "import torch, numpy"],
    tests: "models of PyTorch, compared with PyTorch's answers",
  },
  {
    name: "chromium",
    probe: ["chromium", "--version"],
    tests: "everything seen in a browser, and WebGPU without a GPU",
  },
  {
    name: "libvulkan1",
    probe: ["sh", "-c", "ldconfig -p | grep -q libvulkan.so.1"],
    tests: "compute shaders on Dawn",
  },
];

/** Whether a command ends well. */
const works = ([command, ...args]) =>
  spawnSync(command, args, { stdio: "ignore", timeout: 60_000 }).status === 0;

/** Those of the needed packages that are not there. */
function missing() {
  if (!works(["dpkg-query", "--version"])) return NEEDED.filter(({ probe }) => !works(probe));
  const names = NEEDED.map(({ name }) => name);
  // Names that dpkg has never heard of go to its error stream and make it fail; the others are still listed.
  // biome-ignore lint/suspicious/noTemplateCurlyInString: these are placeholders of dpkg-query
  const { stdout } = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...names], {
    encoding: "utf8",
  });
  const installed = new Set(
    stdout.split("\n").flatMap((line) => (line.endsWith(" installed") ? [line.split(" ")[0]] : [])),
  );
  return NEEDED.filter(({ name, probe }) => !installed.has(name) && !works(probe));
}

/** Runs apt-get without questions; when it fails, the end of its output is shown. Gives whether it ended well. */
async function aptGet(...args) {
  const { code, output } = await execute("apt-get", args, {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  if (code !== 0)
    console.log(`apt-get ${args.join(" ")} failed:\n${output.trimEnd().split("\n").slice(-10).join("\n")}`);
  return code === 0;
}

/** Installs what can be installed of `names`. */
async function install(names) {
  await aptGet("update"); // one unreadable list of many is no reason to stop
  const options = ["install", "-y", "--no-install-recommends"];
  // One name that this release does not have makes the whole call fail: then each on its own.
  if (!(await aptGet(...options, ...names)) && names.length > 1)
    for (const name of names) await aptGet(...options, name);
}

/** Sets the system up as far as it may, and gives what is still missing as `{ name, tests }`. */
export async function setUp() {
  const before = missing();
  if (before.length === 0) {
    console.log(`All ${NEEDED.length} system packages are there.`);
    return [];
  }
  const names = before.map(({ name }) => name);
  const list = names.join(" ");
  const refusal =
    process.env.TILEWRIGHT_NO_INSTALL === "1"
      ? "TILEWRIGHT_NO_INSTALL is set"
      : process.getuid?.() !== 0
        ? "only root may install them"
        : !works(["apt-get", "--version"])
          ? "there is no apt-get"
          : undefined;
  if (refusal === undefined) {
    console.log(`Installing with apt-get: ${list}`);
    await install(names);
  } else {
    console.log(`Missing, and not installed because ${refusal}: ${list}`);
    console.log(`On Debian: apt-get install --no-install-recommends ${list}`);
  }
  const after = missing();
  for (const { name, tests } of after) console.log(`!! ${name} is missing. NOT TESTED: ${tests}`);
  if (after.length === 0) console.log("Installed.");
  return after;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await setUp();
