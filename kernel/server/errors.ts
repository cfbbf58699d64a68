import type { ContentfulStatusCode } from "hono/utils/http-status";

/** A request that is refused or fails, with what the client is told: `{message, reason}`, as Jupyter's clients expect. */
export class HttpError extends Error {
  override name = "HttpError";
  readonly status: ContentfulStatusCode;
  /** A word or two for programs, or null. */
  readonly reason: string | null;
  /** More fields of the answer's body. */
  readonly details: { [field: string]: unknown };

  constructor(
    status: ContentfulStatusCode,
    message: string,
    reason: string | null = null,
    details: { [field: string]: unknown } = {},
  ) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.details = details;
  }
}

/** The error of the file system as an answer: no permission is 403, nothing there 404, a full disk 507. */
export function fileError(error: unknown, apiPath: string): HttpError {
  if (error instanceof HttpError) return error;
  switch ((error as NodeJS.ErrnoException).code) {
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new HttpError(403, `Permission denied: ${apiPath}`);
    case "ENOENT":
    case "ENOTDIR":
    case "ELOOP":
      return new HttpError(404, `file or directory does not exist: ${apiPath}`);
    case "ENAMETOOLONG":
      return new HttpError(400, `The name is too long: ${apiPath}`);
    case "ENOSPC":
    case "EDQUOT":
      return new HttpError(507, `No space is left for ${apiPath}`);
    default:
      return new HttpError(500, `${apiPath}: ${error instanceof Error ? error.message : error}`);
  }
}
