# Airbyte's base image for Python connectors, by digest: Python 3.13, a user `airbyte` with id 1000.
ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.1.0@sha256:1d1aa21d34e851df4e8a87b391c27724c06e2597608e7161f4d167be853bd7b6

FROM ${BASE_IMAGE} AS builder
WORKDIR /build
COPY pyproject.toml requirements-dev.lock README.md LICENSE manifest.yaml ./
COPY source_front ./source_front
# The lock only constrains: of all it pins, no more than the connector needs is installed. pip compiles the bytecode.
RUN pip install --no-cache-dir --compile --prefix=/install --constraint requirements-dev.lock .

FROM ${BASE_IMAGE}
WORKDIR /airbyte/integration_code
COPY --from=builder /install /usr/local
# Airbyte's platform starts the connector by this variable, everyone else by the entry point.
ENV AIRBYTE_ENTRYPOINT="source-front"
USER 1000
ENTRYPOINT ["source-front"]
