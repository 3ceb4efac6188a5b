#!/usr/bin/env bash
# First start of the database server: a login and a database of its own for Airflow's metadata, the warehouse and the
# BI tool, none of which can open another's. Passwords go from file to server, never through a command line.
set -euo pipefail
export SECRETS="${SECRETS:-/run/secrets}"

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set metadata_password `cat "$SECRETS/metadata_password"`
\set warehouse_password `cat "$SECRETS/warehouse_password"`
\set bi_password `cat "$SECRETS/bi_password"`

create role airflow login password :'metadata_password';
create role loader login createrole password :'warehouse_password';
create role bi login password :'bi_password';

create database airflow owner airflow;
create database kampungkb owner loader;
create database bi owner bi;
revoke connect, temporary on database airflow, kampungkb, bi from public;

-- The BI tool reads what may be published. The load finds this role and grants to it.
set role loader;
create role kkb_viewer nologin;
reset role;
grant kkb_viewer to bi;
grant connect on database kampungkb to kkb_viewer;
SQL
