# One image for every part of Airflow; the compose file says which part a container is. `--target spark` makes the one
# that also holds Spark and Java, for tasks and for Spark's own processes.
# Tags are pinned here and not by digest; docs/how-to/deploy.md says how to pin the digest you have checked.
ARG PYTHON_IMAGE=python:3.12.12-slim-bookworm
ARG JAVA_IMAGE=eclipse-temurin:17.0.15_6-jre-jammy

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /opt/kampungkb
COPY requirements/bootstrap.txt requirements/run.txt requirements/image.txt requirements/
RUN python -m venv .venv \
    && .venv/bin/pip install --require-hashes -r requirements/bootstrap.txt -r requirements/image.txt
COPY pyproject.toml README.md LICENSE ./
COPY plugins plugins
COPY dags dags
COPY include include
COPY expectations expectations
RUN .venv/bin/pip install --no-index --no-deps --no-build-isolation -e . \
    && .venv/bin/pip uninstall --yes uv \
    && python -m compileall -q plugins dags

FROM build AS build-spark
COPY requirements/spark.txt requirements/
RUN .venv/bin/pip install --require-hashes -r requirements/spark.txt

FROM ${JAVA_IMAGE} AS java

FROM ${PYTHON_IMAGE} AS base
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    PATH=/opt/kampungkb/.venv/bin:$PATH \
    AIRFLOW_HOME=/var/lib/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/kampungkb/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/kampungkb/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS=False \
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED=False \
    GX_ANALYTICS_ENABLED=false \
    KAMPUNGKB_HOME=/var/lib/kampungkb
RUN groupadd --gid 10001 kampungkb \
    && useradd --uid 10001 --gid 10001 --create-home --shell /usr/sbin/nologin kampungkb \
    && install -d -m 0700 -o kampungkb -g kampungkb /var/lib/airflow /var/lib/kampungkb /var/lib/spark
WORKDIR /opt/kampungkb
USER 10001:10001
CMD ["kampungkb", "--help"]

FROM base AS spark
ENV JAVA_HOME=/opt/java/openjdk
COPY --from=java /opt/java/openjdk /opt/java/openjdk
COPY --from=build-spark /opt/kampungkb /opt/kampungkb

FROM base AS airflow
COPY --from=build /opt/kampungkb /opt/kampungkb
