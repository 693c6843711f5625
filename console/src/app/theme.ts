export type Theme = "system" | "light" | "dark";

export function theme(): Theme {
  const value = document.documentElement.dataset.theme;
  return value === "light" || value === "dark" ? value : "system";
}

export function setTheme(next: Theme): void {
  if (next === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = next;
  try {
    if (next === "system") localStorage.removeItem("flow.theme");
    else localStorage.setItem("flow.theme", next);
  } catch {
    // Storage is disabled: the choice ends with the page.
  }
}
