#!/usr/bin/env bash
# Restores a folder that deploy/backup.sh has written into an installation whose lake is empty, and replaces its
# databases. Stop everything but PostgreSQL before, and put the secrets of the backup's time back first.
set -euo pipefail

ON_SERVER="${ON_SERVER-docker compose exec -T postgres}"
ON_LAKE="${ON_LAKE-docker compose run --rm -T --no-deps scheduler}"
SUPERUSER="${SUPERUSER:-postgres}"
DATABASES="${DATABASES:-kampungkb airflow bi}"
LAKE="${LAKE:-/var/lib/kampungkb}"

source="${1:?Name the folder of the backup}"
(cd "$source" && sha256sum --check --quiet SHA256SUMS)
if [ -n "$($ON_LAKE find "$LAKE" -mindepth 1 -maxdepth 1 -name lake)" ]; then
    echo "There is a lake in $LAKE already; restore into an empty installation. Nothing was changed." >&2
    exit 1
fi

# A login that is there already gets the password and rights of the backup; the superuser keeps its own password.
sed --expression 's/^CREATE ROLE \(.*\);$/do $do$ begin create role \1; exception when duplicate_object then null; end $do$;/' \
    --expression "/^ALTER ROLE \"\?$SUPERUSER\"\? WITH /d" "$source/globals.sql" |
    $ON_SERVER psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$SUPERUSER" --dbname postgres
for database in $DATABASES; do
    $ON_SERVER pg_restore --username "$SUPERUSER" --clean --if-exists --single-transaction --dbname "$database" \
        < "$source/$database.dump"
done
$ON_LAKE tar --extract --preserve-permissions --directory "$LAKE" < "$source/lake.tar"
echo "Restored. Start the rest, run \`kampungkb doctor\`, then nightly_load for the date of the last load."
