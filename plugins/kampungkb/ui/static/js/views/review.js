// Match review: two records side by side, differences marked, the weights as a waterfall; decide, undo, next.

import { get, post } from "../api.js";
import { h } from "../dom.js";
import { SOURCES, card, choice, field, page } from "../parts.js";
import { serverList, table } from "../table.js";
import { T, date, instant, language, chance, number, signed, t } from "../words.js";
import { state } from "./villages.js";

const START = { page: 1, size: 10, sort: "match_weight", descending: true, state: "open", source: "", pair: "" };
const FACTS = ["source", "key", "name", "nik", "birth_date", "sex", "village", "family_code", "family_card", "mother_name"];
const UNMARKED = new Set(["source", "key"]);
const VERDICTS = { s: "same", d: "different", u: "unsure" };

let lastReason = "";

export async function review({ query, signal, remember }) {
  const current = state(START, query);
  const place = h("div", { id: "pair" });
  const said = h("p", { class: "said", role: "status" });
  let queue = [];
  let shown = null;

  const list = serverList({
    caption: T("ui_review_caption"),
    query: current,
    change: (next) => {
      Object.assign(current, next);
      remember(current);
    },
    load: async (next, own) => {
      const { pair, ...asked } = next;
      const found = await get("review", asked, AbortSignal.any([own, signal]));
      queue = found.rows.map((row) => row.review_key);
      return found;
    },
    key: (row) => row.review_key,
    empty: T("review_none"),
    columns: [
      { label: T("review_pair"), header: true, cell: (row) => h("button", { class: "link", type: "button", onclick: () => open(row.review_key) }, row.review_key.slice(0, 8)) },
      { label: T("review_first"), sort: "left_name", cell: (row) => who(row, "left") },
      { label: T("review_second"), sort: "right_name", cell: (row) => who(row, "right") },
      { label: T("review_probability"), sort: "probability", number: true, cell: (row) => chance(row.probability) },
      { label: T("review_weight"), sort: "match_weight", number: true, cell: (row) => number(row.match_weight, 1) },
      { label: T("review_state"), sort: "state", cell: (row) => stateText(row) },
      { label: T("ui_first_seen"), sort: "first_seen", cell: (row) => date(row.first_seen), class: () => "day" },
    ],
  });

  async function open(key) {
    try {
      shown = await get(`review/${encodeURIComponent(key)}`, {}, signal);
    } catch (fault) {
      if (signal.aborted) return;
      place.replaceChildren(h("p", { class: "error", role: "alert" }, fault.message));
      return;
    }
    current.pair = key;
    remember(current);
    place.replaceChildren(pairCard(shown, act));
    place.querySelector("h2").focus({ preventScroll: true });
    place.scrollIntoView({ block: "nearest" });
  }

  function step(by) {
    const next = queue[queue.indexOf(current.pair) + by];
    if (next) return open(next);
    said.textContent = T("ui_review_end");
  }

  async function act(verdict) {
    const reason = place.querySelector("#reason");
    if (!reason.value.trim()) {
      reason.focus();
      said.textContent = T("ui_review_reason_needed");
      return;
    }
    lastReason = reason.value.trim();
    const following = queue[queue.indexOf(current.pair) + 1];
    const path = `review/${encodeURIComponent(current.pair)}`;
    try {
      const { decision_id } = await (verdict === "undone"
        ? post(`${path}/undo`, { reason: lastReason })
        : post(`${path}/decision`, { decision: verdict, reason: lastReason }));
      said.textContent = verdict === "undone" ? T("review_undone") : T("review_decided", { number: decision_id });
    } catch (fault) {
      said.textContent = fault.message;
      return;
    }
    const decided = current.pair;
    await list.update({});
    await open(verdict === "undone" || !following ? decided : following);
  }

  function onkey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea")) return;
    const key = event.key.toLowerCase();
    if (key === "n") step(1);
    else if (key === "p") step(-1);
    else if (shown && VERDICTS[key]) act(VERDICTS[key]);
    else if (shown?.decision && key === "z") act("undone");
    else return;
    event.preventDefault();
  }
  document.addEventListener("keydown", onkey, { signal });

  if (current.pair) await open(current.pair);
  else place.append(h("p", { class: "empty" }, T("ui_review_choose")));
  return page(
    T("ui_view_review"),
    T("ui_review_lead"),
    h(
      "div",
      { class: "filters" },
      field(T("review_state"), choice(current.state, [["open", T("review_state_open")], ["decided", T("review_state_decided")], ["settled", T("review_state_settled")], ["", T("ui_all")]], (next) => list.update({ state: next, page: 1 }), { id: "review-state" })),
      field(T("source"), choice(current.source, [["", T("ui_all")], ...SOURCES.map((id) => [id, T(`source_${id}`)])], (source) => list.update({ source, page: 1 }), { id: "review-source" })),
      h("span", { class: "muted" }, T("ui_review_keys")),
    ),
    said,
    place,
    h("div", { class: "card" }, list.element),
  );
}

function who(row, side) {
  return [h("span", { class: "file" }, row[`${side}_name`] ?? "–"), h("span", { class: "muted" }, ` ${t(`source_${row[`${side}_source`]}`)}, ${row[`${side}_village`] ?? "–"}`)];
}

function stateText(row) {
  if (row.decision) return `${T(`review_state_${row.state}`)}: ${t(`review_verdict_${row.decision}`)}`;
  return row.doubt ? `${T(`review_state_${row.state}`)}: ${t(`review_doubt_${row.doubt}`)}` : T(`review_state_${row.state}`);
}

function pairCard(row, act) {
  return card(
    null,
    h("h2", { tabindex: "-1" }, `${T("review_pair")} ${row.review_key.slice(0, 8)} · ${stateText(row)} · ${chance(row.probability)}`),
    h("p", { class: "muted" }, T(row.linked ? "review_linked" : "review_not_linked")),
    h("div", { class: "grid wide" }, sideBySide(row), waterfall(row)),
    row.decision ? h("p", { class: "note" }, t("ui_review_said", { by: row.decided_by, at: instant(row.decided_at), reason: row.reason })) : null,
    h(
      "div",
      { class: "filters decide" },
      field(T("ui_review_reason"), h("input", { id: "reason", type: "text", maxlength: 500, value: lastReason, autocomplete: "off" })),
      Object.entries(VERDICTS).map(([key, verdict]) =>
        h("button", { type: "button", class: verdict === "unsure" ? null : "primary", id: `decide-${verdict}`, "aria-keyshortcuts": key, onclick: () => act(verdict) }, `${T(`review_verdict_${verdict}`)} (${key.toUpperCase()})`),
      ),
      row.decision ? h("button", { type: "button", id: "undo", "aria-keyshortcuts": "z", onclick: () => act("undone") }, `${T("ui_review_undo")} (Z)`) : null,
    ),
  );
}

function shownFact(fact, value) {
  if (value === null || value === undefined) return "–";
  if (fact === "source") return T(`source_${value}`);
  if (fact === "sex") return T(`review_sex_${value}`);
  return fact === "birth_date" ? date(value) : String(value);
}

function alike(left, right) {
  const plain = (value) => String(value).toLocaleLowerCase().split(/\s+/).join(" ").trim();
  return plain(left) === plain(right);
}

function mark(fact, left, right) {
  if (UNMARKED.has(fact) || left === null || right === null) return null;
  return alike(left, right) ? "same" : "different";
}

function sideBySide(row) {
  return table({
    caption: T("ui_review_facts"),
    rows: FACTS.map((fact) => {
      const [left, right] = [row[`left_${fact}`] ?? null, row[`right_${fact}`] ?? null];
      return { fact, left, right, mark: mark(fact, left, right) };
    }),
    columns: [
      { label: T("review_fact"), header: true, cell: (fact) => T(fact.fact === "village" ? "review_fact_village_code" : `review_fact_${fact.fact}`) },
      { label: T("review_first"), class: (fact) => fact.mark, cell: (fact) => shownFact(fact.fact, fact.left) },
      { label: T("review_second"), class: (fact) => fact.mark, cell: (fact) => shownFact(fact.fact, fact.right) },
      { label: T("ui_review_compared"), class: (fact) => fact.mark, cell: (fact) => (fact.mark ? T(`ui_review_${fact.mark}`) : "") },
    ],
  });
}

/** The steps from the weight before anything was compared to the weight of the pair. */
export function steps(row) {
  const compared = row.comparison ?? [];
  if (!compared.length || row.match_weight === null) return [];
  const told = (text) => text?.[language()] ?? text?.id ?? null;
  let position = row.match_weight - compared.reduce((sum, one) => sum + one.weight, 0);
  const found = [{ title: T("review_prior"), level: "", weight: position, from: 0, to: position }];
  for (const one of compared) {
    found.push({ title: told(one.title) ?? one.comparison, level: told(one.label) ?? String(one.level), weight: one.weight, from: position, to: position + one.weight });
    position += one.weight;
  }
  return found;
}

function waterfall(row) {
  const found = steps(row);
  if (!found.length) return h("p", { class: "empty" }, T("ui_review_not_compared"));
  const low = Math.min(0, ...found.map((one) => Math.min(one.from, one.to)));
  const span = Math.max(0, ...found.map((one) => Math.max(one.from, one.to))) - low || 1;
  const across = (value) => ((value - low) / span) * 100;
  return h(
    "div",
    {},
    table({
      caption: t("review_explained"),
      rows: found,
      columns: [
        { label: T("review_comparison"), header: true, cell: (one) => one.title },
        { label: T("review_level"), cell: (one) => one.level },
        { label: T("review_weight"), number: true, cell: (one) => signed(one.weight, 1) },
        {
          label: T("ui_review_bar"),
          cell: (one) =>
            h(
              "span",
              { class: "fall", "aria-hidden": "true" },
              h("span", {
                class: one.weight >= 0 ? "for" : "against",
                style: { "margin-left": `${across(Math.min(one.from, one.to))}%`, width: `${Math.max((Math.abs(one.weight) / span) * 100, 0.8)}%` },
              }),
            ),
        },
      ],
    }),
    h("p", {}, h("strong", {}, `${T("review_total")}: ${number(row.match_weight, 1)} → ${chance(row.probability)}`)),
  );
}
