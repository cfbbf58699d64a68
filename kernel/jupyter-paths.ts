// Where Jupyter keeps things, by the rules of `jupyter --paths`.
import os from "node:os";
import path from "node:path";

/** The user's data folder: kernel specifications, runtime files. */
export function userDataFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.JUPYTER_DATA_DIR) return env.JUPYTER_DATA_DIR;
  const home = env.HOME ?? os.homedir();
  if (process.platform === "darwin") return path.join(home, "Library", "Jupyter");
  if (process.platform === "win32") return path.join(env.APPDATA ?? home, "jupyter");
  return path.join(env.XDG_DATA_HOME ?? path.join(home, ".local", "share"), "jupyter");
}

/** The data folder of the active Python environment, or of the whole machine. */
export function systemDataFolder(env: NodeJS.ProcessEnv = process.env): string {
  const found = env.VIRTUAL_ENV ?? env.CONDA_PREFIX;
  if (found) return path.join(found, "share", "jupyter");
  return process.platform === "win32"
    ? path.join(env.ProgramData ?? "C:\\ProgramData", "jupyter")
    : "/usr/local/share/jupyter";
}

/** All data folders, the most important first. */
export function dataFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const given = (env.JUPYTER_PATH ?? "").split(path.delimiter).filter(Boolean);
  const shared = process.platform === "win32" ? [] : ["/usr/local/share/jupyter", "/usr/share/jupyter"];
  return [...new Set([...given, userDataFolder(env), systemDataFolder(env), ...shared])];
}

/** Where running servers and kernels leave word of themselves. */
export function runtimeFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.JUPYTER_RUNTIME_DIR || path.join(userDataFolder(env), "runtime");
}

/** The user's configuration folder. */
export function configFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env.JUPYTER_CONFIG_DIR || path.join(env.HOME ?? os.homedir(), ".jupyter");
}
