// The villages as a list beside the districts, and one village in detail.

import { get } from "../api.js";
import { CATEGORIES, bar, barList, lineChart, tileMap } from "../charts.js";
import { debounced, h } from "../dom.js";
import { BASES, basisName, card, categoryBadge, changeText, choice, field, kampungKb, newest, page, toggle } from "../parts.js";
import { serverList, table } from "../table.js";
import { T, compare, date, named, number, percent, t } from "../words.js";
import { indexCard } from "./overview.js";

const DIMENSIONS = ["ketentraman", "kemandirian", "kebahagiaan"];
const START = { page: 1, size: 25, sort: "ibangga", descending: false, basis: "integrated", kampung_kb: "", district: "", search: "" };

/** The state that an address carries, over what holds where it says nothing. */
export function state(start, query) {
  const read = { ...start };
  for (const [key, value] of Object.entries(query)) {
    if (!(key in start)) continue;
    if (typeof start[key] === "number") read[key] = Math.max(1, Number.parseInt(value, 10) || start[key]);
    else if (typeof start[key] === "boolean") read[key] = value === "true";
    else read[key] = value;
  }
  return read;
}

export async function villages({ query, signal, remember }) {
  const current = state(START, query);
  const districts = h("div", {});
  const map = h("div", {});
  const list = serverList({
    caption: T("ui_villages_caption"),
    query: current,
    change: (next) => {
      Object.assign(current, next);
      remember(next);
    },
    load: (next, own) => get("villages", next, AbortSignal.any([own, signal])),
    key: (row) => row.village_code,
    columns: [
      { label: T("ui_village"), sort: "village", header: true, cell: (row) => [h("a", { href: `#/villages/${row.village_code}` }, row.village), " ", kampungKb(row)] },
      { label: T("ui_district"), sort: "district", cell: (row) => row.district ?? "–" },
      { label: T("families"), sort: "families", number: true, cell: (row) => number(row.families) },
      { label: "iBangga", sort: "ibangga", number: true, cell: (row) => number(row.ibangga, 2) },
      { label: T("ui_change"), sort: "change", number: true, cell: (row) => changeText(row.change) },
      { label: T("category"), cell: (row) => categoryBadge(row.category) },
      ...DIMENSIONS.map((id) => ({ label: named("dimension", id), sort: id, number: true, cell: (row) => number(row[id], 2) })),
      ...CATEGORIES.map((id) => ({ label: named("category", id), sort: id, number: true, cell: (row) => number(row[id]) })),
    ],
  });
  let known = [];
  const drawDistricts = async () => {
    const [tiles, found] = await Promise.all(["tiles", "districts"].map((path) => get(path, { basis: current.basis }, signal)));
    known = found;
    map.replaceChildren(
      tileMap({ title: T("ui_tiles"), note: T("ui_tiles_note"), rows: tiles, onpick: (row) => { location.hash = `#/villages/${row.village_code}`; } }),
    );
    districts.replaceChildren(
      barList({
        title: T("ui_districts"),
        rows: known
          .toSorted((left, right) => (left.ibangga ?? 101) - (right.ibangga ?? 101))
          .map((row) => ({
            code: row.district_code,
            label: row.district,
            value: row.ibangga,
            tone: row.category ?? "neutral",
            chosen: row.district_code === current.district,
          })),
        onpick: (row) => choose(row.code === current.district ? "" : row.code),
        decimals: 2,
      }),
    );
  };
  const select = h("select", { id: "district", onchange: (event) => choose(event.target.value) });
  const choose = async (code) => {
    const done = list.update({ district: code, page: 1 });
    await drawDistricts();
    select.value = code;
    await done;
  };
  await drawDistricts();
  select.append(
    h("option", { value: "" }, T("ui_all")),
    ...known.toSorted((left, right) => compare(left.district, right.district)).map((row) => h("option", { value: row.district_code }, row.district)),
  );
  select.value = current.district;
  return page(
    T("ui_view_villages"),
    null,
    h(
      "div",
      { class: "filters" },
      toggleBasis(current.basis, (basis) => {
        list.update({ basis, page: 1 });
        drawDistricts();
      }),
      field(
        "Kampung KB",
        choice(current.kampung_kb, [["", T("ui_all")], ["yes", T("ui_only_kampung_kb")], ["no", T("ui_other_villages")]], (kampung_kb) => list.update({ kampung_kb, page: 1 }), { id: "kampung-kb" }),
      ),
      field(T("ui_district"), select),
      field(
        T("ui_search"),
        h("input", { type: "search", id: "search", value: current.search, maxlength: 100, placeholder: T("ui_search_village"), oninput: debounced((event) => list.update({ search: event.target.value.trim(), page: 1 })) }),
      ),
    ),
    h("div", { class: "grid wide" }, h("div", { class: "card" }, map), h("div", { class: "card" }, districts)),
    h("div", { class: "card" }, list.element),
  );
}

function toggleBasis(basis, onchange) {
  const place = h("div", { class: "field" });
  const draw = (value) =>
    place.replaceChildren(
      h("span", { "aria-hidden": "true" }, T("basis")),
      toggle(T("basis"), value, BASES.map((id) => [id, basisName(id)]), (next) => {
        draw(next);
        onchange(next);
        place.querySelector('[aria-pressed="true"]').focus();
      }),
    );
  draw(basis);
  return place;
}

export async function village(code, { signal, reader }) {
  const found = await get(`villages/${encodeURIComponent(code)}`, {}, signal);
  const last = newest(found.trend);
  const about = last[0];
  return page(
    about.village,
    [about.district ?? "–", " · ", about.village_code, " ", kampungKb(about), " · ", t("ui_state_as_of", { as_of: date(about.as_of, "long") })],
    h("p", {}, h("a", { href: "#/villages" }, `← ${T("ui_all_villages")}`), links(code, reader)),
    h(
      "div",
      { class: "grid" },
      BASES.map((basis) => last.find((row) => row.basis === basis)).filter(Boolean).map((row) => indexCard(row, found.trend)),
      card(
        null,
        lineChart({
          title: T("ui_trend"),
          decimals: 2,
          series: BASES.map((basis) => ({
            label: basisName(basis),
            points: found.trend.filter((row) => row.basis === basis).map((row) => ({ date: row.as_of, value: row.ibangga })),
          })),
        }),
      ),
    ),
    found.indicators.length ? card(T("ui_needs"), needs(found)) : null,
    found.indicators.length ? card(T("ui_indicators"), indicators(found.indicators, reader)) : null,
    h(
      "div",
      { class: "grid" },
      found.functions?.length ? card(T("ui_functions"), functions(found.functions)) : null,
      found.life_cycle?.length ? card(T("ui_life_cycle"), lifeCycle(found.life_cycle)) : null,
      found.programmes?.length ? card(T("ui_programmes"), programmes(found.programmes)) : null,
    ),
  );
}

function links(code, reader) {
  const wanted = [["quarantine", "ui_view_quarantine"], ["quality", "ui_view_quality"]];
  return wanted.filter(([view]) => reader.views.includes(view)).map(([view, key]) => [" · ", h("a", { href: `#/${view}?village=${code}` }, T(key))]);
}

/** Families that lack something, by the office that acts: from the mart of needs, else from the coverage. */
function needs(found) {
  const known = found.needs ?? found.indicators
    .filter((row) => row.basis === "integrated" && row.unmet > 0)
    .map((row) => ({ sector: row.sector, need: row.indicator, families: row.unmet, persons: null }));
  const rows = known.filter((row) => row.families > 0).toSorted((left, right) => right.families - left.families);
  const most = Math.max(1, ...rows.map((row) => row.families));
  return table({
    caption: T("ui_needs_caption"),
    rows,
    columns: [
      { label: T("ui_need"), header: true, cell: (row) => named("indicator", row.need) },
      { label: T("ui_sector"), cell: (row) => named("sector", row.sector) },
      { label: T("families"), number: true, cell: (row) => bar(row.families, { top: most, text: number(row.families), tone: "rentan" }) },
      ...(rows.some((row) => row.persons !== null) ? [{ label: T("ui_persons"), number: true, cell: (row) => number(row.persons) }] : []),
    ],
  });
}

function indicators(rows, reader) {
  const byId = new Map();
  for (const row of rows) byId.set(row.indicator, { ...byId.get(row.indicator), [row.basis]: row });
  const joined = [...byId.values()].map((both) => ({ ...both.integrated, survey: both.survey }));
  return table({
    caption: T("ui_indicators_caption"),
    rows: joined,
    key: (row) => row.indicator,
    columns: [
      { label: T("ui_indicator"), header: true, cell: (row) => named("indicator", row.indicator) },
      { label: T("ui_dimension"), cell: (row) => (row.in_index ? named("dimension", row.dimension) : `${named("dimension", row.dimension)} (${t("ui_not_in_index")})`) },
      { label: T("ui_share_integrated"), number: true, cell: (row) => bar(row.share, { top: 1, text: percent(row.share) }) },
      ...(joined.some((row) => row.survey) ? [{ label: T("ui_share_survey"), number: true, cell: (row) => percent(row.survey?.share ?? null) }] : []),
      ...(reader.region.length === 10 ? [] : [{ label: T("ui_share_region"), number: true, cell: (row) => percent(row.region_share) }]),
      { label: T("ui_achieved"), number: true, cell: (row) => `${number(row.achieved)} / ${number(row.applicable)}` },
    ],
  });
}

function functions(rows) {
  return table({
    caption: T("ui_functions"),
    hideCaption: true,
    rows: rows.filter((row) => row.basis === "integrated"),
    columns: [
      { label: T("ui_function"), header: true, cell: (row) => named("function", row.function) },
      { label: T("share"), number: true, cell: (row) => bar(row.share, { top: 1, text: percent(row.share) }) },
    ],
  });
}

function lifeCycle(rows) {
  return table({
    caption: T("ui_life_cycle"),
    hideCaption: true,
    rows,
    columns: [
      { label: T("ui_group"), header: true, cell: (row) => T(`ui_life_${row.life_cycle}`) },
      { label: T("ui_persons"), number: true, cell: (row) => number(row.persons) },
      { label: T("families"), number: true, cell: (row) => number(row.families) },
      { label: T("ui_insured"), number: true, cell: (row) => percent(row.insured_share) },
    ],
  });
}

function programmes(rows) {
  return table({
    caption: T("ui_programmes"),
    hideCaption: true,
    rows,
    columns: [
      { label: T("ui_programme"), header: true, cell: (row) => row.programme },
      ...(rows.some((row) => row.eligible !== null) ? [{ label: T("ui_eligible"), number: true, cell: (row) => number(row.eligible) }] : []),
      { label: T("ui_participating"), number: true, cell: (row) => number(row.participating) },
      { label: T("share"), number: true, cell: (row) => percent(row.share) },
    ],
  });
}
