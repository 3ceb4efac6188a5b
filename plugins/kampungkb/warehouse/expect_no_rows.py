"""Great Expectations' `unexpected_rows_expectation`, asked once: it counts the rows and does not read them as well.

Importing this module imports Great Expectations, which takes some seconds.
"""

from typing import Any, ClassVar

from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation

COUNT = "unexpected_rows_query.row_count"


class ExpectNoRows(UnexpectedRowsExpectation):
    """Expect a query to find nothing; the result tells how many rows it finds, in every format."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (COUNT,)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,
    ) -> dict[str, Any]:
        return {"success": metrics[COUNT] == 0, "result": {"observed_value": metrics[COUNT]}}
