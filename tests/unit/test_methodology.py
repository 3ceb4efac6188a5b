"""The methodology file: what it declares, and what a mistake in it says."""

from pathlib import Path

import pytest

from kampungkb.errors import ConfigurationError
from kampungkb.scoring.methodology import AnswerIndicator, CountIndicator, MembersIndicator
from kampungkb.scoring.reading import load_methodology, parse_methodology, read_methodology
from kampungkb.scoring.reference import PAGE, markdown
from kampungkb.settings import INCLUDE

pytestmark = pytest.mark.unit

FILE = INCLUDE / "methodology" / "ibangga_2021.yaml"


def mistake(old: str, new: str) -> str:
    """The message for the official file with its first `old` replaced by `new`."""
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(ConfigurationError) as fault:
        parse_methodology(text.replace(old, new, 1), "my_method.yaml")
    assert str(fault.value).startswith("The methodology my_method.yaml")
    return str(fault.value)


def test_the_index_has_three_dimensions_and_seventeen_variables_and_two_stand_beside_it() -> None:
    method = load_methodology()
    counted = [indicator for indicator in method.indicators if indicator.in_index]
    beside = [indicator.id for indicator in method.indicators if not indicator.in_index]

    assert [dimension.id for dimension in method.dimensions] == ["ketentraman", "kemandirian", "kebahagiaan"]
    assert [sum(i.dimension == d.id for i in counted) for d in method.dimensions] == [6, 7, 4]
    assert beside == ["house_environment", "living_environment"]


def test_what_the_public_sheet_leaves_open_is_a_parameter() -> None:
    indicators = {indicator.id: indicator for indicator in load_methodology().indicators}
    certificate, schooling, house = (indicators[i] for i in ("birth_certificate", "schooling", "decent_house"))

    assert isinstance(certificate, MembersIndicator) and certificate.members.age
    assert isinstance(schooling, MembersIndicator) and schooling.members.age
    assert isinstance(house, CountIndicator)
    assert (certificate.members.age.lowest, certificate.members.age.highest) == (None, 17)
    assert (schooling.members.age.lowest, schooling.members.age.highest) == (7, 18)
    assert house.minimum == 6
    assert load_methodology().categories.digits == 9


def test_every_need_belongs_to_a_sector_and_a_family_function() -> None:
    method = load_methodology()
    by_sector = {s.id: [i.id for i in method.indicators if i.sector == s.id] for s in method.sectors}

    assert by_sector["civil_registry"] == ["marriage_document", "birth_certificate", "no_divorce"]
    assert by_sector["social_affairs"] == ["health_insurance", "income", "savings"]
    assert by_sector["housing"] == ["decent_house", "house_environment", "living_environment"]
    assert len(by_sector["family_programme"]) == 6
    assert all(by_sector.values())
    assert {indicator.function for indicator in method.indicators} == {function.id for function in method.functions}


def test_programmes_and_life_cycle_are_declared() -> None:
    method = load_methodology()

    assert [programme.id for programme in method.programmes] == ["BKB", "BKR", "PIK-R", "BKL", "UPPKA"]
    assert [group.id for group in method.life_cycle] == [
        "under_five",
        "child",
        "adolescent",
        "reproductive_woman",
        "reproductive_couple",
        "productive",
        "elderly",
    ]


def test_evidence_comes_from_the_registry_and_the_insurance() -> None:
    found = {
        indicator.id: indicator.evidence.source
        for indicator in load_methodology().indicators
        if isinstance(indicator, AnswerIndicator | MembersIndicator) and indicator.evidence
    }

    assert found == {
        "marriage_document": "civil_registry",
        "birth_certificate": "civil_registry",
        "health_insurance": "health_insurance",
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("in_index: false", "in_indx: false", "indicators → house_environment → in_indx: Extra inputs"),
        ("    if_none: missing\n", "", "indicators → health_insurance → if_none: Field required"),
        ("kind: none_of", "kind: none_off", "indicators → no_conflict"),
        ("age: {to: 17}", "age: {to: old}", "indicators → birth_certificate → members → age → to: Input should be"),
        (
            "{from: 7, to: 18}",
            "{from: 19, to: 18}",
            "indicators → schooling → members → age: Value error, from 19 lies above to 18",
        ),
        ("minimum: 6", "minimum: 9", "decent_house: Value error, minimum 9 of 8 items can never be reached"),
        ("question: P.04", "question: P.40", "indicators → income → answers → P.40: KELUARGA has no coded column"),
        ("P.25: [1]  # toilet", "P.25: [1, 7]", "indicators → decent_house → items → P.25: [7] are not codes"),
        ("not_achieved: [2]", "not_achieved: [3]", "worship → answers → P.01: [3] are not codes of the contract"),
        ("not_achieved: [1, 3, 5, 10]", "not_achieved: [1, 3, 5]", "schooling → answers → K.13: the codes [10]"),
        ("achieved: [2], not_achieved: [1]}", "achieved: [2], not_achieved: [1, 2]}", "codes with two meanings: [2]"),
        ("sector: education", "sector: schools", "indicators → schooling → sector: schools is not declared"),
        ("table: peserta", "table: members", "health_insurance → evidence → table: members is not in the contract"),
        ("begins: tglTMT", "begins: tglMulai", "evidence → begins: peserta has no column tglMulai"),
        ("source: civil_registry\n", "source: registry\n", "evidence → source: registry is not one of civil_registry"),
        ("{akta_lhr: [2]}", "{akta_lhr: [9]}", "birth_certificate → evidence → cases → when → akta_lhr: [9]"),
        ("survey_stands: [3]", "survey_stands: [5]", "survey_stands: [5] are not codes of K.15"),
        ("[income, savings]", "[income, saving]", "UPPKA → eligible → not_achieved_any: there is no indicator saving"),
        ("id: health\n", "id: income\n", "indicators → income: stands twice"),
        ("below: 40", "below: 80", "levels stand from low to high"),
        ("below: 40", "below: 40, up_to: 40", "level rentan needs exactly one of below, up_to"),
        ("dimensions:\n", "dimensions: [\n", "The methodology my_method.yaml is not valid YAML (line"),
    ],
)
def test_a_mistake_names_the_file_the_indicator_and_the_key(old: str, new: str, said: str) -> None:
    assert said in mistake(old, new)


def test_several_mistakes_are_all_told() -> None:
    text = FILE.read_text(encoding="utf-8").replace("P.04", "P.44").replace("P.05", "P.55")

    with pytest.raises(ConfigurationError, match=r"P\.44.*P\.55"):
        parse_methodology(text, "two.yaml")


def test_a_methodology_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml cannot be read: No such file"):
        read_methodology(tmp_path / "none.yaml")


def test_the_reference_page_is_the_one_made_from_the_file() -> None:
    assert PAGE.read_text(encoding="utf-8") == markdown(load_methodology()), (
        "run `python -m kampungkb.scoring.reference` after a change of the methodology"
    )
