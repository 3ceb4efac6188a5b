// Pieces that several views share.

import { h } from "./dom.js";
import { T, date, named, number, t } from "./words.js";
import { table } from "./table.js";

export const BASES = ["integrated", "survey"];
export const SOURCES = ["family_survey", "civil_registry", "health_insurance"];
export const QUALITY = ["completeness", "validity", "uniqueness", "consistency", "currentness", "accuracy"];

export function categoryBadge(category) {
  return category ? h("span", { class: `badge ${category}` }, named("category", category)) : h("span", { class: "muted" }, "–");
}

export function kampungKb(row) {
  return row.kampung_kb ? h("span", { class: "badge plain" }, "Kampung KB") : "";
}

export function card(title, ...children) {
  return h("section", { class: "card" }, title ? h("h2", {}, title) : null, children);
}

export function page(title, lead, ...children) {
  return h("div", { class: "view" }, h("h1", { tabindex: "-1" }, title), lead ? h("p", { class: "lead" }, lead) : null, children);
}

export function field(label, control) {
  return h("label", { class: "field" }, h("span", {}, label), control);
}

/** A choice; options: [[value, label]]. */
export function choice(value, options, onchange, attributes = {}) {
  return h(
    "select",
    { ...attributes, onchange: (event) => onchange(event.target.value) },
    options.map(([option, label]) => h("option", { value: option, selected: option === value }, label)),
  );
}

/** Buttons of which one is pressed; options: [[value, label]]. */
export function toggle(label, value, options, onchange) {
  return h(
    "div",
    { class: "toggle", role: "group", "aria-label": label },
    options.map(([option, text]) =>
      h("button", { type: "button", "aria-pressed": String(option === value), onclick: () => onchange(option) }, text),
    ),
  );
}

export function freshnessTable(rows) {
  return table({
    caption: T("ui_freshness"),
    hideCaption: true,
    rows,
    columns: [
      { label: T("source"), header: true, cell: (row) => T(`source_${row.source}`) },
      { label: T("ui_snapshot"), class: () => "day", cell: (row) => date(row.snapshot_date) },
      { label: T("ui_age_days"), number: true, cell: (row) => number(row.snapshot_age_days) },
      { label: T("ui_last_change"), class: () => "day", cell: (row) => date(row.last_change) },
      { label: T("ui_state"), cell: (row) => staleBadge(row) },
    ],
  });
}

export function staleBadge(row) {
  return h("span", { class: row.stale ? "badge warning" : "badge good" }, row.stale ? T("ui_stale") : T("ui_fresh"));
}

export function changeText(value, decimals = 2) {
  if (value === null || value === undefined) return h("span", { class: "muted" }, "–");
  const rounded = Number(value.toFixed(decimals));
  const tone = rounded > 0 ? "up" : rounded < 0 ? "down" : "muted";
  const arrow = rounded > 0 ? "▲ " : rounded < 0 ? "▼ " : "";
  return h("span", { class: tone }, h("span", { "aria-hidden": "true" }, arrow), number(rounded, decimals));
}

export function basisName(basis) {
  return t(`basis_${basis}`);
}

/** The rows of the newest date. */
export function newest(rows) {
  const last = rows.reduce((found, row) => (row.as_of > found ? row.as_of : found), "");
  return rows.filter((row) => row.as_of === last);
}
