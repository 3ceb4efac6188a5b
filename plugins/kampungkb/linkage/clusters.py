"""Clusters: records joined by pairs, directly or through others, are one person."""

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def label_records(connection: DuckDBPyConnection, pairs: str, target: str = "record_label") -> None:
    """From `person_number` and the pairs (`left_id, right_id`) of a query make `target` (`record_id, label`).

    Record ids count from 1 without gaps. The label is the smallest `record_id` that hangs together with the record.
    """
    found = connection.execute(pairs).fetchnumpy()
    left, right = (np.asarray(found[name], dtype=np.int64) for name in ("left_id", "right_id"))
    ((records,),) = connection.execute("select count(*) from person_number").fetchall()
    size = int(records) + 1
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), (size, size))
    _, component = connected_components(graph, directed=False)
    _, first = np.unique(component, return_index=True)
    labels = pa.table({"record_id": pa.array(np.arange(1, size)), "label": pa.array(first[component][1:])})
    connection.register("labelled", labels)
    connection.execute(f"create or replace temp table {target} as select record_id, label from labelled")
    connection.unregister("labelled")
