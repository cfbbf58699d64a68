// Runs the same calls of JupyterLab's client against our server and Debian's jupyter_server, and compares what came of them.
import assert from "node:assert/strict";
import { ServerConnection } from "@jupyterlab/services";
import { requireSystem } from "./system.ts";
import { type RunningServer, startJupyterServer, startWorkbench } from "./workbench.ts";

/** Both servers, from `before` to `after` of the suite this is called in. */
export function bothServers() {
  const servers: RunningServer[] = [];
  before(async function () {
    this.timeout(60_000);
    requireSystem(this, "jupyter-server");
    servers.push(...(await Promise.all([startWorkbench(), startJupyterServer()])));
  });
  after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
  });

  /** Runs a scenario with each server; both have to give the same plain data, which is given back. */
  return async function same<T>(scenario: (server: RunningServer) => Promise<T>): Promise<T> {
    const [ours, theirs] = await Promise.all(servers.map(scenario));
    assert.deepEqual(ours, theirs, "ours, then jupyter_server's");
    return ours!;
  };
}

/** What became of a call: its value, or the status of its failure. */
export async function outcome<T>(call: Promise<T>): Promise<T | { status: number }> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof ServerConnection.ResponseError) return { status: error.response.status };
    throw error;
  }
}
