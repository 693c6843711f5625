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

export default defineConfig({
  base: "./",
  plugins: [macros(), react(), lingui()],
  build: {
    target: "es2022",
    // The content security policy forbids data: URIs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: { proxy: Object.fromEntries(["/api", "/docs", "/openapi.json", "/guides"].map((path) => [path, hub])) },
});
