"""Publish in a process of its own, so that a test can kill it: `python -m tests.integration.publish_child`.

The environment names home and warehouse, the one argument is a JSON of run id, date and the three references.
"""

import json
import sys
from datetime import date

from kampungkb.connections import connections_from_environment
from kampungkb.errors import KampungkbError
from kampungkb.refs import Linked, Scored, Validated
from kampungkb.run import Run
from kampungkb.settings import load_settings
from kampungkb.warehouse import publish


def main() -> None:
    order = json.loads(sys.argv[1])
    run = Run(
        run_id=order["run_id"],
        as_of=date.fromisoformat(order["as_of"]),
        settings=load_settings(),
        connections=connections_from_environment(),
    )
    validated = [Validated.model_validate(source) for source in order["validated"]]
    try:
        publish(run, validated, Linked.model_validate(order["linked"]), Scored.model_validate(order["scored"]))
    except KampungkbError as fault:
        sys.exit(str(fault))


if __name__ == "__main__":
    main()
