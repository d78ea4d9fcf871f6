// Light, dark, or as the system has it. A classic script: it runs before the page is drawn, so that none flashes in the
// other theme. The colours themselves are in base.css.

(() => {
  const KEY = "chestlens-theme";
  const THEMES = ["light", "dark"];

  function remembered() {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // Storage is blocked: the choice holds for this page.
    }
  }

  function remember(theme) {
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // See above.
    }
  }

  /** Anything but "light" and "dark" means the system's. */
  function apply(theme) {
    const isChosen = THEMES.includes(theme);
    if (isChosen) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    document.querySelector("meta[name=color-scheme]").content = isChosen ? theme : THEMES.join(" ");
    for (const meta of document.querySelectorAll("meta[name=theme-color]")) {
      const system = `(prefers-color-scheme: ${meta.dataset.theme})`;
      const chosen = meta.dataset.theme === theme ? "all" : "not all";
      meta.media = isChosen ? chosen : system;
    }
    const select = document.getElementById("theme");
    if (select) select.value = isChosen ? theme : "system";
  }

  apply(remembered());
  document.addEventListener("DOMContentLoaded", () => {
    apply(remembered());
    document.getElementById("theme").addEventListener("change", (event) => {
      remember(event.target.value);
      apply(event.target.value);
    });
  });
  // Another tab changed it.
  addEventListener("storage", (event) => {
    if (event.key === KEY) apply(event.newValue);
  });
})();
