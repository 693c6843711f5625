import { i18n, type Messages } from "@lingui/core";

export const LANGUAGES = { en: "English", zh: "中文" } as const;
export type Language = keyof typeof LANGUAGES;

const catalogues: Record<Language, () => Promise<{ messages: Messages }>> = {
  en: () => import("../locales/en.po"),
  zh: () => import("../locales/zh.po"),
};

function preferred(): Language {
  const stored = read();
  if (stored !== undefined) return stored;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

function read(): Language | undefined {
  try {
    const value = localStorage.getItem("flow.language");
    return value !== null && value in LANGUAGES ? (value as Language) : undefined;
  } catch {
    return undefined;
  }
}

/** Loads a catalogue and shows it; without an argument that of the user or the browser. */
export async function activate(language: Language = preferred()): Promise<void> {
  const { messages } = await catalogues[language]();
  i18n.loadAndActivate({ locale: language, messages });
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

/** Stores the choice of the user and shows it. */
export async function choose(language: Language): Promise<void> {
  try {
    localStorage.setItem("flow.language", language);
  } catch {
    // Storage is disabled: the choice ends with the page.
  }
  await activate(language);
}
