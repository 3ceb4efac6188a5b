// Small charts, each with the same figures as text: a label for screen readers and a table that can be opened.

import { freshId, h, s } from "./dom.js";
import { T, date, named, number, percent } from "./words.js";

const WIDTH = 440;
const HEIGHT = 190;
const MARGIN = { top: 14, right: 16, bottom: 28, left: 44 };

function scale(low, high, from, to) {
  const span = high - low || 1;
  return (value) => from + ((value - low) / span) * (to - from);
}

function ticks(low, high, count = 4) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(value);
  return { found, decimals: step < 1 ? Math.min(3, Math.ceil(-Math.log10(step))) : 0 };
}

function day(text) {
  return Date.parse(`${text.slice(0, 10)}T00:00:00Z`);
}

/**
 * A line for each series over dates.
 * series: [{label, points: [{date: "YYYY-MM-DD", value}]}]; the drawing has a legend and direct point titles.
 */
export function lineChart({ title, series, decimals = 1 }) {
  const drawn = series
    .map((one) => ({ ...one, points: one.points.filter((point) => point.value !== null) }))
    .filter((one) => one.points.length);
  const points = drawn.flatMap((one) => one.points);
  if (!points.length) return h("p", { class: "empty" }, T("ui_no_figures"));
  const values = points.map((point) => point.value);
  const pad = Math.max((Math.max(...values) - Math.min(...values)) * 0.15, 0.5);
  const low = Math.max(0, Math.min(...values) - pad);
  const high = Math.min(100, Math.max(...values) + pad);
  const days = points.map((point) => day(point.date));
  const x = scale(Math.min(...days), Math.max(...days), MARGIN.left, WIDTH - MARGIN.right);
  const single = Math.min(...days) === Math.max(...days);
  const across = (text) => (single ? (MARGIN.left + WIDTH - MARGIN.right) / 2 : x(day(text)));
  const y = scale(low, high, HEIGHT - MARGIN.bottom, MARGIN.top);
  const marks = ticks(low, high);
  const ends = [...new Set([days.indexOf(Math.min(...days)), days.indexOf(Math.max(...days))])].map((n) => points[n].date);
  const label = drawn
    .map((one) => {
      const last = one.points.at(-1);
      return `${one.label}: ${number(last.value, decimals)} (${date(last.date)})`;
    })
    .join("; ");
  return h(
    "figure",
    { class: "chart" },
    h("figcaption", {}, title),
    s(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}. ${label}` },
      marks.found.map((value) =>
        s(
          "g",
          {},
          s("line", { class: "grid", x1: MARGIN.left, x2: WIDTH - MARGIN.right, y1: y(value), y2: y(value) }),
          s("text", { class: "tick", x: MARGIN.left - 8, y: y(value) + 4, "text-anchor": "end" }, number(value, marks.decimals)),
        ),
      ),
      [...new Set(ends)].map((text, position, all) =>
        s(
          "text",
          {
            class: "tick",
            x: across(text),
            y: HEIGHT - 8,
            "text-anchor": all.length === 1 ? "middle" : position === 0 ? "start" : "end",
          },
          date(text),
        ),
      ),
      drawn.map((one, index) =>
        s(
          "g",
          { class: `series series-${index + 1}` },
          s("polyline", { points: one.points.map((point) => `${across(point.date)},${y(point.value)}`).join(" ") }),
          one.points.map((point) =>
            s(
              "circle",
              { cx: across(point.date), cy: y(point.value), r: one.points.length > 30 ? 2 : 3.5 },
              s("title", {}, `${one.label}, ${date(point.date)}: ${number(point.value, decimals)}`),
            ),
          ),
        ),
      ),
    ),
    h(
      "ul",
      { class: "legend" },
      drawn.map((one, index) => h("li", {}, h("span", { class: `swatch series-${index + 1}`, "aria-hidden": "true" }), one.label)),
    ),
    figures(title, drawn, decimals),
  );
}

function figures(title, series, decimals) {
  const dates = [...new Set(series.flatMap((one) => one.points.map((point) => point.date)))].sort().reverse();
  const at = series.map((one) => new Map(one.points.map((point) => [point.date, point.value])));
  return h(
    "details",
    { class: "figures" },
    h("summary", {}, T("ui_figures")),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": title },
      h(
        "table",
        {},
        h("caption", { class: "hidden" }, title),
        h(
          "thead",
          {},
          h("tr", {}, h("th", { scope: "col" }, T("ui_as_of")), series.map((one) => h("th", { scope: "col", class: "number" }, one.label))),
        ),
        h(
          "tbody",
          {},
          dates.map((text) =>
            h(
              "tr",
              {},
              h("th", { scope: "row" }, date(text)),
              at.map((values) => h("td", { class: "number" }, number(values.get(text) ?? null, decimals))),
            ),
          ),
        ),
      ),
    ),
  );
}

export const CATEGORIES = ["rentan", "berkembang", "tangguh"];

/** Families by category as one bar, with the counts below it. */
export function categoryBar(row) {
  const counts = CATEGORIES.map((id) => ({ id, count: row[id] ?? 0 }));
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const text = counts.map(({ id, count }) => `${named("category", id)} ${number(count)}`).join(", ");
  return h(
    "div",
    { class: "categories" },
    h(
      "div",
      { class: "stack", role: "img", "aria-label": text },
      counts.map(({ id, count }) =>
        total && count ? h("span", { class: `part ${id}`, style: { "flex-grow": String(count) } }) : null,
      ),
    ),
    h(
      "ul",
      { class: "legend" },
      counts.map(({ id, count }) =>
        h(
          "li",
          {},
          h("span", { class: `swatch ${id}`, "aria-hidden": "true" }),
          `${named("category", id)} ${number(count)}`,
          h("span", { class: "muted" }, ` ${total ? percent(count / total) : "–"}`),
        ),
      ),
    ),
  );
}

const STEPS = [40, 50, 60, 70];
const TILE = 20;
const ACROSS = 6;

/** The class of a tile by its index: 0 without one, 1 rentan, 2 to 4 berkembang, 5 tangguh. */
function tileClass(row) {
  if (row.ibangga === null) return 0;
  return row.category === "tangguh" ? 5 : 1 + STEPS.filter((step) => step < 70 && row.ibangga >= step).length;
}

/** A small map: a square for each village, in blocks by district, coloured by its index; a click opens the village. */
export function tileMap({ title, note, rows, onpick }) {
  const blocks = Map.groupBy(rows, (row) => row.district ?? "–");
  const legend = [[0, "–"], [1, "< 40"], [2, "40–50"], [3, "50–60"], [4, "60–70"], [5, "> 70"]];
  return h(
    "figure",
    { class: "chart tiles" },
    h("figcaption", {}, title),
    h("p", { class: "hint" }, note),
    h("div", { class: "blocks" }, [...blocks].map(([district, own]) => block(district, own, onpick))),
    h(
      "ul",
      { class: "legend" },
      legend.map(([step, label]) => h("li", {}, h("span", { class: `swatch tile-${step}`, "aria-hidden": "true" }), label)),
      h("li", {}, h("span", { class: "swatch tile-kampung-kb", "aria-hidden": "true" }), "Kampung KB"),
    ),
  );
}

function block(district, rows, onpick) {
  const height = Math.ceil(rows.length / ACROSS) * TILE;
  const counted = CATEGORIES.map((id) => `${named("category", id)} ${rows.filter((row) => row.category === id).length}`);
  return h(
    "div",
    { class: "block" },
    h("p", {}, district),
    s(
      "svg",
      { viewBox: `0 0 ${ACROSS * TILE} ${height}`, width: ACROSS * TILE, height, role: "img", "aria-label": `${district}: ${counted.join(", ")}` },
      rows.map((row, place) => {
        const [x, y] = [(place % ACROSS) * TILE + 1.5, Math.floor(place / ACROSS) * TILE + 1.5];
        return s(
          "rect",
          { class: `tile tile-${tileClass(row)}${row.kampung_kb ? " tile-kampung-kb" : ""}`, x, y, width: TILE - 3, height: TILE - 3, rx: 2, "data-village": row.village_code, onclick: () => onpick(row) },
          s("title", {}, `${row.village}: ${number(row.ibangga, 2)}${row.kampung_kb ? " · Kampung KB" : ""}`),
        );
      }),
    ),
  );
}

/** A value from 0 to `top` as a bar behind its number. */
export function bar(value, { top = 100, text, tone = "neutral" } = {}) {
  if (value === null || value === undefined) return h("span", { class: "muted" }, "–");
  const share = Math.max(0, Math.min(1, value / top));
  return h(
    "span",
    { class: "bar" },
    h("span", { class: "track", "aria-hidden": "true" }, h("span", { class: `fill ${tone}`, style: { width: `${share * 100}%` } })),
    h("span", { class: "figure" }, text),
  );
}

/** Rows of labelled bars as a list; `onpick` makes each a button. */
export function barList({ title, rows, onpick, decimals = 1 }) {
  const id = freshId("bars");
  return h(
    "section",
    { class: "barlist", "aria-labelledby": id },
    h("h3", { id }, title),
    rows.length
      ? h(
          "ul",
          {},
          rows.map((row) =>
            h(
              "li",
              {},
              onpick
                ? h("button", { class: "plain", type: "button", "aria-pressed": String(Boolean(row.chosen)), onclick: () => onpick(row) }, row.label)
                : h("span", {}, row.label),
              bar(row.value, { text: number(row.value, decimals), tone: row.tone }),
            ),
          ),
        )
      : h("p", { class: "empty" }, T("ui_no_figures")),
  );
}
