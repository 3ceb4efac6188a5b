#!/usr/bin/env bash
# Writes a backup to a new folder below the one named: logins, every database, everything under KAMPUNGKB_HOME.
# Databases come first: a lake that is newer than the warehouse is caught up by the next load, an older one is not.
# Never run it on Sunday at 05:00 (retention) or in the nightly load. It holds personal data: docs/how-to/deploy.md.
set -euo pipefail
umask 077

# How to reach the server and the lake; other words serve an installation without containers.
ON_SERVER="${ON_SERVER-docker compose exec -T postgres}"
ON_LAKE="${ON_LAKE-docker compose run --rm -T --no-deps scheduler}"
SUPERUSER="${SUPERUSER:-postgres}"
DATABASES="${DATABASES:-kampungkb airflow bi}"
LAKE="${LAKE:-/var/lib/kampungkb}"

target="${1:?Name the folder for backups, on an encrypted volume}/$(date -u +%Y%m%dT%H%M%SZ)"
partial="$target.partial"
mkdir -p "$partial"

$ON_SERVER pg_dumpall --username "$SUPERUSER" --globals-only > "$partial/globals.sql"
for database in $DATABASES; do
    $ON_SERVER pg_dump --username "$SUPERUSER" --format custom "$database" > "$partial/$database.dump"
done
$ON_LAKE tar --create --directory "$LAKE" --exclude ./tmp --exclude ./postgres . > "$partial/lake.tar"

(cd "$partial" && sha256sum -- * > SHA256SUMS)
mv "$partial" "$target"
echo "$target"
