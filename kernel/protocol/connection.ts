import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { readBytes } from "../failure.ts";
import { type ConnectionInfo, isObject } from "./messages.ts";

/** Reads a connection file. Throws an error that names the file and the field at fault. */
export function readConnectionFile(file: string): ConnectionInfo {
  const value = parsed(file);
  if (!isObject(value)) throw new Error(`${file}: not a JSON object`);
  for (const port of ["shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"]) {
    if (typeof value[port] !== "number") throw new Error(`${file}: "${port}" is not a number`);
  }
  const transport = value.transport ?? "tcp";
  if (transport !== "tcp" && transport !== "ipc")
    throw new Error(`${file}: unknown transport "${transport}"`);
  const scheme = value.signature_scheme ?? "hmac-sha256";
  if (typeof scheme !== "string" || !scheme.startsWith("hmac-")) {
    throw new Error(`${file}: unknown signature scheme "${scheme}"`);
  }
  return {
    ...(value as unknown as ConnectionInfo),
    transport,
    ip: typeof value.ip === "string" ? value.ip : "127.0.0.1",
    key: typeof value.key === "string" ? value.key : "",
    signature_scheme: scheme,
  };
}

function parsed(file: string): unknown {
  const text = readBytes(file).toString("utf8");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file}: no connection file, since it is no JSON (${(error as Error).message})`);
  }
}

/** The ZeroMQ address of a port of the connection. */
export function address(info: ConnectionInfo, port: number): string {
  return info.transport === "ipc" ? `ipc://${info.ip}-${port}` : `tcp://${info.ip}:${port}`;
}

/** Ports that were given out lately: their kernels may not have bound them yet. */
const given: number[] = [];
const remembered = 500;

/** A connection with five free loopback ports and a fresh key, for a kernel that we start ourselves. */
export async function newConnection(): Promise<ConnectionInfo> {
  // All are held open together so that the system cannot hand out one twice.
  const servers: ReturnType<typeof createServer>[] = [];
  const ports: number[] = [];
  while (ports.length < 5) {
    const server = await listen();
    servers.push(server);
    const { port } = server.address() as { port: number };
    if (!given.includes(port)) ports.push(port);
  }
  given.push(...ports);
  given.splice(0, Math.max(0, given.length - remembered));
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return {
    transport: "tcp",
    ip: "127.0.0.1",
    shell_port: ports[0]!,
    iopub_port: ports[1]!,
    stdin_port: ports[2]!,
    control_port: ports[3]!,
    hb_port: ports[4]!,
    key: randomBytes(16).toString("hex"),
    signature_scheme: "hmac-sha256",
  };
}

function listen(): Promise<ReturnType<typeof createServer>> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}
