import { randomBytes } from "node:crypto";

/** How a server is set up. */
export interface Settings {
  /** The folder that is served, absolute, links resolved. */
  root: string;
  /** The address to listen on; a loopback address unless others are to come in. */
  ip: string;
  /** The port; 0 takes a free one. */
  port: number;
  /** How many ports after `port` to try when it is taken. */
  portRetries: number;
  /** What a client has to know. Never empty. */
  token: string;
  /** What all paths begin with: "/" or "/some/prefix/". */
  base: string;
  /** Names under which the server may be addressed besides loopback ones and IP addresses; "*" allows all. */
  allowHosts: readonly string[];
  /** Origins of pages elsewhere that may use the server ("https://example.org"). */
  allowOrigins: readonly string[];
  /** Whether files and folders whose names begin with a dot are served. */
  allowHidden: boolean;
  /** Largest body of a request, in bytes. */
  maxBody: number;
  /** Kernels idle for so long that nobody is connected to are shut down, in seconds; 0 never. */
  cullIdle: number;
  /** Whether idle kernels are culled although a client is connected. */
  cullConnected: boolean;
  /** How long the work on a model that is tried may take, in seconds. */
  trySeconds: number;
  /** The page's files. */
  page: string;
}

/** A token nobody guesses: 192 random bits. */
export function newToken(): string {
  return randomBytes(24).toString("hex");
}

/** "/", or the prefix with one slash before and behind it. */
export function basePath(prefix: string): string {
  const inner = prefix.replace(/^\/+|\/+$/g, "");
  return inner === "" ? "/" : `/${inner}/`;
}

/** Whether an address is only reachable from this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}
