"""An Airflow of its own for the tests of the DAG files, set up before Airflow is imported anywhere."""

import atexit
import os
import shutil
import tempfile

_HOME = tempfile.mkdtemp(prefix="airflow-for-tests-")
atexit.register(shutil.rmtree, _HOME, ignore_errors=True)

os.environ.setdefault("AIRFLOW_HOME", _HOME)
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
