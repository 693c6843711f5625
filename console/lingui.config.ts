import { defineConfig } from "@lingui/cli";

export default defineConfig({
  sourceLocale: "en",
  locales: ["en", "zh"],
  fallbackLocales: { default: "en" },
  // scripts/texts.mjs compares with catalogues in another folder.
  catalogs: [{ path: `${process.env.CATALOGUES ?? "<rootDir>/src/locales"}/{locale}`, include: ["src"] }],
  format: "po",
  // Without positions of lines, a change of code leaves the catalogues as they are.
  formatOptions: { lineNumbers: false, origins: false },
});
