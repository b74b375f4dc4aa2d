# One node. It writes to /var/lib/ecolink and nowhere else, so run it with a read-only root file system:
#
#   docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     --volume ecolink:/var/lib/ecolink --env-file node.env --publish 8470:8470 --publish 8471:8471 ecolink serve
#
# node.env holds ECOLINK_UNIT_CODE, ECOLINK_NAME_ZH, ECOLINK_NAME_EN, ECOLINK_DUTY_PHONE, ECOLINK_FEDERATION_URL, and either
# ECOLINK_BEHIND_PROXY=true or the ECOLINK_TLS_… files. Run `ecolink init` once, with the same volume, before the first `serve`.

FROM python:3.13-slim-trixie AS build
WORKDIR /build
RUN python -m venv /opt/ecolink
COPY requirements.lock ./
RUN /opt/ecolink/bin/pip install --no-cache-dir --require-hashes --only-binary :all: --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY src src
RUN /opt/ecolink/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
    && /opt/ecolink/bin/pip uninstall --yes editables hatchling pathspec pluggy tomlkit trove-classifiers pip

FROM python:3.13-slim-trixie
# pg_dump and pg_restore, for `ecolink backup` of a PostgreSQL up to version 17.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client-17 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /var/lib/ecolink --shell /usr/sbin/nologin ecolink \
    && install --directory --owner ecolink --group ecolink --mode 0700 /var/lib/ecolink
COPY --from=build /opt/ecolink /opt/ecolink
ENV PATH=/opt/ecolink/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ECOLINK_DATA_DIR=/var/lib/ecolink \
    ECOLINK_LOCAL_HOST=0.0.0.0 \
    ECOLINK_FEDERATION_HOST=0.0.0.0 \
    ECOLINK_LOG_FORMAT=json
USER 10001
WORKDIR /var/lib/ecolink
VOLUME /var/lib/ecolink
EXPOSE 8470 8471
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", "import os, ssl, urllib.request as web; own = 'ECOLINK_TLS_CERTIFICATE' in os.environ; web.urlopen(f\"http{'s' * own}://127.0.0.1:{os.environ.get('ECOLINK_LOCAL_PORT', 8470)}/livez\", timeout=4, context=ssl._create_unverified_context() if own else None)"]
ENTRYPOINT ["ecolink"]
CMD ["serve"]
