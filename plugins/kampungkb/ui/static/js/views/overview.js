// The index on both bases, its trend, Kampung KB against the others, freshness, and the last run.

import { get, newestRun, openInAirflow, runPath } from "../api.js";
import { bar, categoryBar, lineChart } from "../charts.js";
import { h } from "../dom.js";
import { BASES, basisName, card, categoryBadge, changeText, choice, field, freshnessTable, newest, page } from "../parts.js";
import { table } from "../table.js";
import { T, date, instant, named, number, t } from "../words.js";

const DIMENSIONS = ["ketentraman", "kemandirian", "kebahagiaan"];

export async function overview({ query, signal, remember }) {
  const [found, run] = await Promise.all([get("overview", {}, signal), newestRun(signal)]);
  if (!found.areas.length) return page(T("ui_view_overview"), null, h("p", { class: "empty" }, T("ui_empty_warehouse")), lastRun(run, found.load));
  const codes = [...new Map(found.areas.map((area) => [area.code, area.name]))];
  const place = h("div", { class: "grid" });
  const draw = (code) => place.replaceChildren(...area(found.areas.filter((row) => row.code === code)));
  const first = codes.some(([code]) => code === query.area) ? query.area : codes[0][0];
  draw(first);
  return page(
    T("ui_view_overview"),
    t("ui_state_as_of", { as_of: date(newest(found.areas)[0].as_of, "long") }),
    codes.length > 1
      ? h("div", { class: "filters" }, field(T("area"), choice(first, codes, (code) => { remember({ area: code }); draw(code); })))
      : null,
    place,
    h(
      "div",
      { class: "grid wide" },
      found.kampung_kb.length ? card(T("ui_kampung_kb_and_others"), groups(found.kampung_kb)) : null,
      h(
        "div",
        { class: "column" },
        found.freshness.length ? card(T("ui_freshness"), freshnessTable(found.freshness)) : null,
        lastRun(run, found.load),
      ),
    ),
  );
}

function area(rows) {
  const last = newest(rows);
  return [
    ...BASES.map((basis) => last.find((row) => row.basis === basis)).filter(Boolean).map((row) => indexCard(row, rows)),
    card(
      null,
      lineChart({
        title: T("ui_trend"),
        decimals: 2,
        series: BASES.map((basis) => ({
          label: basisName(basis),
          points: rows.filter((row) => row.basis === basis).map((row) => ({ date: row.as_of, value: row.ibangga })),
        })),
      }),
    ),
  ];
}

/** The index of one area on one basis: number, category, dimensions, families by category. */
export function indexCard(row, history) {
  const before = history
    .filter((other) => other.basis === row.basis && other.as_of < row.as_of)
    .reduce((found, other) => (!found || other.as_of > found.as_of ? other : found), null);
  const change = before && row.ibangga !== null && before.ibangga !== null ? row.ibangga - before.ibangga : null;
  return card(
    `${row.name ?? row.village} · ${basisName(row.basis)}`,
    h("p", { class: "headline" }, h("strong", { "data-figure": `ibangga-${row.basis}` }, number(row.ibangga, 2)), " ", categoryBadge(row.category)),
    h("p", { class: "muted" }, t("ui_index_of", { families: number(row.families) }), " ", change === null ? null : [changeText(change), " ", t("ui_since", { as_of: date(before.as_of) })]),
    h(
      "dl",
      { class: "dimensions" },
      DIMENSIONS.map((id) => [h("dt", {}, named("dimension", id)), h("dd", {}, bar(row[id], { text: number(row[id], 2) }))]),
    ),
    categoryBar(row),
    row.stale_sources.length ? h("p", { class: "note" }, t("ui_stale_sources", { sources: row.stale_sources.map((id) => t(`source_${id}`)).join(", ") })) : null,
  );
}

function groups(rows) {
  return table({
    caption: T("ui_kampung_kb_and_others"),
    hideCaption: true,
    rows,
    columns: [
      { label: T("ui_villages"), header: true, cell: (row) => (row.kampung_kb ? "Kampung KB" : T("ui_other_villages")) },
      { label: T("basis"), cell: (row) => basisName(row.basis) },
      { label: T("ui_number"), number: true, cell: (row) => number(row.villages) },
      { label: T("families"), number: true, cell: (row) => number(row.families) },
      { label: "iBangga", number: true, cell: (row) => number(row.ibangga, 2) },
      { label: named("category", "rentan"), number: true, cell: (row) => number(row.rentan) },
    ],
  });
}

const STATES = { success: "good", failed: "bad", running: "info", queued: "info" };

/** The newest run as Airflow knows it, with a link to it, and the load whose state is shown. */
function lastRun(run, load) {
  return card(
    T("ui_last_run"),
    run
      ? h(
          "p",
          {},
          h("span", { class: `badge ${STATES[run.state] ?? "plain"}`, "data-figure": "run-state" }, T(`ui_run_${run.state}`)),
          " ",
          instant(run.start_date ?? run.run_after),
          " ",
          h(
            "a",
            {
              href: new URL(`../${runPath(run.dag_run_id)}`, location.href).href,
              onclick: (event) => {
                event.preventDefault();
                openInAirflow(runPath(run.dag_run_id));
              },
            },
            T("ui_open_run"),
          ),
        )
      : h("p", { class: "empty" }, T("ui_no_run")),
    load ? h("p", { class: "muted" }, t("ui_published", { as_of: date(load.as_of), at: instant(load.finished_at) })) : null,
  );
}
