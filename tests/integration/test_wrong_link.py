"""The wrong-link drill: what an analyst and a steward see after a wrong merge is split again."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from kampungkb.connections import WAREHOUSE, Connection
from kampungkb.linkage import link
from kampungkb.linkage.decisions import Pair, Record, decide, undo
from kampungkb.run import Run
from kampungkb.scoring import score
from kampungkb.warehouse import publish
from tests.integration.linked_nights import FIRST, LinkedNights
from tests.integration.warehouse_lake import DABO, write_checks, write_empty, write_reference
from tests.oracle.accepted import write_accepted

pytestmark = pytest.mark.integration

FAMILY, CARD = "210401100100000001", "0000000000001"
MEMBER = f"{FAMILY}-1"
PAIR = Pair.of(Record("family_survey", MEMBER), Record("health_insurance", CARD))
TABLES: dict[str, list[dict[str, Any]]] = {
    "keluarga": [{"KODE_KELUARGA": FAMILY, "TGL_PENDATAAN": date(2026, 6, 1), "village_code": DABO}],
    "anggota": [
        {
            **{"KODE_KELUARGA": FAMILY, "NO_URUT": 1, "K.01": "2104010101710001", "K.02": "Siti Aminah", "K.03": 2},
            **{"K.04": date(1971, 1, 1), "K.10": 1, "K.15": 4, "village_code": DABO},
        }
    ],
    "peserta": [
        {
            **{"noKartu": CARD, "nik": "2104024509900007", "nama": "RAJA ZULAIKHA", "tglLahir": date(1990, 9, 5)},
            **{"sex": "P", "statusPeserta.kode": "0", "tglTMT": date(2020, 1, 1), "village_code": DABO},
        }
    ],
}


class WholeNights(LinkedNights):
    """Nights that are scored, audited and published as a whole."""

    def load_all(self) -> None:
        self.tonight += 1
        run = Run(f"night-{self.tonight}", FIRST + timedelta(days=self.tonight), self.settings, self.connections)
        validated = [with_nothing_found(reference) for reference in write_accepted(run, TABLES)]
        linked = link(run, validated)
        publish(run, validated, linked, score(run, validated, linked))


def with_nothing_found(reference: Any) -> Any:
    """Checks and quarantine of a validation that found nothing."""
    write_empty(reference.path / "quarantine.parquet", "ops.quarantine_row")
    write_checks(reference.path, [])
    return reference


@pytest.fixture
def nights(run: Run, warehouse_engine: Engine, warehouse_connection: Connection) -> WholeNights:
    write_reference(run.settings.root)
    run = replace(run, connections={WAREHOUSE: warehouse_connection})
    return WholeNights(run.settings, warehouse_engine, run.connections)


def insured(nights: WholeNights) -> tuple[Any, ...]:
    """What an analyst sees of the family: insured on the integrated basis, and where that comes from."""
    [row] = nights.rows(
        "select achieved, provenance from mart.family_indicator"
        " where indicator = 'health_insurance' and basis = 'integrated'"
    )
    return row


def test_a_wrong_link_is_undone_with_the_next_load_and_its_trace_is_kept(nights: WholeNights) -> None:
    nights.load_all()
    before, keys_before = insured(nights), nights.keys()
    assert before == (False, "survey")

    decide(nights.engine, PAIR, "same", "Rina", "same street")
    nights.load_all()
    assert insured(nights) == (True, "health_insurance"), "another person's card insures the family"
    assert len(set(nights.keys().values())) == 1

    undo(nights.engine, PAIR, "Budi", "the village office says: two women")
    decide(nights.engine, PAIR, "different", "Budi", "the village office says: two women")
    nights.load_all()

    assert insured(nights) == before
    member, card = nights.keys()["family_survey", MEMBER], nights.keys()["health_insurance", CARD]
    assert member != card
    kept = set(keys_before.values()) & {member, card}
    assert len(kept) == 1, "the part that kept the key is the same person as before the merge"
    [(given_up, stands_now)] = nights.rows("select old_key, person_key from vault.person_alias")
    assert {given_up} == set(keys_before.values()) - kept
    assert {stands_now} == {member, card} - kept, "who noted the old key finds the person under the new one"
    told = nights.rows("select as_of, event from vault.person_link_history order by as_of, event")
    assert [(as_of.day - FIRST.day, event) for as_of, event in told] == [
        *((1, "appeared"), (1, "appeared")),
        *((2, "linked"), (2, "merged")),
        *((3, "linked"), (3, "split")),
    ]
    said = nights.rows("select decision, decided_by from vault.match_decision order by decision_id")
    assert said == [("same", "Rina"), ("undone", "Budi"), ("different", "Budi")]
    assert nights.rows("select state, decision, linked from vault.match_review") == [("decided", "different", False)]
