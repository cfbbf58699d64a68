/** Opening a file of records; pages have no files. */
import type { Database } from "./database.ts";

/** The database in a file, which need not be there yet. Needs Node. */
export async function openDatabase(
  path: string,
): Promise<Database & { readonly skipped: readonly string[] }> {
  const { FileDatabase } = await import("./file.node.ts");
  return new FileDatabase(path);
}
