#!/usr/bin/env bash
# Makes the secrets of docker-compose.yaml that are not there yet, in the folder `secrets` (or the one named), readable
# by the containers' group 10001 alone. Nothing that exists is changed. `--sample` writes connections to the sample.
# The files end without a line break, which Airflow would take for a part of the secret.
set -euo pipefail
umask 077

sample=no
if [ "${1:-}" = --sample ]; then sample=yes; shift; fi
folder="${1:-secrets}"
mkdir -p "$folder"
cd "$folder"

keep() { # NAME: standard input becomes the file where there is none
    local text; text="$(cat)"
    if [ -e "$1" ]; then return; fi
    printf %s "$text" > ".$1.new"
    mv ".$1.new" "$1"
    echo "made $1"
}
random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

for name in postgres_password metadata_password warehouse_password bi_password redis_password \
    api_secret_key jwt_secret kampungkb_metrics_token kampungkb_pseudonym_key sample_insurance_secret; do
    random | keep "$name"
done
head -c 32 /dev/urandom | base64 | tr '+/' '-_' | keep fernet_key

metadata="airflow:$(cat metadata_password)@postgres:5432/airflow"
printf 'postgresql+psycopg://%s' "$metadata" | keep metadata_address
printf 'db+postgresql+psycopg://%s' "$metadata" | keep result_address
printf 'redis://:%s@redis:6379/0' "$(cat redis_password)" | keep broker_address

keep spark-defaults.conf <<CONF
spark.authenticate true
spark.authenticate.secret $(random)
spark.network.crypto.enabled true
CONF

# Another source is one more entry, in the forms of docs/reference/configuration.md.
warehouse="postgresql://loader:$(cat warehouse_password)@postgres:5432/kampungkb"
if [ "$sample" = yes ]; then
    home=/var/lib/kampungkb/sample
    keep connections.json <<JSON
{
  "warehouse": "$warehouse",
  "family_workbooks": {"conn_type": "fs", "extra": {"path": "$home/family_survey", "sample": true}},
  "civil_registry": {"conn_type": "sqlite", "host": "$home/registry.db", "extra": {"sample": true}},
  "health_insurance": {
    "conn_type": "http", "schema": "http", "host": "sample-insurance", "port": 8090,
    "login": "sample", "password": "$(cat sample_insurance_secret)", "extra": {"user_key": "sample", "sample": true}
  }
}
JSON
else
    keep connections.json <<JSON
{
  "warehouse": "$warehouse",
  "family_workbooks": "fs://?path=%2Fdata%2Fworkbooks"
}
JSON
fi

chmod 0440 -- *
if ! chgrp 10001 -- * 2> /dev/null; then
    echo "The containers read these files as group 10001: run  sudo chgrp 10001 $folder/*" >&2
fi
