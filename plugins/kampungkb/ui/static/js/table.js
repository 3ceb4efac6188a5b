// Lists: a table with sortable headings, and pages that the server cuts.

import { h } from "./dom.js";
import { T, t, number } from "./words.js";

/**
 * A table of given rows.
 * columns: [{key, label, cell(row), number, header, sort}]; `order` {sort, descending} and `onsort(key, descending)`
 * make the headings of columns with `sort` buttons.
 */
export function table({ caption, columns, rows, order, onsort, empty = T("ui_nothing_found"), hideCaption = false, key }) {
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: "list" },
      h("caption", { class: hideCaption ? "hidden" : null }, caption),
      h("thead", {}, h("tr", {}, columns.map((column) => heading(column, order, onsort)))),
      h(
        "tbody",
        {},
        rows.length
          ? rows.map((row) =>
              h(
                "tr",
                { "data-key": key?.(row) },
                columns.map((column) =>
                  h(
                    column.header ? "th" : "td",
                    { scope: column.header ? "row" : null, class: [column.number && "number", column.class?.(row)].filter(Boolean).join(" ") || null },
                    column.cell(row),
                  ),
                ),
              ),
            )
          : h("tr", {}, h("td", { class: "empty", colspan: columns.length }, empty)),
      ),
    ),
  );
}

function heading(column, order, onsort) {
  const sorted = order && column.sort && order.sort === column.sort;
  const direction = sorted ? (order.descending ? "descending" : "ascending") : null;
  const label = column.title ? h("abbr", { title: column.title }, column.label) : column.label;
  return h(
    "th",
    { scope: "col", class: column.number ? "number" : null, "aria-sort": direction },
    column.sort && onsort
      ? h(
          "button",
          {
            class: "sort",
            type: "button",
            "data-sort": column.sort,
            onclick: () => onsort(column.sort, sorted ? !order.descending : Boolean(column.number)),
          },
          label,
          h("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (order.descending ? "▼" : "▲") : "↕"),
        )
      : label,
  );
}

/** Which rows are shown, and buttons to the other pages. */
export function pager({ page, size, total }, onpage) {
  const pages = Math.max(1, Math.ceil(total / size));
  const first = total ? (page - 1) * size + 1 : 0;
  const last = Math.min(total, page * size);
  return h(
    "nav",
    { class: "pager", "aria-label": T("ui_pages") },
    h("span", {}, t("ui_rows_of", { first: number(first), last: number(last), total: number(total) })),
    h("button", { type: "button", disabled: page <= 1, onclick: () => onpage(page - 1) }, T("ui_previous")),
    h("span", {}, t("ui_page_of", { page: number(page), pages: number(pages) })),
    h("button", { type: "button", disabled: page >= pages, onclick: () => onpage(page + 1) }, T("ui_next")),
  );
}

/**
 * A list whose rows the server sorts, filters and cuts. `query` is the state (page, sort, descending, filters),
 * `load(query, signal)` fetches a page, `change(query)` is told the new state. Focus stays on the heading used.
 */
export function serverList({ caption, columns, query, load, change, key, empty }) {
  const place = h("div", { class: "serverlist", "aria-busy": "true" });
  let current = { ...query };
  let running;

  async function show(next, focus) {
    current = next;
    running?.abort();
    running = new AbortController();
    place.setAttribute("aria-busy", "true");
    try {
      const found = await load(current, running.signal);
      place.replaceChildren(
        table({ caption, columns, rows: found.rows, order: current, onsort, key, empty }),
        pager(found, (page) => update({ page }, ".pager button:not([disabled])")),
      );
      place.setAttribute("aria-busy", "false");
      if (focus) place.querySelector(focus)?.focus();
    } catch (fault) {
      if (fault.name === "AbortError") return;
      place.setAttribute("aria-busy", "false");
      place.replaceChildren(h("p", { class: "error", role: "alert" }, fault.message));
    }
  }

  function onsort(sort, descending) {
    update({ sort, descending, page: 1 }, `button[data-sort="${sort}"]`);
  }

  function update(changed, focus) {
    const next = { ...current, ...changed };
    change?.(next);
    return show(next, focus);
  }

  show(current);
  return { element: place, update };
}
