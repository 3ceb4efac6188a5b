// Action lists: which families of a village a sector has to visit, by name, as a workbook on record.

import { download, get } from "../api.js";
import { debounced, h } from "../dom.js";
import { card, choice, field, page } from "../parts.js";
import { serverList } from "../table.js";
import { T, compare, namesOf, named, number } from "../words.js";
import { state } from "./villages.js";

const START = { page: 1, size: 25, sort: "village", descending: false, sector: "", search: "" };

export async function actions({ query, signal, remember }) {
  const current = state(START, query);
  const purpose = h("input", { type: "text", id: "purpose", maxlength: 400, required: true, autocomplete: "off", "aria-describedby": "purpose-note" });
  const password = h("input", { type: "password", id: "password", maxlength: 255, autocomplete: "new-password", "aria-describedby": "password-note" });
  const said = h("p", { class: "said", role: "status" });
  const say = (text, wrong = false) => {
    said.classList.toggle("error", wrong);
    said.textContent = text;
  };

  async function fetchList(row, button) {
    if (!purpose.value.trim()) {
      say(T("ui_purpose_missing"), true);
      purpose.focus();
      return;
    }
    if (password.value && password.value.length < 8) {
      say(T("ui_password_short"), true);
      password.focus();
      return;
    }
    button.disabled = true;
    const order = { village: row.village_code, sector: row.sector, purpose: purpose.value.trim(), password: password.value };
    try {
      await download("action-lists", order, `action_list_${row.village_code}_${row.sector}.xlsx`);
      say(T("ui_list_fetched", { village: row.village ?? row.village_code, sector: named("sector", row.sector) }));
    } catch (fault) {
      say(fault.message, true);
    }
    button.disabled = false;
    button.focus();
  }

  const list = serverList({
    caption: T("ui_actions_caption"),
    query: current,
    change: (next) => {
      Object.assign(current, next);
      remember(next);
    },
    load: (next, own) => get("action-lists", next, AbortSignal.any([own, signal])),
    key: (row) => `${row.village_code} ${row.sector}`,
    columns: [
      { label: T("ui_village"), sort: "village", header: true, cell: (row) => row.village ?? row.village_code },
      { label: T("ui_district"), sort: "district", cell: (row) => row.district ?? "–" },
      { label: T("ui_sector"), sort: "sector", cell: (row) => named("sector", row.sector) },
      { label: T("ui_needs"), sort: "needs", number: true, cell: (row) => number(row.needs) },
      {
        label: T("ui_list"),
        cell: (row) =>
          h(
            "button",
            { type: "button", "aria-label": `${T("ui_download")}: ${row.village ?? row.village_code}, ${named("sector", row.sector)}`, onclick: (event) => fetchList(row, event.currentTarget) },
            T("ui_download"),
          ),
      },
    ],
  });
  const sectors = namesOf("sector").toSorted((left, right) => compare(left[1], right[1]));
  return page(
    T("ui_view_actions"),
    T("ui_actions_lead"),
    card(
      null,
      h(
        "div",
        { class: "filters" },
        h("div", {}, field(T("ui_purpose"), purpose), h("p", { class: "hint", id: "purpose-note" }, T("ui_purpose_note"))),
        h("div", {}, field(T("ui_password"), password), h("p", { class: "hint", id: "password-note" }, T("ui_password_note"))),
      ),
      said,
    ),
    h(
      "div",
      { class: "filters" },
      field(T("ui_sector"), choice(current.sector, [["", T("ui_all")], ...sectors], (sector) => list.update({ sector, page: 1 }), { id: "sector" })),
      field(
        T("ui_search"),
        h("input", { type: "search", id: "search", value: current.search, maxlength: 100, placeholder: T("ui_search_village"), oninput: debounced((event) => list.update({ search: event.target.value.trim(), page: 1 })) }),
      ),
    ),
    h("div", { class: "card" }, list.element),
  );
}
