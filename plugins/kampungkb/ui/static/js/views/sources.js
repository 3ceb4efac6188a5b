// What each source delivered last, what the gates found, and the published loads.

import { get, openInAirflow, runPath } from "../api.js";
import { h } from "../dom.js";
import { card, page, staleBadge } from "../parts.js";
import { serverList, table } from "../table.js";
import { T, date, halved, instant, number, percent, t } from "../words.js";

const LOADS = { page: 1, size: 10, sort: "as_of", descending: true };

export async function sources({ signal }) {
  const found = await get("sources", {}, signal);
  const loads = serverList({
    caption: T("ui_loads_caption"),
    query: LOADS,
    load: (next, own) => get("loads", next, AbortSignal.any([own, signal])),
    key: (row) => row.run_id,
    columns: [
      { label: T("ui_as_of"), sort: "as_of", header: true, cell: (row) => date(row.as_of) },
      { label: T("ui_state"), sort: "status", cell: (row) => h("span", { class: "badge good" }, T(`ui_run_${row.status}`)) },
      { label: T("ui_finished"), sort: "finished_at", cell: (row) => instant(row.finished_at) },
      { label: T("ui_seconds"), sort: "seconds", number: true, cell: (row) => number(row.seconds, 1) },
      { label: T("ui_stale_heading"), cell: (row) => row.stale_sources.map((id) => t(`source_${id}`)).join(", ") || "–" },
      {
        label: T("ui_run"),
        cell: (row) =>
          h("button", { class: "link", type: "button", onclick: () => openInAirflow(runPath(row.run_id)) }, T("ui_open_run")),
      },
    ],
  });
  return page(
    T("ui_view_sources"),
    found.sources.length ? t("ui_state_as_of", { as_of: date(found.sources[0].as_of, "long") }) : null,
    card(T("ui_deliveries"), deliveries(found.sources)),
    found.gates ? card(T("ui_gates"), gates(found.gates)) : null,
    card(T("ui_loads"), loads.element),
  );
}

function deliveries(rows) {
  return table({
    caption: T("ui_deliveries"),
    hideCaption: true,
    rows,
    empty: T("ui_empty_warehouse"),
    key: (row) => row.source,
    columns: [
      { label: T("source"), header: true, cell: (row) => T(`source_${row.source}`) },
      { label: T("ui_state"), cell: (row) => [staleBadge(row), row.reason ? h("p", { class: "note" }, row.reason) : null] },
      { label: T("ui_snapshot"), class: () => "day", cell: (row) => date(row.snapshot_date) },
      { label: T("ui_age_days"), number: true, cell: (row) => number(row.snapshot_age_days) },
      { label: T("ui_last_change"), class: () => "day", cell: (row) => date(row.last_change) },
      { label: T("read"), number: true, cell: (row) => number(row.read) },
      { label: T("accepted"), number: true, cell: (row) => number(row.accepted) },
      { label: T("rejected"), number: true, cell: (row) => number(row.rejected) },
      { label: T("nulled"), number: true, cell: (row) => number(row.nulled) },
      { label: T("ui_linked"), number: true, cell: (row) => (row.records ? percent(row.linked / row.records) : "–") },
    ],
  });
}

const LEVELS = { open: "good", suspicious: "warning", closed: "bad" };

function gates(rows) {
  return table({
    caption: T("ui_gates_caption"),
    rows,
    empty: T("ui_gates_empty"),
    columns: [
      { label: T("source"), header: true, cell: (row) => T(`source_${row.source}`) },
      { label: T("ui_gate"), cell: (row) => `${T(`ui_gate_${row.gate}`)}: ${row.subject}` },
      { label: T("ui_state"), cell: (row) => h("span", { class: `badge ${LEVELS[row.level] ?? "plain"}` }, T(`ui_level_${row.level}`)) },
      { label: T("ui_reason"), cell: (row) => halved(row.reason) },
      { label: T("ui_decision"), cell: decision },
    ],
  });
}

function decision(row) {
  if (!row.decision) return row.report_only ? T("ui_report_only") : "–";
  const by = row.by_default ? t("ui_by_default") : row.decided_by;
  return `${T(`ui_decision_${row.decision}`)} (${by}, ${instant(row.decided_at)})`;
}
