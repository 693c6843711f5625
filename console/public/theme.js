// Runs before the first paint: a stored choice of theme must not flash the other one.
(() => {
  const root = document.documentElement;
  try {
    const theme = localStorage.getItem("flow.theme");
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    const language = localStorage.getItem("flow.language");
    if (language) root.lang = language;
  } catch {
    // Storage is disabled: the theme of the system applies.
  }
})();
