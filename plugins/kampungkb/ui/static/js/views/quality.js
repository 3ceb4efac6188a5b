// Data quality: scores and their trend, what changed, a heat map of the villages, and the rules that are broken most.

import { get } from "../api.js";
import { lineChart } from "../charts.js";
import { debounced, h } from "../dom.js";
import { QUALITY, SOURCES, card, changeText, choice, field, freshnessTable, newest, page } from "../parts.js";
import { serverList, table } from "../table.js";
import { T, date, number, percent, rule, t } from "../words.js";
import { state } from "./villages.js";

const VILLAGES = { page: 1, size: 25, sort: "overall", descending: false, source: "family_survey", search: "" };
const RULES = { page: 1, size: 15, sort: "failed", descending: true, source: "", village: "" };
const HEAT = [99.5, 98, 95, 90];

/** The step of the heat scale, 1 (best) to 5. */
export function heat(score) {
  const step = HEAT.findIndex((least) => score >= least);
  return step === -1 ? HEAT.length + 1 : step + 1;
}

export async function quality({ query, signal, remember }) {
  const current = { rules: state(RULES, query), villages: state(VILLAGES, { source: query.of ?? "family_survey", search: query.search ?? "" }) };
  const rememberAll = () =>
    remember({ source: current.rules.source, village: current.rules.village, of: current.villages.source, search: current.villages.search });
  const scoring = get("quality", {}, signal);
  const rules = ruleList(current, signal, rememberAll);
  const found = await scoring;
  const last = newest(found.scores);
  if (!last.length) return page(T("ui_view_quality"), null, h("p", { class: "empty" }, T("ui_empty_warehouse")));
  const sources = SOURCES.filter((id) => last.some((row) => row.source === id));
  return page(
    T("ui_view_quality"),
    [
      t("ui_state_as_of", { as_of: date(last[0].as_of, "long") }),
      found.data_docs ? [" · ", h("a", { href: `data-docs/${found.data_docs}` }, T("ui_data_docs"))] : null,
    ],
    h("div", { class: "grid tiles" }, sources.map((id) => tile(id, found.scores))),
    h(
      "div",
      { class: "grid wide" },
      card(
        null,
        lineChart({
          title: T("ui_quality_trend"),
          decimals: 2,
          series: sources.map((id) => ({
            label: t(`source_${id}`),
            points: found.scores
              .filter((row) => row.source === id && row.dimension === "overall")
              .map((row) => ({ date: row.as_of, value: row.score })),
          })),
        }),
      ),
      h("div", { class: "column" }, card(T("ui_changes"), changes(found.changes)), card(T("ui_freshness"), freshnessTable(found.freshness))),
    ),
    heatMap(current, sources, signal, rememberAll),
    rules,
  );
}

function tile(source, scores) {
  const own = scores.filter((row) => row.source === source);
  const dates = [...new Set(own.map((row) => row.as_of))].sort();
  const at = (as_of, dimension) => own.find((row) => row.as_of === as_of && row.dimension === dimension)?.score ?? null;
  const [before, last] = [dates.at(-2), dates.at(-1)];
  const score = at(last, "overall");
  const earlier = before ? at(before, "overall") : null;
  return card(
    T(`source_${source}`),
    h("p", { class: "headline" }, h("strong", { "data-figure": `quality-${source}` }, number(score, 2)), " ", earlier === null ? null : changeText(score - earlier)),
    h(
      "dl",
      { class: "inline" },
      QUALITY.filter((dimension) => at(last, dimension) !== null).map((dimension) => [
        h("dt", {}, T(`ui_${dimension}`)),
        h("dd", { class: `heat heat-${heat(at(last, dimension))}` }, number(at(last, dimension), 2)),
      ]),
    ),
  );
}

function changes(rows) {
  return table({
    caption: T("ui_changes"),
    hideCaption: true,
    rows,
    columns: [
      { label: T("source"), header: true, cell: (row) => T(`source_${row.source}`) },
      { label: T("new_problems"), number: true, cell: (row) => number(row.new_problems) },
      { label: T("still_open"), number: true, cell: (row) => number(row.still_open) },
      { label: T("resolved"), number: true, cell: (row) => number(row.resolved) },
      { label: T("ui_oldest"), number: true, cell: (row) => (row.oldest_days === null ? "–" : t("ui_days", { days: number(row.oldest_days) })) },
      { label: T("compared_with"), class: () => "day", cell: (row) => date(row.compared_with) },
    ],
  });
}

function villageName(row) {
  return row.village_code === "unknown" ? T("ui_unknown_village") : (row.village ?? row.village_code);
}

function heatMap(current, sources, signal, remember) {
  const list = serverList({
    caption: T("ui_heat_caption"),
    query: current.villages,
    change: (next) => {
      current.villages = next;
      remember();
    },
    load: (next, own) => get("quality/villages", next, AbortSignal.any([own, signal])),
    key: (row) => row.village_code,
    columns: [
      { label: T("ui_village"), sort: "village", header: true, cell: (row) => villageName(row) },
      { label: T("ui_district"), sort: "district", cell: (row) => row.district ?? "–" },
      ...["overall", ...QUALITY].map((id) => ({
        label: T(`ui_${id}`),
        sort: id,
        number: true,
        class: (row) => (row[id] === null ? null : `heat heat-${heat(row[id])}`),
        cell: (row) => number(row[id], 2),
      })),
      { label: T("ui_failed"), sort: "failed", number: true, cell: (row) => number(row.failed) },
    ],
  });
  const bounds = [...HEAT, 0];
  return card(
    T("ui_heat"),
    h(
      "div",
      { class: "filters" },
      field(T("source"), choice(current.villages.source, sources.map((id) => [id, T(`source_${id}`)]), (source) => list.update({ source, page: 1 }), { id: "heat-source" })),
      field(
        T("ui_search"),
        h("input", { type: "search", value: current.villages.search, maxlength: 100, placeholder: T("ui_search_village"), oninput: debounced((event) => list.update({ search: event.target.value.trim(), page: 1 })) }),
      ),
      h(
        "ul",
        { class: "legend heat-legend" },
        bounds.map((least, index) => h("li", {}, h("span", { class: `swatch heat-${index + 1}`, "aria-hidden": "true" }), index === HEAT.length ? t("ui_below", { value: number(HEAT.at(-1)) }) : t("ui_from", { value: number(least, least % 1 ? 1 : 0) }))),
      ),
    ),
    list.element,
  );
}

function ruleList(current, signal, remember) {
  const list = serverList({
    caption: T("ui_rules_caption"),
    query: current.rules,
    change: (next) => {
      current.rules = next;
      remember();
    },
    load: (next, own) => get("quality/rules", next, AbortSignal.any([own, signal])),
    key: (row) => `${row.source}-${row.rule}`,
    columns: [
      { label: T("ui_rule"), sort: "rule", header: true, cell: (row) => ruleText(row.rule) },
      { label: T("source"), sort: "source", cell: (row) => T(`source_${row.source}`) },
      { label: T("ui_dimension"), sort: "dimension", cell: (row) => (row.dimension ? T(`ui_${row.dimension}`) : "–") },
      { label: T("ui_severity"), sort: "severity", cell: (row) => (row.severity ? T(`ui_severity_${row.severity}`) : "–") },
      { label: T("ui_failed"), sort: "failed", number: true, cell: (row) => number(row.failed) },
      { label: T("share"), sort: "failed_share", number: true, cell: (row) => percent(row.failed_share, 2) },
      { label: T("new_problems"), sort: "new_problems", number: true, cell: (row) => number(row.new_problems) },
      { label: T("still_open"), sort: "still_open", number: true, cell: (row) => number(row.still_open) },
      { label: T("resolved"), sort: "resolved", number: true, cell: (row) => number(row.resolved) },
      { label: T("ui_open_since"), sort: "open_since", class: () => "day", cell: (row) => date(row.open_since) },
    ],
  });
  return card(
    T("ui_rules"),
    h(
      "div",
      { class: "filters" },
      field(T("source"), choice(current.rules.source, [["", T("ui_all")], ...SOURCES.map((id) => [id, T(`source_${id}`)])], (source) => list.update({ source, page: 1 }), { id: "rule-source" })),
      current.rules.village
        ? h("a", { class: "button", href: "#/quality" }, t("ui_drop_village", { village: current.rules.village }))
        : null,
    ),
    list.element,
  );
}

/** A rule's id, its first sentence, and the rest to open. */
export function ruleText(id) {
  const { sentences, fix } = rule(id);
  const more = sentences.length > 1 || fix;
  return [
    h("strong", {}, id),
    " ",
    h("span", { class: "sentence" }, sentences[0] ?? ""),
    more
      ? h(
          "details",
          {},
          h("summary", {}, T("ui_what_to_do")),
          sentences.slice(1).map((sentence) => h("p", {}, sentence)),
          fix ? h("p", { class: "fix" }, fix) : null,
        )
      : null,
  ];
}
