import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Problem = Schemas["Problem"];

/** Address of a path of the hub, below the prefix under which a proxy may serve it. */
export function urlOf(path: string): string {
  return new URL(path.replace(/^\//, ""), document.baseURI).toString();
}

/** A request that failed: the problem of the hub, or a response or connection without one. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly requestId: string | undefined;
  readonly fields: { pointer: string; message: string }[];
  /** Time of the browser before which the hub refuses a repetition (`Retry-After`), in milliseconds. */
  readonly retryAt: number | undefined;

  constructor(status: number, code: string, message: string, requestId?: string, fields: { pointer: string; message: string }[] = [], retryAt?: number) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.fields = fields;
    this.retryAt = retryAt;
  }

  /** The hub did not answer at all. */
  get isOffline(): boolean {
    return this.status === 0;
  }
}

/** Reads the problem of a failed response. A proxy may answer with something else. */
export async function errorOf(response: Response): Promise<ApiError> {
  const id = response.headers.get("x-request-id") ?? undefined;
  const wait = Number.parseInt(response.headers.get("retry-after") ?? "", 10);
  const retryAt = Number.isNaN(wait) ? undefined : Date.now() + wait * 1000;
  const body: unknown = await response.json().catch(() => undefined);
  if (body && typeof body === "object" && "detail" in body && "code" in body) {
    const problem = body as Problem;
    const fields = (problem.fields ?? []).map((field) => ({ pointer: field.pointer, message: field.message }));
    return new ApiError(response.status, problem.code, problem.detail, problem.request_id ?? id, fields, retryAt);
  }
  return new ApiError(response.status, "unknown", `${response.status} ${response.statusText}`.trim(), id, [], retryAt);
}

/** The mistakes in one field of a form, to show beside it. */
export function fieldError(error: unknown, pointer: string): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  return error.fields.filter((field) => field.pointer === pointer).map((field) => field.message).join(" ") || undefined;
}

let project: string | undefined;
const signedOut = new Set<() => void>();

/** Sets the project that each later request names. */
export function setProject(name: string | undefined): void {
  project = name;
}

/** Calls `listener` when the hub refuses a request because the session has ended. */
export function onSignedOut(listener: () => void): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

const client = createClient<paths>({
  baseUrl: new URL(".", document.baseURI).toString().replace(/\/$/, ""),
  credentials: "same-origin",
  fetch: async (request) => {
    let target = request;
    if (project !== undefined) {
      const url = new URL(request.url);
      if (!url.searchParams.has("project")) {
        url.searchParams.set("project", project);
        target = new Request(url, request);
      }
    }
    try {
      return await fetch(target);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(0, "offline", "The hub does not answer.");
    }
  },
});

client.use({
  async onResponse({ response, request }) {
    if (response.ok) return undefined;
    // A wrong password is an error of the form, not the end of the session.
    const { pathname } = new URL(request.url);
    const isSignIn = (request.method === "POST" && /\/api\/v2\/(sessions|setup)$/.test(pathname)) || (request.method === "PUT" && /\/api\/v2\/users\/[^/]+\/password$/.test(pathname));
    if (response.status === 401 && !isSignIn) for (const listener of signedOut) listener();
    throw await errorOf(response);
  },
});

/** The typed client of the hub. Requests that fail throw an `ApiError`. */
export const api = client;

/** Waits for a response and returns its body. */
export async function bodyOf<R extends { data?: unknown }>(request: Promise<R>): Promise<NonNullable<R["data"]>> {
  return (await request).data as NonNullable<R["data"]>;
}

/** A key with which the hub recognises the repetition of a request. */
export function idempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
