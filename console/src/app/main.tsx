import "./tokens.css";
import { i18n } from "@lingui/core";
import { I18nProvider } from "@lingui/react";
import { CSPProvider } from "@base-ui/react/csp-provider";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "../api/client";
import { Toasts } from "../ui/Toast";
import { activate } from "./i18n";

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // The event stream says when data is stale. An offline hub is tried again by the stream.
      retry: (count, error) => count < 2 && error instanceof ApiError && (error.isOffline || error.status === 503),
      refetchOnWindowFocus: false,
      staleTime: 5_000,
    },
    mutations: { retry: false },
  },
});

// The hub serves the console of the federation, an agent that of its party.
const isParty = document.querySelector<HTMLMetaElement>('meta[name="flow-console"]')?.content === "party";
const view = isParty ? import("../pages/party/Party") : import("./Hub");
const [{ default: View }] = await Promise.all([view, activate()]);

createRoot(document.getElementById("app") as HTMLElement).render(
  <StrictMode>
    <CSPProvider disableStyleElements>
      <I18nProvider i18n={i18n}>
        <QueryClientProvider client={client}>
          <View />
          <Toasts />
        </QueryClientProvider>
      </I18nProvider>
    </CSPProvider>
  </StrictMode>,
);
