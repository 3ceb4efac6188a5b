"""The history of the crosswalk, the review of doubtful pairs with its decisions, and duplicates within a source.

Revision 0007. What stands in the crosswalk at the upgrade counts as appeared in the latest load: when it first came is
not known.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

CARRY_OVER = """
insert into vault.person_link_history (
    source, source_key, as_of, run_id, event, person_key, match_rule, match_probability
)
select
    link.source, link.source_key, load.as_of, load.run_id, 'appeared', link.person_key, link.match_rule,
    link.match_probability
from vault.person_link as link
cross join (select as_of, run_id from ops.load_run order by as_of desc, finished_at desc limit 1) as load
"""

VIEWS = {
    "vault.match_decision_in_force": """
create view vault.match_decision_in_force as
with latest as (
    select distinct on (left_source, left_key, right_source, right_key)
        *
    from vault.match_decision
    order by left_source asc, left_key asc, right_source asc, right_key asc, decision_id desc
)

select
    decision_id, left_source, left_key, right_source, right_key, decision, decided_by, decided_at, reason
from latest
where decision <> 'undone'
""",
    "vault.match_review": """
create view vault.match_review as
select
    pair.review_key,
    case
        when decided.decision is not null then 'decided'
        when pair.doubt is not null then 'open'
        else 'settled'
    end as state,
    pair.doubt,
    pair.linked,
    pair.probability,
    pair.match_weight,
    pair.model_version,
    left_source, left_key, pair.left_nik, pair.left_name, pair.left_birth_date, pair.left_sex,
    pair.left_village_code, pair.left_family_code, pair.left_family_card, pair.left_mother_name,
    right_source, right_key, pair.right_nik, pair.right_name, pair.right_birth_date, pair.right_sex,
    pair.right_village_code, pair.right_family_code, pair.right_family_card, pair.right_mother_name,
    pair.comparison,
    pair.first_seen,
    pair.last_seen,
    decided.decision_id,
    decided.decision,
    decided.decided_by,
    decided.decided_at,
    decided.reason
from vault.match_pair as pair
full join vault.match_decision_in_force as decided using (left_source, left_key, right_source, right_key)
""",
    "vault.person_alias": """
create view vault.person_alias as
with standing as (
    select
        history.old_person_key,
        coalesce(link.person_key, history.person_key) as person_key,
        history.as_of,
        history.run_id,
        count(link.person_key) as records,
        bool_or(link.person_key = history.person_key) as stayed
    from vault.person_link_history as history
    left join vault.person_link as link
        on history.source = link.source and history.source_key = link.source_key
    where
        history.event = 'merged'
        and not exists (select from vault.person_link as carried where carried.person_key = history.old_person_key)
    group by 1, 2, 3, 4
)

select distinct on (old_person_key)
    old_person_key as old_key,
    person_key,
    as_of as since,
    run_id
from standing
order by old_person_key asc, as_of desc, records desc, stayed desc nulls last, person_key asc
""",
    "ops.match_review_count": """
create view ops.match_review_count as
select
    left_source,
    right_source,
    coalesce(
        case when left_source = 'family_survey' then left_village_code end,
        case when right_source = 'family_survey' then right_village_code end,
        left_village_code,
        right_village_code,
        'unknown'
    ) as village_code,
    state,
    decision,
    count(*) as pairs,
    min(first_seen) as oldest_since
from vault.match_review
group by 1, 2, 3, 4, 5
""",
}

KEYS = {
    "left_source": "Source of the first record",
    "left_key": "Its key in the source",
    "right_source": "Source of the second record",
    "right_key": "Its key in the source",
}
DECISION = {
    "decision_id": "Number of the decision in force",
    "decision": "same, different or unsure; null where nobody has decided",
    "decided_by": "Who decided",
    "decided_at": "When",
    "reason": "Why, in the words of the steward",
}
FACTS = {
    "nik": "NIK",
    "name": "name as written",
    "birth_date": "birth date",
    "sex": "sex: 1 male, 2 female",
    "village_code": "village code, 10 digits",
    "family_code": "KODE_KELUARGA, of a survey record",
    "family_card": "number of the family card",
    "mother_name": "name of the mother",
}
COMMENTS = {
    "vault.match_decision_in_force": {
        "": "The decision in force of every decided pair; what is undone is left out",
        **KEYS,
        **DECISION,
    },
    "vault.match_review": {
        "": "Pairs of records for review with the decision in force, one row a pair",
        "review_key": "Keyed pseudonym of the pair; null for a decided pair that no load has listed yet",
        "state": "open: waits for a decision; decided; settled: the latest load has no doubt any more",
        "doubt": "between_thresholds or conflict; null where the latest load has no doubt",
        "linked": "They are one person in the crosswalk as of the latest load",
        "probability": "Probability that they are one person, 0-1; null where not compared",
        "match_weight": "log2 of the odds that they are one person",
        "model_version": "Version of the model that compared them",
        **KEYS,
        **{
            f"{side}_{fact}": f"{which} record: {comment}"
            for side, which in (("left", "First"), ("right", "Second"))
            for fact, comment in FACTS.items()
        },
        "comparison": "List of what was compared: comparison, title, level, label, weight (log2 of the Bayes factor)",
        "first_seen": "as_of of the first load that listed the pair",
        "last_seen": "as_of of the last load that listed it",
        **DECISION,
    },
    "vault.person_alias": {
        "": "Keys given up in a merge, one row a key, and the key under which its records stand now",
        "old_key": "Person key that is no longer in force",
        "person_key": "Key that its records carry in the latest load; where none of them stands, the key of the merge",
        "since": "as_of of the load that merged them",
        "run_id": "Run that published it first",
    },
    "ops.match_review_count": {
        "": "Pairs for review in numbers, one row a pair of sources, village, state and decision",
        "left_source": "Source of the first record",
        "right_source": "Source of the second record",
        "village_code": "Village of the survey record, else of the first that has one, else `unknown`",
        "state": "open, decided or settled",
        "decision": "same, different or unsure; null where nobody has decided",
        "pairs": "Pairs",
        "oldest_since": "First load that listed the oldest of them",
    },
}


def upgrade() -> None:
    op.create_table(
        "duplicate_count",
        sa.Column("village_code", sa.Text(), nullable=False, comment="Village code of the record, or `unknown`"),
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="surveyed_in_two_families, listed_twice_in_family, several_registry_records or "
            "several_active_cards",
        ),
        sa.Column("persons", sa.Integer(), nullable=False, comment="Persons with such a record in the village"),
        sa.Column("records", sa.Integer(), nullable=False, comment="Their records in the village"),
        sa.PrimaryKeyConstraint("village_code", "source", "kind", name="duplicate_count_pkey"),
        schema="mart",
        comment="Records to clean, one row a village, source and kind with any; as of the latest load",
    )
    op.create_table(
        "duplicate_record",
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column("source_key", sa.Text(), nullable=False, comment="KODE_KELUARGA-NO_URUT, nik or noKartu"),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="surveyed_in_two_families, listed_twice_in_family, several_registry_records or "
            "several_active_cards",
        ),
        sa.Column("person_key", sa.Text(), nullable=False, comment="Key of the person"),
        sa.Column(
            "records", sa.Integer(), nullable=False, comment="Records of this kind that the person has in the source"
        ),
        sa.Column("nik", sa.Text(), nullable=True, comment="NIK"),
        sa.Column("name", sa.Text(), nullable=True, comment="Name as written"),
        sa.Column("birth_date", sa.Date(), nullable=True, comment="Birth date"),
        sa.Column("sex", sa.Integer(), nullable=True, comment="1 male, 2 female"),
        sa.Column("village_code", sa.Text(), nullable=True, comment="Village code, 10 digits"),
        sa.Column("family_code", sa.Text(), nullable=True, comment="KODE_KELUARGA of a survey record"),
        sa.Column("family_card", sa.Text(), nullable=True, comment="Number of its family card"),
        sa.PrimaryKeyConstraint("source", "source_key", name="duplicate_record_pkey"),
        schema="vault",
        comment="Persons that one source holds twice, one row a record to clean; as of the latest load",
    )
    op.create_index("duplicate_record_person_key_idx", "duplicate_record", ["person_key"], unique=False, schema="vault")
    op.create_table(
        "match_decision",
        sa.Column(
            "decision_id",
            sa.Integer(),
            sa.Identity(always=True),
            nullable=False,
            comment="Number of the decision, in the order of time",
        ),
        sa.Column("left_source", sa.Text(), nullable=False, comment="Source of the first record"),
        sa.Column("left_key", sa.Text(), nullable=False, comment="Its key in the source"),
        sa.Column("right_source", sa.Text(), nullable=False, comment="Source of the second record"),
        sa.Column("right_key", sa.Text(), nullable=False, comment="Its key in the source"),
        sa.Column(
            "decision",
            sa.Text(),
            nullable=False,
            comment="same, different, unsure, or undone: the one before is taken back",
        ),
        sa.Column("decided_by", sa.Text(), nullable=False, comment="Who decided"),
        sa.Column(
            "decided_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When",
        ),
        sa.Column("reason", sa.Text(), nullable=False, comment="Why, in the steward's words"),
        sa.CheckConstraint(
            "decision in ('same', 'different', 'unsure', 'undone')", name="match_decision_decision_check"
        ),
        sa.PrimaryKeyConstraint("decision_id", name="match_decision_pkey"),
        schema="vault",
        comment="Decisions on pairs of person records, one row a decision; the last of a pair is in force",
    )
    op.create_index(
        "match_decision_left_source_idx",
        "match_decision",
        ["left_source", "left_key", "right_source", "right_key"],
        unique=False,
        schema="vault",
    )
    op.create_table(
        "match_pair",
        sa.Column(
            "review_key",
            sa.Text(),
            nullable=False,
            comment="Keyed pseudonym of the pair; its beginning is enough for `kampungkb review`",
        ),
        sa.Column("left_source", sa.Text(), nullable=False, comment="Source of the first record"),
        sa.Column("left_key", sa.Text(), nullable=False, comment="Its key in the source"),
        sa.Column("left_nik", sa.Text(), nullable=True, comment="Its NIK"),
        sa.Column("left_name", sa.Text(), nullable=True, comment="Its name as written"),
        sa.Column("left_birth_date", sa.Date(), nullable=True, comment="Its birth date"),
        sa.Column("left_sex", sa.Integer(), nullable=True, comment="1 male, 2 female"),
        sa.Column("left_village_code", sa.Text(), nullable=True, comment="Its village code, 10 digits"),
        sa.Column("left_family_code", sa.Text(), nullable=True, comment="KODE_KELUARGA of a survey record"),
        sa.Column("left_family_card", sa.Text(), nullable=True, comment="Number of its family card"),
        sa.Column("left_mother_name", sa.Text(), nullable=True, comment="Name of the mother"),
        sa.Column("right_source", sa.Text(), nullable=False, comment="Source of the second record"),
        sa.Column("right_key", sa.Text(), nullable=False, comment="Its key in the source"),
        sa.Column("right_nik", sa.Text(), nullable=True, comment="Its NIK"),
        sa.Column("right_name", sa.Text(), nullable=True, comment="Its name as written"),
        sa.Column("right_birth_date", sa.Date(), nullable=True, comment="Its birth date"),
        sa.Column("right_sex", sa.Integer(), nullable=True, comment="1 male, 2 female"),
        sa.Column("right_village_code", sa.Text(), nullable=True, comment="Its village code, 10 digits"),
        sa.Column("right_family_code", sa.Text(), nullable=True, comment="KODE_KELUARGA of a survey record"),
        sa.Column("right_family_card", sa.Text(), nullable=True, comment="Number of its family card"),
        sa.Column("right_mother_name", sa.Text(), nullable=True, comment="Name of the mother"),
        sa.Column(
            "probability",
            sa.Double(),
            nullable=True,
            comment="Probability that they are one person, 0-1; null where not compared",
        ),
        sa.Column("match_weight", sa.Double(), nullable=True, comment="log2 of the odds that they are one person"),
        sa.Column("model_version", sa.Text(), nullable=True, comment="Version of the model that compared them"),
        sa.Column(
            "comparison",
            postgresql.JSONB(),
            nullable=False,
            comment="List of what was compared: comparison, title, level, label, weight (log2 of the Bayes factor)",
        ),
        sa.Column("linked", sa.Boolean(), nullable=False, comment="They are one person in the crosswalk"),
        sa.Column(
            "doubt",
            sa.Text(),
            nullable=True,
            comment="between_thresholds: the probability is too high to reject and too low to accept; conflict: "
            "it is high, but the link would contradict another one; null where the latest load has no "
            "doubt",
        ),
        sa.Column("first_seen", sa.Date(), nullable=False, comment="as_of of the first load that listed the pair"),
        sa.Column("last_seen", sa.Date(), nullable=False, comment="as_of of the last load that listed it"),
        sa.PrimaryKeyConstraint("review_key", name="match_pair_pkey"),
        schema="vault",
        comment="Pairs of person records for review with what is compared; read vault.match_review",
    )
    op.create_index(
        "match_pair_left_source_idx",
        "match_pair",
        ["left_source", "left_key", "right_source", "right_key"],
        unique=False,
        schema="vault",
    )
    op.create_table(
        "person_link_history",
        sa.Column("source", sa.Text(), nullable=False, comment="family_survey, civil_registry or health_insurance"),
        sa.Column("source_key", sa.Text(), nullable=False, comment="KODE_KELUARGA-NO_URUT, nik or noKartu"),
        sa.Column("as_of", sa.Date(), nullable=False, comment="Date of the load"),
        sa.Column("run_id", sa.Text(), nullable=False, comment="Run that published the change first"),
        sa.Column(
            "event",
            sa.Text(),
            nullable=False,
            comment="appeared: seen for the first time; returned: seen again; vanished: in no source any more; "
            "linked: same key by another rule; merged: its whole person went on under another key; "
            "split: its person was divided and this part has a new key; moved: it went to another known "
            "person",
        ),
        sa.Column("old_person_key", sa.Text(), nullable=True, comment="Key before; null where it appeared"),
        sa.Column("person_key", sa.Text(), nullable=True, comment="Key since; null where it vanished"),
        sa.Column("match_rule", sa.Text(), nullable=True, comment="Rule that links it since; null where it vanished"),
        sa.Column("match_probability", sa.Double(), nullable=True, comment="0-1"),
        sa.Column(
            "model_version",
            sa.Text(),
            nullable=True,
            comment="Version of the model that decided; null where an exact rule did",
        ),
        sa.CheckConstraint(
            "event in ('appeared', 'returned', 'vanished', 'linked', 'merged', 'split', 'moved')",
            name="person_link_history_event_check",
        ),
        sa.PrimaryKeyConstraint("source", "source_key", "as_of", name="person_link_history_pkey"),
        schema="vault",
        comment="Changes of the crosswalk, one row a person record and load that changed its link",
    )
    op.create_index("person_link_history_as_of_idx", "person_link_history", ["as_of"], unique=False, schema="vault")
    op.create_index(
        "person_link_history_old_person_key_idx",
        "person_link_history",
        ["old_person_key"],
        unique=False,
        schema="vault",
    )
    op.add_column(
        "person_link",
        sa.Column(
            "model_version",
            sa.Text(),
            nullable=True,
            comment="Version of the model that decided; null where an exact rule did",
        ),
        schema="vault",
    )
    op.execute(CARRY_OVER)
    for view, statement in VIEWS.items():
        op.execute(statement)
        for column, comment in COMMENTS[view].items():
            target = f"column {view}.{column}" if column else f"view {view}"
            op.execute(f"comment on {target} is '{comment}'")
