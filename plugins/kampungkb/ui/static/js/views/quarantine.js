// What was rejected or nulled: where it is, what is wrong, what to do; and a workbook to send back.

import { address, get } from "../api.js";
import { debounced, h } from "../dom.js";
import { choice, field, page } from "../parts.js";
import { serverList } from "../table.js";
import { T, compare, date, halved, language, number, rule } from "../words.js";
import { state } from "./villages.js";

const START = { page: 1, size: 25, sort: "file", descending: false, source: "", village: "", rule: "", action: "", search: "" };
const FILTERS = ["source", "village", "rule", "action", "search"];

export async function quarantine({ query, signal, remember }) {
  const current = state(START, query);
  const counting = get("quarantine/facets", {}, signal);
  const download = h("a", { class: "button", id: "download", download: "" }, T("ui_download"));
  const aim = () => {
    const filters = Object.fromEntries(FILTERS.map((name) => [name, current[name]]));
    download.href = address("api/quarantine.xlsx", { ...filters, language: language() });
  };
  aim();
  const list = serverList({
    caption: T("ui_quarantine_caption"),
    query: current,
    change: (next) => {
      Object.assign(current, next);
      remember(next);
      aim();
    },
    load: (next, own) => get("quarantine", next, AbortSignal.any([own, signal])),
    empty: T("ui_quarantine_empty"),
    columns: [
      { label: T("ui_place"), sort: "file", header: true, cell: place },
      { label: T("ui_column_name"), sort: "column_name", cell: (row) => row.column_name ?? "–" },
      { label: T("ui_rule"), sort: "rule", cell: (row) => h("strong", {}, row.rule) },
      { label: T("ui_reason"), cell: reason },
      { label: T("ui_action"), sort: "action", cell: (row) => h("span", { class: `badge ${row.action === "value" ? "warning" : "bad"}` }, T(`ui_action_${row.action}`)) },
      { label: T("ui_village"), sort: "village", cell: (row) => villageName(row.village_code, row.village) },
      { label: T("source"), sort: "source", cell: (row) => T(`source_${row.source}`) },
      { label: T("ui_first_seen"), class: () => "day", cell: (row) => date(row.first_seen) },
    ],
  });
  const facets = await counting;
  const filter = (name, label, options) =>
    field(label, choice(current[name], [["", T("ui_all")], ...options], (value) => list.update({ [name]: value, page: 1 }), { id: `filter-${name}` }));
  const counted = (kind, label) => facets[kind].map((one) => [one.value, `${label(one)} (${number(one.findings)})`]);
  return page(
    T("ui_view_quarantine"),
    T("ui_quarantine_lead"),
    h(
      "div",
      { class: "filters" },
      filter("source", T("source"), counted("source", (one) => T(`source_${one.value}`))),
      filter("village", T("ui_village"), counted("village", (one) => villageName(one.value, one.label)).toSorted((left, right) => compare(left[1], right[1]))),
      filter("rule", T("ui_rule"), counted("rule", (one) => one.value)),
      filter("action", T("ui_action"), counted("action", (one) => T(`ui_action_${one.value}`))),
      field(
        T("ui_search"),
        h("input", { type: "search", id: "search", value: current.search, maxlength: 100, placeholder: T("ui_search_quarantine"), oninput: debounced((event) => list.update({ search: event.target.value.trim(), page: 1 })) }),
      ),
      download,
    ),
    h("div", { class: "card" }, list.element),
  );
}

function villageName(code, name) {
  if (code === "unknown") return T("ui_unknown_village");
  return name ?? code ?? "–";
}

function place(row) {
  if (!row.file) return h("span", { class: "muted" }, T("ui_no_file"));
  const within = [row.sheet, row.row_number === null ? null : T("ui_row", { row: row.row_number })].filter(Boolean).join(", ");
  return [h("span", { class: "file" }, row.file), within ? h("span", { class: "muted" }, ` ${within}`) : null];
}

function reason(row) {
  const { fix } = rule(row.rule);
  return [halved(row.reason) ?? "–", fix ? h("details", {}, h("summary", {}, T("ui_what_to_do")), h("p", { class: "fix" }, fix)) : null];
}
