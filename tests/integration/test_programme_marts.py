"""The marts of the programme agree with the oracle, and with figures that can be counted by hand."""

import dataclasses
from datetime import date, timedelta
from statistics import mean, stdev
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from kampungkb.errors import AuditError, ConfigurationError
from kampungkb.lake import accepted, private_folder
from kampungkb.linkage import link
from kampungkb.refs import Published
from kampungkb.run import Run
from kampungkb.scoring import score
from kampungkb.warehouse import publish
from kampungkb.warehouse.history import COMPARED, EFFECT
from kampungkb.warehouse.programme import RULES, read_rules
from kampungkb.warehouse.staging import Staging
from tests.conftest import AS_OF
from tests.integration.test_score_oracle import frame_of
from tests.integration.warehouse_lake import CHECKS, DABO, MEPAR, Family, Night, night, write, write_checks
from tests.oracle import ibangga, programme
from tests.oracle.accepted import write_accepted
from tests.oracle.population import VILLAGES, Row, population

pytestmark = pytest.mark.integration

REGIONS = "code,name,level,parent,valid_from,valid_to,successor_code\n21.04,Lingga,kabupaten,21,,,\n" + "".join(
    f"{village},Desa {village[-1]},desa,{village[:6]},,,\n" for village in VILLAGES
)
KAMPUNG_KB = f"village_code,valid_from,valid_to,successor_code\n{VILLAGES[0]},2018-01-01,,\n"


def rows(engine: Engine, query: str, **values: object) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(query), values).mappings()]


def with_cards(tables: dict[str, list[Row]]) -> dict[str, list[Row]]:
    """Every third family gives no card, every fourth card's number is given by none, one stands in another village.

    Each registered person is on one of the cards, so that some cards are known by the head alone.
    """
    families = [{**row, "NO_KK": f"{n:016d}" if n % 3 else None} for n, row in enumerate(tables["keluarga"])]
    cards = [
        {"no_kk": f"{n + (10_000 if n % 4 == 0 else 0):016d}", "village_code": VILLAGES[n % 2]}
        for n in range(len(families))
    ]
    registered = [{**row, "no_kk": cards[n % len(cards)]["no_kk"]} for n, row in enumerate(tables["biodata_wni"])]
    return {
        **tables,
        "keluarga": families,
        "biodata_wni": registered,
        "data_keluarga": [*cards, {"no_kk": "1" * 16, "village_code": None}],
    }


def published(run: Run, tables: dict[str, list[Row]]) -> programme.World:
    """Link, score and publish a population; returns what the oracle knows about it."""
    reference = private_folder(run.settings.root / "reference")
    (reference / "regions.csv").write_text(REGIONS, encoding="utf-8")
    (reference / "kampung_kb.csv").write_text(KAMPUNG_KB, encoding="utf-8")
    validated = write_accepted(run, tables)
    for source in validated:
        folder = accepted(run.settings, run.as_of, source.source)
        write_checks(folder, [])
        names = "source source_table row_key village_code rule action column_name reason file sheet".split()
        columns = {name: ([], pa.string()) for name in names}
        write(folder / "quarantine.parquet", **columns, row_number=([], pa.int64()))
    linked = link(run, validated)
    publish(run, validated, linked, score(run, validated, linked))
    links = pd.read_parquet(linked.path / "person_link.parquet")
    family_link = pd.read_parquet(linked.path / "family_link.parquet")
    biodata = frame_of("civil_registry", "biodata_wni", tables["biodata_wni"])
    peserta = frame_of("health_insurance", "peserta", tables["peserta"])
    expected = ibangga.expect(
        keluarga=frame_of("family_survey", "keluarga", tables["keluarga"]),
        anggota=frame_of("family_survey", "anggota", tables["anggota"]),
        biodata_wni=biodata,
        peserta=peserta,
        person_link=links,
        family_link=family_link,
        villages=VILLAGES,
        as_of=run.as_of,
    )
    evidence = ibangga.Evidence(*(ibangga.records(frame) for frame in (biodata, peserta, links)), run.as_of)
    return programme.World(tables, expected, evidence, run.as_of).keyed(
        {row["source_key"]: row["family_key"] for row in ibangga.records(family_link)}
    )


def assert_same(found: Row, expected: Row, where: object) -> None:
    for name, value in expected.items():
        wanted = pytest.approx(value, abs=1e-6) if isinstance(value, float) else value
        assert found[name] == wanted, (where, name)


def test_every_mart_agrees_with_the_oracle(warehouse_run: Run, warehouse_engine: Engine) -> None:
    world = published(warehouse_run, with_cards(population(7, families=300, as_of=AS_OF)))
    marts = {
        "source_agreement": (programme.source_agreement, ("village_code", "indicator"), 4 * 4),
        "survey_coverage": (programme.survey_coverage, ("village_code",), 4),
        "sector_action": (programme.sector_action, ("village_code", "need"), 4 * 19),
        "life_cycle": (programme.life_cycle, ("village_code", "life_cycle"), 4 * 7),
        "programme_coverage": (programme.programme_coverage, ("village_code", "programme"), 4 * 5),
        "family_function": (programme.family_function, ("village_code", "function", "basis"), 4 * 8 * 2),
        "kampung_kb_candidate": (programme.kampung_kb_candidate, ("village_code",), 3),
    }
    for mart, (oracle, keys, count) in marts.items():
        found = rows(warehouse_engine, f"select * from mart.{mart}")
        assert len(found) == count, mart
        for row in found:
            key = [row[name] for name in keys]
            assert_same(row, oracle(world, *key), (mart, key))  # type: ignore[operator]
    # The comparison means something: every kind of answer is there.
    totals = rows(
        warehouse_engine,
        "select sum(both_yes) a, sum(both_no) b, sum(survey_only_yes) c, sum(registry_only_yes) d, sum(missing) e,"
        " sum(not_applicable) f from mart.source_agreement",
    )
    assert all(count > 0 for count in totals[0].values())


def test_candidates_are_ranked_by_need_and_villages_without_families_are_not(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    published(warehouse_run, with_cards(population(8, families=60, as_of=AS_OF)))
    found = rows(warehouse_engine, "select village_code, rank, need_score from mart.kampung_kb_candidate order by rank")
    assert [row["rank"] for row in found] == [1, 2, None]
    assert found[0]["need_score"] > found[1]["need_score"]
    assert (found[2]["village_code"], found[2]["need_score"]) == (VILLAGES[3], None)


def test_agreement_by_hand(warehouse_run: Run, warehouse_engine: Engine) -> None:
    said = [("1", "1"), ("0", "0"), ("0", "0"), ("1", "0"), ("0", "1"), ("1", "m"), ("-", "1"), ("1", "n")]
    families = [
        Family(f"{n:018d}", DABO, f"{survey}111111111", "1" * 10, evidence=f"{evidence}m--------")
        for n, (survey, evidence) in enumerate(said)
    ]
    publish(warehouse_run, *Night(families, CHECKS).write(warehouse_run))
    found = {
        (row["village_code"], row["indicator"]): row
        for row in rows(warehouse_engine, "select * from mart.source_agreement")
    }
    assert len(found) == 3 * 2
    counts = {"both_yes": 1, "both_no": 2, "survey_only_yes": 1, "registry_only_yes": 1, "missing": 2}
    assert_same(found[DABO, "k1"], {**counts, "not_applicable": 1, "agreement_share": 0.6}, "k1")
    assert found[DABO, "k1"]["evidence_source"] == "civil_registry"
    assert_same(found[DABO, "k2"], {"both_yes": 0, "missing": 8, "agreement_share": None}, "k2")
    assert_same(found[MEPAR, "k1"], {"both_yes": 0, "missing": 0, "agreement_share": None}, "no families")


def test_without_a_registry_there_are_no_cards_to_compare_with(warehouse_run: Run, warehouse_engine: Engine) -> None:
    publish(warehouse_run, *night(sources=("family_survey",)).write(warehouse_run))
    found = rows(warehouse_engine, "select * from mart.survey_coverage where families_surveyed > 0")
    assert found
    assert {(row["family_cards"], row["share"]) for row in found} == {(None, None)}


def test_counts_that_do_not_fit_the_scores_stop_the_publication(warehouse_run: Run) -> None:
    references = night().write(warehouse_run)
    path = references[2].path / "village_need.parquet"
    counted = pd.read_parquet(path)
    counted["families"] += 1
    counted.to_parquet(path)
    with pytest.raises(AuditError, match="sector_action: families in need are those of the scores"):
        publish(warehouse_run, *references)


def effect_night(run: Run, as_of: date, indexes: dict[str, float], kampung_kb: slice = slice(3)) -> Published:
    """A load in which each village has families whose index is the given one, on both bases."""
    run = dataclasses.replace(run, as_of=as_of, run_id=f"run-{as_of}")
    families = [Family(f"{v}{n:08d}", v, "1" * 10, "1" * 10) for v in indexes for n in range(2)]
    references = Night(families, CHECKS).write(run)
    path = references[2].path / "family_score.parquet"
    scores = pd.read_parquet(path)
    for name in ("ketentraman", "kemandirian", "kebahagiaan", "ibangga"):
        scores[name] = scores["village_code"].map(indexes)
    scores.to_parquet(path)
    reference = run.settings.root / "reference"
    lines = [f"{v},Desa {v},desa,{v[:6]},,," for v in indexes]
    header = "code,name,level,parent,valid_from,valid_to,successor_code"
    (reference / "regions.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    members = [f"{v},2018-01-01,," for v in list(indexes)[kampung_kb]]
    register = ["village_code,valid_from,valid_to,successor_code", *members]
    (reference / "kampung_kb.csv").write_text("\n".join(register) + "\n", encoding="utf-8")
    return publish(run, *references)


def test_kampung_kb_are_held_against_their_nearest_villages_over_time(
    warehouse_run: Run, warehouse_engine: Engine
) -> None:
    v = [f"210401200{n}" for n in range(1, 8)]
    first = dict(zip(v, (50.0, 52.0, 60.0, 50.0, 51.0, 53.0, 90.0), strict=True))
    second = dict(zip(v, (55.0, 58.0, 66.0, 51.0, 51.0, 54.0, 20.0), strict=True))
    effect_night(warehouse_run, AS_OF, first)
    effect_night(warehouse_run, AS_OF + timedelta(90), second)
    found = {
        row["as_of"]: row
        for row in rows(
            warehouse_engine,
            "select * from mart.kampung_kb_effect where basis = 'integrated' and measure = 'ibangga'",
        )
    }
    # The three nearest of each are the villages of 50, 51 and 53: the one of 90 is never near.
    then, now = mean((50, 51, 53)), mean((51, 51, 54))
    start, end = found[AS_OF], found[AS_OF + timedelta(90)]
    assert_same(start, {"villages": 3, "kampung_kb_mean": 54.0, "comparison_mean": then, "change": None}, "first")
    assert_same(start, {"difference": 54 - then}, "first")
    changes = [55 - now - (50 - then), 58 - now - (52 - then), 66 - now - (60 - then)]
    assert_same(end, {"change": mean(changes), "baseline_as_of": AS_OF, "confidence": 0.95}, "second")
    half = end["change_high"] - end["change"]
    assert half == pytest.approx(4.303 * stdev(changes) / 3**0.5, rel=0.01)  # Student's t with 2 degrees of freedom
    assert end["change"] - end["change_low"] == pytest.approx(half, abs=1e-6)
    assert "bukan bukti" in end["caution"] and "no proof" in end["caution"]


def test_a_load_that_follows_is_compared_alone_which_leaves_what_comparing_all_gives(
    warehouse_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[int] = []
    insert = Staging.insert

    def counting(staged: Staging, connection: Any, name: str, made: Any) -> int:
        rows = insert(staged, connection, name, made)
        compared.extend([rows] if name == COMPARED else [])
        return rows

    monkeypatch.setattr(Staging, "insert", counting)
    v = [f"210401200{n}" for n in range(1, 8)]
    for days, kampung_kb in (
        (0, slice(3)),
        (1, slice(3)),
        (2, slice(1, 3)),
        (3, slice(4)),
        (4, slice(4)),
        (1, slice(4)),
    ):
        index = dict(zip(v, (50.0 + days, 52.0, 60.0 - days, 50.0, 51.0 + days, 53.0, 90.0), strict=True))
        for again in (False, True):  # the same date once more compares all loads
            changed = effect_night(warehouse_run, AS_OF + timedelta(days), index, kampung_kb).changed[EFFECT]
            assert (changed == 0) == again, days
    of_new, of_same = compared[::2], compared[1::2]
    assert of_same == [1, 2, 3, 4, 5, 5]
    assert of_new == [1, 1, 1, 4, 1, 5], (
        "a further Kampung KB is a neighbour no more, and an earlier date is no follower"
    )


def test_rules_that_cannot_be_used_are_named(tmp_path: Any) -> None:
    broken = tmp_path / "kampung_kb.yaml"
    broken.write_text(RULES.read_text(encoding="utf-8").replace("neighbours: 3", "neighbours: 0"), encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"kampung_kb.yaml cannot be used.*effect → neighbours"):
        read_rules(broken)
    assert sum(measure.weight for measure in read_rules(RULES).candidate) > 0
