"""What the DAG files share; hidden from the DAG processor by `dags/.airflowignore`."""
