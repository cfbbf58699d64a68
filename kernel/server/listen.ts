import type { Server } from "node:http";
import type { Settings } from "./settings.ts";

/** Listens on the port, or on one of those after it; gives the one that was free. */
export async function listen(http: Server, { ip, port, portRetries }: Settings): Promise<number> {
  for (let tried = 0; ; tried++) {
    try {
      return await listenOn(http, ip, port === 0 ? 0 : port + tried);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "EADDRINUSE" && port !== 0 && tried < portRetries) continue;
      if (code === "EADDRINUSE") throw new Error(`port ${port} is taken: choose another one with --port`);
      if (code === "EACCES")
        throw new Error(`port ${port} is not for everybody: choose one above 1023 with --port`);
      if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
        throw new Error(`this machine has no address ${ip}: choose one of its own with --ip`);
      throw error;
    }
  }
}

function listenOn(http: Server, ip: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    http.once("error", reject);
    http.listen(port, ip, () => {
      http.off("error", reject);
      resolve((http.address() as { port: number }).port);
    });
  });
}
