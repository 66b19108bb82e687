# Airbyte's base image for Python connectors, by digest: Python 3.13, a user `airbyte` with id 1000.
ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.1.0@sha256:1d1aa21d34e851df4e8a87b391c27724c06e2597608e7161f4d167be853bd7b6

FROM ${BASE_IMAGE} AS builder
# An environment of its own: the base's Python also holds Poetry and all that it needs, in other versions than ours.
RUN python -m venv --without-pip /opt/source-front
WORKDIR /build
COPY pyproject.toml requirements-dev.lock README.md LICENSE manifest.yaml ./
COPY source_front ./source_front
# The lock only constrains: of all it pins, no more than the connector needs is installed. pip compiles the bytecode.
# The tests that libraries bring along are a fifth of them, and go.
RUN pip --python /opt/source-front/bin/python install --no-cache-dir --compile --constraint requirements-dev.lock . \
  && find /opt/source-front/lib -type d -name tests -prune -exec rm -r {} +

FROM ${BASE_IMAGE}
# The version is pyproject.toml's; a test holds it to that.
LABEL io.airbyte.name="sourcefront/source-front" \
      io.airbyte.version="0.1.0" \
      org.opencontainers.image.title="source-front" \
      org.opencontainers.image.description="Airbyte low-code source connector for Front (front.com)" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /airbyte/integration_code
COPY --from=builder /opt/source-front /opt/source-front
ENV PATH="/opt/source-front/bin:$PATH"
# Airbyte's platform starts the connector by this variable, everyone else by the entry point.
ENV AIRBYTE_ENTRYPOINT="source-front"
USER 1000
ENTRYPOINT ["source-front"]
