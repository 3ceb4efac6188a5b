"""The warehouse: PostgreSQL, configured or embedded; models, migrations, audit and publication."""
