"""A pair for review carries no night's mark while it is listed, so that a pair which stays is not written every night.

`vault.match_pair` has the last day only of a pair that is listed no more; that of a listed one is the latest load, as
`vault.match_review` tells. Revision 0017.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

LAST_SEEN = "as_of of the last load that listed it; null while it is listed: the latest load"

REVIEW = """
create or replace view vault.match_review as
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
    case when pair.review_key is not null then coalesce(pair.last_seen, newest.as_of) end as last_seen,
    decided.decision_id,
    decided.decision,
    decided.decided_by,
    decided.decided_at,
    decided.reason
from vault.match_pair as pair
full join vault.match_decision_in_force as decided using (left_source, left_key, right_source, right_key)
cross join (select max(as_of) as as_of from ops.load_run) as newest
"""


def upgrade() -> None:
    op.alter_column(
        "match_pair", "last_seen", schema="vault", existing_type=sa.Date(), nullable=True, comment=LAST_SEEN
    )
    op.execute("update vault.match_pair set last_seen = null where last_seen = (select max(as_of) from ops.load_run)")
    op.execute(REVIEW)
