"""The survey's coverage is a share of family cards, from 0 to 1; `card_share` was nearly the same and goes.

Revision 0012. Until the next load `share` knows cards by the number that a family gives, not by the head's link.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COMMENTS = {
    "share": "cards_surveyed / family_cards, 0-1; null without cards",
    "cards_surveyed": "Cards of the village that a surveyed family gives or whose surveyed head is linked",
}


def upgrade() -> None:
    op.execute("update mart.survey_coverage set share = card_share where share is distinct from card_share")
    op.drop_column("survey_coverage", "card_share", schema="mart")
    for column, comment in COMMENTS.items():
        op.execute(f"comment on column mart.survey_coverage.{column} is '{comment}'")
