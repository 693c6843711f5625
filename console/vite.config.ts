import { transformAsync } from "@babel/core";
import { lingui } from "@lingui/vite-plugin";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Replaces the macros of Lingui (`<Trans>`, `t`) by calls with message ids. */
function macros(): Plugin {
  return {
    name: "lingui-macros",
    enforce: "pre",
    async transform(code, id) {
      if (!/\/src\/.*\.tsx?$/.test(id) || !code.includes("@lingui/")) return null;
      const result = await transformAsync(code, {
        filename: id,
        babelrc: false,
        configFile: false,
        sourceMaps: true,
        parserOpts: { plugins: ["typescript", "jsx"] },
        plugins: ["@lingui/babel-plugin-lingui-macro"],
      });
      return result?.code ? { code: result.code, map: result.map ?? null } : null;
    },
  };
}

// FLOW_SERVER: the hub that `npm run dev` forwards requests to.
const hub = process.env.FLOW_SERVER ?? "http://127.0.0.1:1235";
// FLOW_AGENT: the listener of an agent; `npm run dev` then serves its party view at /console/.
const agent = process.env.FLOW_AGENT;

/** Makes the page of the hub that of an agent, as the agent does when it serves the page. */
function partyView(): Plugin {
  return {
    name: "party-view",
    apply: "serve",
    transformIndexHtml: (html) => html.replace('<base href="/">', '<base href="/console/">').replace('name="flow-console" content="hub"', 'name="flow-console" content="party"'),
  };
}

export default defineConfig({
  base: agent === undefined ? "./" : "/console/",
  plugins: [macros(), react(), lingui(), agent === undefined ? [] : partyView()],
  build: {
    target: "es2022",
    // The content security policy forbids data: URIs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: agent === undefined ? Object.fromEntries(["/api", "/docs", "/openapi.json", "/guides"].map((path) => [path, hub])) : { "/api": agent, "/console/sign-in": agent },
  },
});
