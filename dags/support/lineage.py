"""What OpenLineage's listener, where it is switched on, hears of a step when its task has ended."""

from collections.abc import Mapping
from typing import Any

from kampungkb.orchestration.journal import Step
from kampungkb.run import Run


def tell_lineage(task: Any, run: Run, name: str, references: Mapping[str, Any], step: Step) -> None:
    """Give the task the method that the listener asks for datasets, at success and at failure.

    On the task that runs and not on its class: TaskFlow makes the operators itself, those of mapped tasks only now.
    """

    def facets(_: object) -> Any:
        from airflow.providers.openlineage.extractors import OperatorLineage

        from kampungkb.lineage.events import lineage_of

        inputs, outputs = lineage_of(run, name, references, step.result)
        return OperatorLineage(inputs=inputs, outputs=outputs)

    task.get_openlineage_facets_on_complete = facets
