// Light or dark: as Airflow's page shows it, else as the system prefers it, unless the reader chose one here.

const STORED = "kampungkb.theme";
export const THEMES = ["auto", "light", "dark"];

const system = window.matchMedia("(prefers-color-scheme: dark)");

/** The element of Airflow's page that carries its theme, null where the page stands alone. */
function outerRoot() {
  try {
    return window.parent === window ? null : window.parent.document.documentElement;
  } catch {
    return null;
  }
}

function surrounding() {
  const outer = outerRoot();
  if (outer?.classList.contains("dark")) return "dark";
  if (outer?.classList.contains("light")) return "light";
  return system.matches ? "dark" : "light";
}

export function theme() {
  const stored = localStorage.getItem(STORED);
  return THEMES.includes(stored) ? stored : "auto";
}

function apply() {
  document.documentElement.dataset.theme = theme() === "auto" ? surrounding() : theme();
}

export function chooseTheme(next) {
  localStorage.setItem(STORED, next);
  apply();
}

/** Applies the theme and follows changes around the page. */
export function followTheme() {
  apply();
  system.addEventListener("change", apply);
  const outer = outerRoot();
  if (outer) new MutationObserver(apply).observe(outer, { attributes: true, attributeFilter: ["class"] });
}
