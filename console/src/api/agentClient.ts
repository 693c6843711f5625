// The typed client of an agent, for its party view. It has no projects and no accounts.
import { t } from "@lingui/core/macro";
import createClient from "openapi-fetch";
import type { components, paths } from "./agentSchema";
import { ApiError, errorOf } from "./client";

export type AgentSchemas = components["schemas"];

/** Address of a path of the agent. Its API is beside the console: `/api/v2` and `/console`. */
export function agentUrl(path: string): string {
  return new URL(path.replace(/^\//, ""), new URL("..", document.baseURI)).toString();
}

const signedOut = new Set<() => void>();

/** Calls `listener` when the agent refuses a request because the session has ended. */
export function onSessionEnd(listener: () => void): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

/** Reports that the agent has refused a request with status 401. */
export function reportSessionEnd(): void {
  for (const listener of signedOut) listener();
}

/** The typed client of the agent. Requests that fail throw an `ApiError`. */
export const agent = createClient<paths>({
  baseUrl: agentUrl("").replace(/\/$/, ""),
  credentials: "same-origin",
  fetch: async (request) => {
    try {
      return await fetch(request);
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(0, "agent_offline", t`The agent does not answer. Check that it runs; the page goes on by itself when the agent is back.`);
    }
  },
});

agent.use({
  async onResponse({ response }) {
    if (response.ok) return undefined;
    if (response.status === 401) reportSessionEnd();
    throw await errorOf(response);
  },
});
