"""The page in a browser, as people use it: look, sort, filter, drill down, download, decide."""

import re
from typing import Any

import msoffcrypto
import openpyxl
import pytest

from tests.browser.conftest import KEPT, Visit

VIEWS = ("overview", "villages", "quality", "quarantine", "sources", "actions", "review")
LATEST = "as_of = (select max(as_of) from ops.load_run)"

# Every text against the colour behind it, by the formula of WCAG 2: pairs under 4.5 : 1 (3 : 1 where large).
CONTRAST = """
() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b]
    .map((v) => v / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    if (element.closest('[disabled], noscript, .hidden, .skip')) continue;
    const style = getComputedStyle(element);
    const text = rgba(element.closest('svg') ? style.fill : style.color);
    const [high, low] = [light(text), light(behind(element))].sort((a, b) => b - a);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`${walker.currentNode.textContent.trim()}: ${ratio.toFixed(2)}`);
  }
  return found;
}
"""


# What a mouse can use and a user of the keyboard has to reach.
USABLE = """
[...document.querySelectorAll('a[href], button, select, input, summary, [tabindex="0"]')]
  .filter((element) => element.checkVisibility() && !element.disabled)
"""
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def violations(page: Any) -> list[str]:
    """What axe-core finds wrong by WCAG 2.2 AA: rule, and the first element that breaks it."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": WCAG}).response["violations"]
    return [f"{each['id']}: {each['nodes'][0]['html']}" for each in found]


def unreached(page: Any) -> list[str]:
    """What can be used but is never focused while the Tab key goes once through the page."""
    page.evaluate("window.reached = new Set(); document.activeElement?.blur(); window.getSelection().removeAllRanges()")
    page.mouse.click(0, 0)
    for _ in range(page.evaluate(f"{USABLE}.length") + 3):
        page.keyboard.press("Tab")
        page.evaluate("window.reached.add(document.activeElement)")
    missed: list[str] = page.evaluate(f"{USABLE}.filter((one) => !window.reached.has(one)).map((one) => one.outerHTML)")
    return missed


def number(text: str) -> float:
    """A number as Indonesian writes it."""
    return float(text.replace("\N{MINUS SIGN}", "-").replace(".", "").replace(",", "."))


def column(page: Any, place: int) -> list[str]:
    """The texts of a column of the first list, from 1."""
    return [text.strip() for text in page.locator(f".serverlist tbody tr > :nth-child({place})").all_inner_texts()]


def test_the_page_stands_in_airflows_ui_and_takes_its_theme(steward: Visit) -> None:
    page = steward.page
    page.goto(f"{steward.airflow.url}/plugin/kampungkb")
    frame = page.frame_locator("iframe")
    frame.locator("main h1").wait_for()
    assert frame.locator("main h1").inner_text() == "Ringkasan"
    for theme in ("dark", "light"):
        page.evaluate(f"document.documentElement.className = '{theme}'")
        frame.locator(f":root[data-theme={theme}]").wait_for()
        page.screenshot(path=KEPT / f"in-airflow-{theme}.png")
    run = frame.get_by_role("link", name="Buka di Airflow")
    run.click()
    page.wait_for_url(re.compile(r"/dags/nightly_load/runs/"))
    assert steward.elsewhere == []


def test_the_overview_shows_the_index_of_the_warehouse(steward: Visit) -> None:
    page = steward.open("overview")
    expected = dict(
        steward.airflow.sql(f"select basis, round(ibangga::numeric, 2) from mart.regency_index where {LATEST}")
    )
    for basis, index in expected.items():
        assert number(page.locator(f"[data-figure=ibangga-{basis}]").inner_text()) == float(index)
    assert page.locator("[data-figure=run-state]").inner_text() == "Berhasil"
    page.get_by_text("Angka sebagai tabel").first.click()
    assert page.locator(".figures tbody tr").count() == 2
    assert steward.faults == []


def test_villages_are_sorted_filtered_found_and_opened(steward: Visit) -> None:
    page = steward.open("villages")
    index = [number(text) for text in column(page, 4) if text != "–"]
    assert index == sorted(index) and len(index) > 3
    page.locator('button[data-sort="ibangga"]').click()
    page.wait_for_selector('th[aria-sort="descending"]')
    again = [number(text) for text in column(page, 4) if text != "–"]
    assert again == sorted(again, reverse=True)
    assert page.evaluate("document.activeElement.dataset.sort") == "ibangga"
    page.select_option("#kampung-kb", "yes")
    steward.settle()
    assert all("Kampung KB" in text for text in column(page, 1))
    page.select_option("#kampung-kb", "")
    page.locator(".barlist button").first.click()
    page.wait_for_selector('.barlist button[aria-pressed="true"]')
    steward.settle()
    assert len(set(column(page, 2))) == 1
    page.locator('.barlist button[aria-pressed="true"]').click()
    name, code = steward.airflow.sql(
        f"select village, village_code from mart.village_index where {LATEST} and families > 0 "
        "order by village_code limit 1"
    )[0]
    page.fill("#search", name)
    steward.until(f"location.hash.includes({name.split()[0]!r})")
    steward.settle()
    page.get_by_role("link", name=name, exact=True).first.click()
    steward.until(f"location.hash.includes('/{code}')")
    steward.settle()
    assert page.locator("h1").inner_text() == name
    assert page.locator("tr[data-key]").count() == int(
        steward.airflow.sql(
            f"select count(*) from mart.indicator_coverage where village_code = '{code}' and basis = 'survey'"
        )[0][0]
    )
    page.go_back()
    steward.settle()
    assert page.locator("#search").input_value() == name
    assert steward.faults == []


def test_a_tile_of_the_small_map_opens_its_village(steward: Visit) -> None:
    page = steward.open("villages")
    assert page.locator("rect.tile").count() == int(
        steward.airflow.sql(f"select count(*) from mart.village_index where {LATEST} and basis = 'integrated'")[0][0]
    )
    code, name = steward.airflow.sql(
        f"select village_code, village from mart.village_index where {LATEST} and families > 0 order by 1 limit 1"
    )[0]
    page.locator(f'rect[data-village="{code}"]').click()
    steward.until(f"location.hash.endsWith('/{code}')")
    steward.settle()
    assert page.locator("h1").inner_text() == name


def test_every_chart_says_its_figures_in_words(steward: Visit) -> None:
    for view in ("overview", "villages", "quality"):
        page = steward.open(view)
        labels = page.evaluate(
            "[...document.querySelectorAll('svg')].map((one) => one.getAttribute('aria-label') ?? '')"
        )
        assert labels and all(re.search(r"\d", label) for label in labels), view
        assert page.locator("svg:not([role=img])").count() == 0


def test_the_icon_in_airflows_bar_follows_its_theme(steward: Visit) -> None:
    page = steward.page
    for theme, icon in (("light", "icon.svg"), ("dark", "icon-dark.svg")):
        page.goto(f"{steward.airflow.url}/")
        page.evaluate(f"localStorage.setItem('theme', '{theme}')")
        page.reload()
        page.locator(f'nav img[src$="/kampungkb/assets/{icon}"], img[src$="/kampungkb/assets/{icon}"]').first.wait_for()
        page.screenshot(path=KEPT / f"airflow-bar-{theme}.png")


def test_quality_is_a_heat_map_with_the_rules_behind_it(steward: Visit) -> None:
    page = steward.open("quality")
    page.select_option("#heat-source", "civil_registry")
    steward.settle()
    worst = steward.airflow.sql(
        f"select round(score::numeric, 2) from mart.data_quality where {LATEST} and source = 'civil_registry' "
        "and dimension = 'overall' order by score limit 1"
    )[0][0]
    assert number(column(page, 3)[0]) == float(worst)
    page.select_option("#rule-source", "health_insurance")
    steward.settle()
    rules = page.locator(".serverlist").nth(1).locator("tbody th strong").all_inner_texts()
    assert rules and all(rule.startswith(("J", "A")) for rule in rules)
    assert steward.faults == []


def test_the_quarantine_of_a_village_is_downloaded_as_it_is_shown(steward: Visit) -> None:
    page = steward.open("quarantine")
    page.select_option("#filter-source", "family_survey")
    page.select_option("#filter-action", "value")
    steward.settle()
    expected = steward.airflow.sql(
        "select count(*) from ops.quarantine where source = 'family_survey' and action = 'value'"
    )[0][0]
    assert f"dari {expected}" in page.locator(".pager").inner_text()
    with page.expect_download() as waiting:
        page.click("#download")
    waiting.value.save_as(KEPT / "quarantine.xlsx")
    book = openpyxl.load_workbook(KEPT / "quarantine.xlsx")
    assert book.worksheets[0].max_row - 1 == int(expected)
    page.fill("#search", "<img src=x onerror=alert(1)>")
    page.wait_for_selector("td.empty")
    steward.keep("quarantine-empty")
    assert steward.faults == []


def test_data_docs_open_from_the_quality_view(steward: Visit) -> None:
    page = steward.open("quality")
    page.locator('a[href^="data-docs/"]').click()
    page.wait_for_url(re.compile(r"/data-docs/index\.html$"))
    page.locator("table").first.wait_for()
    steward.keep("data-docs")
    assert (steward.faults, steward.elsewhere) == ([], [])


def test_an_action_list_needs_a_purpose_and_comes_encrypted(steward: Visit) -> None:
    page = steward.open("actions")
    fetch = page.locator(".serverlist tbody button").first
    fetch.click()
    assert page.locator(".said.error").inner_text() == "Tulis dahulu untuk keperluan apa daftar ini."
    page.fill("#purpose", "kunjungan <b>rumah</b>")
    page.fill("#password", "rahasia penerima")
    with page.expect_download() as waiting:
        fetch.click()
    waiting.value.save_as(KEPT / "action-list.xlsx")
    locked = msoffcrypto.OfficeFile((KEPT / "action-list.xlsx").open("rb"))
    locked.load_key(password="rahasia penerima", verify_password=True)
    steward.until("document.querySelector('.said').textContent.includes('dicatat')")
    recorded = "select count(*) from ops.access_log where purpose like 'kunjungan <b>rumah</b> (%user admin)'"
    assert steward.airflow.sql(recorded) == [["2"]]
    assert steward.faults == []


def test_a_match_is_decided_by_keyboard_and_stands_in_the_warehouse(steward: Visit) -> None:
    page = steward.open("review")
    page.locator(".serverlist tbody button").first.click()
    page.wait_for_selector("#reason")
    key = re.search(r"pair=([0-9a-f]+)", page.url)
    assert key is not None
    page.keyboard.press("s")
    assert page.evaluate("document.activeElement.id") == "reason"
    page.fill("#reason", "dicocokkan dengan <b>kartu keluarga</b>")
    page.locator("#pair h2").focus()
    page.keyboard.press("u")
    steward.until("document.querySelector('.said').textContent.includes('no')")
    state = f"select state, decision, decided_by from vault.match_review where review_key = '{key[1]}'"
    assert steward.airflow.sql(state) == [["decided", "unsure", "admin"]]
    page.select_option("#review-state", "decided")
    steward.settle()
    page.locator(".serverlist tbody button").first.click()
    page.wait_for_selector("#undo")
    assert "<b>kartu keluarga</b>" in page.locator("#pair .note").inner_text()
    steward.keep("review-decided")
    page.locator("#pair h2").focus()
    page.keyboard.press("z")
    steward.until("document.querySelector('.said').textContent.includes('ditarik')")
    assert steward.airflow.sql(state)[0][0] == "open"
    assert steward.faults == []


def test_names_that_are_code_stand_on_the_page_as_text(steward: Visit) -> None:
    hostile = "<img src=x onerror=window.hit=1>{{7*7}}'; drop table x; --"
    code, name = steward.airflow.sql(
        f"select village_code, village from mart.village_index where {LATEST} and families > 0 order by 1 limit 1"
    )[0]
    key, person = steward.airflow.sql("select review_key, left_name from vault.match_pair order by 1 limit 1")[0]
    rename = (
        ("update mart.village_index set village = %(name)s where village_code = %(key)s", code, name),
        ("update core.dim_region set name = %(name)s where code = %(key)s", code, name),
        ("update vault.match_pair set left_name = %(name)s where review_key = %(key)s", key, person),
    )
    try:
        for statement, row, _ in rename:
            steward.airflow.write(statement, name=hostile, key=row)
        for view in (
            f"villages?search={code}",
            f"villages/{code}",
            f"actions?search={code}",
            f"review?state=&pair={key}",
        ):
            page = steward.open(view)
            page.locator("h1, th, td").filter(has_text=hostile).first.wait_for()
            assert page.locator("img").count() == 0, view
            assert page.evaluate("window.hit") is None, view
        steward.keep("hostile-names")
    finally:
        for statement, row, before in rename:
            steward.airflow.write(statement, name=before, key=row)
    assert steward.faults == []


def test_an_analyst_sees_no_names(analyst: Visit) -> None:
    page = analyst.open("overview")
    assert "Tinjau pasangan" not in page.locator("#nav").inner_text()
    analyst.open("review")
    assert page.locator("h1").inner_text() == "Ringkasan"
    status = page.evaluate("fetch('api/review').then((answer) => answer.status)")
    assert status == 403


def test_a_viewer_opens_a_village_as_it_is_published(analyst: Visit) -> None:
    access = analyst.airflow.home / "access.yaml"
    access.write_text("users: {viewer: {role: viewer}}", encoding="utf-8")
    try:
        page = analyst.open("villages")
        assert page.locator("#nav a").all_inner_texts() == ["Ringkasan", "Desa"]
        code = analyst.airflow.sql(
            "select village_code from open.village_index order by families desc nulls last limit 1"
        )
        analyst.open(f"villages/{code[0][0]}")
        published = "select count(*) from open.indicator_coverage where region_code = "
        assert page.locator("tr[data-key]").count() == int(analyst.airflow.sql(f"{published} '{code[0][0]}'")[0][0]) > 0
        analyst.keep("viewer-village")
        assert violations(page) == []
    finally:
        access.unlink()
    assert analyst.faults == []


def test_another_sites_form_cannot_decide(steward: Visit) -> None:
    page = steward.open("review")
    refused = page.evaluate(
        """async () => {
          const send = (headers) => fetch('api/review/abcd/decision',
            { method: 'POST', headers, body: '{"decision": "same", "reason": "x"}' }).then((answer) => answer.status);
          return [await send({ 'Content-Type': 'text/plain' }), await send({ 'Content-Type': 'application/json' })];
        }"""
    )
    assert refused == [403, 404]


def test_without_a_session_the_page_says_so(steward: Visit) -> None:
    steward.open("overview")
    steward.page.context.clear_cookies()
    steward.page.evaluate("location.hash = '#/villages'")
    steward.page.wait_for_selector(".error")
    assert steward.page.locator("h1").inner_text() == "Sesi sudah berakhir"
    steward.keep("session-ended")


def test_the_page_speaks_english_too_and_remembers_it(steward: Visit) -> None:
    page = steward.open("overview")
    page.select_option("#language", "en")
    steward.until("document.querySelector('h1').textContent === 'Overview'")
    steward.open("villages")
    assert page.locator("h1").inner_text() == "Villages"
    assert page.locator("html").get_attribute("lang") == "en"
    assert not re.search(r"\bui_\w+|\bsource_\w+|undefined|NaN|null", page.locator("body").inner_text())


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", VIEWS)
def test_each_view_is_legible_whole_and_reachable_by_keyboard(steward: Visit, view: str, theme: str) -> None:
    page = steward.page
    page.goto(f"{steward.airflow.url}/kampungkb/")
    page.select_option("#theme", theme)
    steward.open(view)
    if view == "review":
        page.locator(".serverlist tbody button").first.click()
        page.wait_for_selector("#reason")
    if view == "villages":
        steward.keep(f"{view}-{theme}")
        page.locator(".serverlist tbody a").first.click()
        steward.until("location.hash.split('/').length > 2")
        steward.settle()
    steward.keep(f"{view}-{theme}" if view != "villages" else f"village-{theme}")
    assert page.evaluate(CONTRAST) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing runs out of the page"
    assert not re.search(r"\bui_[a-z_]+|undefined|NaN", page.locator("body").inner_text())
    unnamed = "[...document.querySelectorAll('table')].filter((table) => !table.caption?.textContent.trim()).length"
    assert page.evaluate(unnamed) == 0
    assert violations(page) == []
    assert unreached(page) == []
    assert (steward.faults, steward.elsewhere) == ([], [])
