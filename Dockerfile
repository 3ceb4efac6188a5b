# One image for every part of Airflow; the compose file says which part a container is.
FROM python:3.12-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    PATH=/opt/kampungkb/.venv/bin:$PATH \
    AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/kampungkb/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/kampungkb/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS=False \
    GX_ANALYTICS_ENABLED=false \
    KAMPUNGKB_HOME=/var/lib/kampungkb

RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin kampungkb \
    && install -d -m 0700 -o kampungkb -g kampungkb /var/lib/airflow /var/lib/kampungkb

WORKDIR /opt/kampungkb
COPY requirements/bootstrap.txt requirements/run.txt requirements/
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --require-hashes -r requirements/bootstrap.txt -r requirements/run.txt

COPY pyproject.toml README.md LICENSE ./
COPY plugins plugins
COPY dags dags
COPY include include
COPY expectations expectations
RUN .venv/bin/pip install --no-cache-dir --no-index --no-deps --no-build-isolation -e .

USER kampungkb
CMD ["kampungkb", "--help"]
