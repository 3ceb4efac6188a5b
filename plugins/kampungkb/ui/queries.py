"""What each route of the page answers: a reading of the warehouse in, plain data out."""

from collections.abc import Mapping

from kampungkb.ui.reading import Page, Reading, Row

TREND_LOADS = 60
QUALITY_LOADS = 14
EXPORT_ROWS = 100_000
QUARANTINE_KEY = "file, sheet, row_number, source, row_key, rule, column_name"

# The columns by which a list may be sorted.
VILLAGE_COLUMNS = (
    *("village_code", "village", "district", "kampung_kb", "families", "ketentraman", "kemandirian"),
    *("kebahagiaan", "ibangga", "change", "category", "rentan", "berkembang", "tangguh"),
)
TILE_COLUMNS = ("village_code", "village", "district", "kampung_kb", "ibangga", "category")
QUALITY_COLUMNS = (
    *("village_code", "village", "district", "overall", "completeness", "validity", "uniqueness", "consistency"),
    *("currentness", "accuracy", "checked", "failed"),
)
RULE_COLUMNS = (
    *("source", "rule", "dimension", "severity", "checked", "failed", "failed_share"),
    *("new_problems", "still_open", "resolved", "open_since"),
)
QUARANTINE_COLUMNS = (
    *("source", "village", "village_code", "rule", "action", "column_name", "file", "sheet", "row_number"),
)
LOAD_COLUMNS = ("as_of", "status", "started_at", "finished_at", "seconds")

# Parts of a village's page: the mart that holds them (which a warehouse may not have yet) and their statement.
VILLAGE_PARTS = {
    "functions": ("mart.family_function", "village_function"),
    "life_cycle": ("mart.life_cycle", "village_life_cycle"),
    "programmes": ("mart.programme_coverage", "village_programme"),
    "needs": ("mart.sector_action", "village_need"),
}
# What viewers see of it; persons are not published (docs/decisions/0039).
OPEN_VILLAGE_PARTS = {
    "functions": ("open.indicator_coverage", "village_function"),
    "programmes": ("open.programme_coverage", "village_programme"),
    "needs": ("open.indicator_coverage", "village_need"),
}


def overview(reading: Reading) -> Row:
    """The index on both bases with its trend, Kampung KB against the others, and how fresh the sources are."""
    viewer = reading.reader.role == "viewer"
    return {
        "load": None if viewer else next(iter(reading.rows("load_latest")), None),
        "areas": reading.rows("area_index", loads=TREND_LOADS),
        "kampung_kb": [] if viewer else reading.rows("kampung_kb_index"),
        "freshness": [] if viewer else reading.rows("freshness"),
    }


def districts(reading: Reading, basis: str) -> list[Row]:
    """The index of the districts."""
    return reading.rows("district_list", basis=basis)


def villages(reading: Reading, page: Page, **filters: str) -> Row:
    """One page of the villages; filters: `basis`, `kampung_kb` (yes, no or empty), `district`, `search`."""
    return reading.page("village_list", page, "village_code", **filters)


def tiles(reading: Reading, basis: str) -> list[Row]:
    """Every village of the region with what a tile of the map shows, by district and code."""
    rows = reading.rows("village_list", basis=basis, kampung_kb="", district="", search="")
    shown = [{name: row[name] for name in TILE_COLUMNS} for row in rows]
    return sorted(shown, key=lambda row: (row["district"] or "", row["village_code"]))


def village(reading: Reading, code: str) -> Row | None:
    """All about one village, None where there is none or the reader may not see it."""
    trend = reading.rows("village_index", village_code=code, loads=TREND_LOADS)
    if not trend:
        return None
    parts = OPEN_VILLAGE_PARTS if reading.reader.role == "viewer" else VILLAGE_PARTS
    present = {part: name for part, (mart, name) in parts.items() if reading.has(mart)}
    return {
        "trend": trend,
        "indicators": reading.rows("village_indicator", village_code=code),
        **{part: reading.rows(name, village_code=code) for part, name in present.items()},
    }


def quality(reading: Reading) -> Row:
    """Scores of the whole region, load by load, and the problems that came, stayed and went."""
    return {
        "scores": reading.rows("quality_total", loads=QUALITY_LOADS),
        "changes": reading.rows("quality_change"),
        "freshness": reading.rows("freshness"),
    }


def quality_villages(reading: Reading, page: Page, **filters: str) -> Row:
    """One page of the heat map; filters: `source`, `search`."""
    return reading.page("quality_village", page, "village_code", **filters)


def quality_rules(reading: Reading, page: Page, **filters: str) -> Row:
    """One page of the rules by how often they are broken; filters: `source`, `village`."""
    return reading.page("quality_rule", page, "source, rule", **filters)


def quarantine(reading: Reading, page: Page, **filters: str) -> Row:
    """One page of the quarantine; filters: `source`, `village`, `rule`, `action`, `search`."""
    return reading.table_page(
        "quarantine_list", page, QUARANTINE_KEY, "quarantine_seen", **filters, **_found(reading, filters)
    )


def quarantine_export(reading: Reading, **filters: str) -> list[Row]:
    """The findings of the same filters, by place; at most one more than :data:`EXPORT_ROWS`."""
    found = _found(reading, filters)
    return reading.first("quarantine_list", EXPORT_ROWS + 1, QUARANTINE_KEY, "quarantine_seen", **filters, **found)


def _found(reading: Reading, filters: Mapping[str, str]) -> Row:
    """The texts that a search finds, once for the rows and their number."""
    return reading.rows("quarantine_match", search=filters["search"])[0]


def quarantine_facets(reading: Reading) -> Row:
    """The choices of the quarantine's filters, each with its number of findings."""
    kinds: Row = {"source": [], "rule": [], "action": [], "village": []}
    for row in reading.rows("quarantine_facet"):
        kinds[row.pop("kind")].append(row)
    return kinds


def sources(reading: Reading) -> Row:
    """What each source delivered to the latest load, and what the gates found where the warehouse holds it.

    Gates speak of whole deliveries: a reader with a region does not see them.
    """
    found: Row = {"sources": reading.rows("source_list")}
    if not reading.reader.region and reading.has("ops.gate_result"):
        found["gates"] = reading.rows("gate_list")
    return found


def loads(reading: Reading, page: Page) -> Row:
    """One page of the published loads."""
    return reading.page("load_list", page, "run_id")
