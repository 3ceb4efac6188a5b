// The frame of the page: who reads, which view the address names, language and theme.

import { Refused, get, openInAirflow } from "./api.js";
import { h } from "./dom.js";
import { choice, field } from "./parts.js";
import { THEMES, chooseTheme, followTheme, theme } from "./theme.js";
import { T, chooseLanguage, language, t, useWords } from "./words.js";
import { overview } from "./views/overview.js";
import { village, villages } from "./views/villages.js";
import { quality } from "./views/quality.js";
import { quarantine } from "./views/quarantine.js";
import { review } from "./views/review.js";
import { actions } from "./views/actions.js";
import { sources } from "./views/sources.js";

const VIEWS = { overview, villages, quality, quarantine, sources, actions, review };
const main = document.getElementById("main");
let reader = { views: [] };
let leaving;

/** `#/view/part?query` as {view, part, query}. */
function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, part] = path.split("/");
  return {
    view: reader.views.includes(view) && VIEWS[view] ? view : reader.views[0],
    part: part ? decodeURIComponent(part) : null,
    query: Object.fromEntries(new URLSearchParams(query)),
  };
}

/** Writes the state of a view into the address, without showing the view anew. */
function remember(view, query) {
  const filled = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  history.replaceState(null, "", `#/${view}?${new URLSearchParams(filled)}`);
  tellAddress();
}

/** Which address is shown or being loaded: the browser tells of a new one later than it has it. */
function tellAddress() {
  main.dataset.address = location.hash.split("?")[0];
}

async function show(focus = true) {
  const { view, part, query } = route();
  if (!view) return;
  leaving?.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  navigation(view);
  tellAddress();
  main.setAttribute("aria-busy", "true");
  document.getElementById("status").textContent = T("ui_loading");
  const context = { query, signal, reader, remember: (state) => remember(view, state) };
  try {
    const shown = view === "villages" && part ? await village(part, context) : await VIEWS[view](context);
    if (signal.aborted) return;
    main.replaceChildren(shown);
    document.title = `${shown.querySelector("h1").textContent} · Kampung KB`;
    document.getElementById("status").textContent = document.title;
  } catch (fault) {
    if (signal.aborted) return;
    main.replaceChildren(trouble(fault));
  }
  main.setAttribute("aria-busy", "false");
  if (focus) {
    main.querySelector("h1")?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
}

function trouble(fault) {
  const known = fault instanceof Refused;
  const title = { 401: "ui_error_session", 403: "ui_error_refused", 404: "ui_error_missing" }[fault.status] ?? "ui_error";
  return h(
    "div",
    { class: "view" },
    h("h1", { tabindex: "-1" }, T(title)),
    h("p", { class: "error", role: "alert" }, fault.status === 401 ? T("ui_error_session_hint") : known ? fault.message : T("ui_error_connection")),
    h(
      "p",
      {},
      fault.status === 401
        ? h("button", { type: "button", onclick: () => openInAirflow("./") }, T("ui_log_in"))
        : h("button", { type: "button", onclick: () => start() }, T("ui_try_again")),
    ),
  );
}

function navigation(current) {
  const nav = document.getElementById("nav");
  nav.setAttribute("aria-label", T("ui_views"));
  nav.replaceChildren(
    ...reader.views
      .filter((view) => VIEWS[view])
      .map((view) => h("a", { href: `#/${view}`, "aria-current": view === current ? "page" : null }, T(`ui_view_${view}`))),
  );
}

function tools() {
  const restart = () => {
    document.documentElement.lang = language();
    document.getElementById("skip").textContent = T("ui_skip");
    tools();
    show(false);
  };
  document.getElementById("tools").replaceChildren(
    field(
      T("ui_language"),
      choice(language(), [["id", "Indonesia"], ["en", "English"]], (next) => {
        chooseLanguage(next);
        restart();
      }, { id: "language" }),
    ),
    field(T("ui_theme"), choice(theme(), THEMES.map((name) => [name, T(`ui_theme_${name}`)]), chooseTheme, { id: "theme" })),
    h("span", { class: "who", title: t(`ui_role_${reader.role}`) }, reader.name, reader.region ? ` · ${reader.region}` : ""),
  );
}

async function start() {
  try {
    const [loaded, who] = await Promise.all([get("words"), get("me")]);
    useWords(loaded);
    reader = who;
  } catch (fault) {
    main.replaceChildren(trouble(fault));
    main.setAttribute("aria-busy", "false");
    return;
  }
  document.documentElement.lang = language();
  const skip = document.getElementById("skip");
  skip.textContent = T("ui_skip");
  skip.addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  tools();
  await show(false);
  window.addEventListener("hashchange", () => show());
}

followTheme();
start();
