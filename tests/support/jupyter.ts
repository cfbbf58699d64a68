import path from "node:path";

/** An environment in which Jupyter's tools keep everything that they write below `folder`. */
export function jupyterEnvironment(folder: string): NodeJS.ProcessEnv {
  const inside = (name: string) => path.join(folder, ".jupyter-test", name);
  return {
    ...process.env,
    HOME: folder,
    JUPYTER_DATA_DIR: inside("data"),
    JUPYTER_CONFIG_DIR: inside("config"),
    JUPYTER_RUNTIME_DIR: inside("runtime"),
    IPYTHONDIR: inside("ipython"),
  };
}
