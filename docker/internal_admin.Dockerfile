# The internal process. The image holds no code of the other service and none of the command line.
# tests/integration/deployment checks the COPY list against the imports of `python -m services.internal_admin`.

FROM python:3.13.14-slim-trixie AS build
COPY requirements/runtime.txt /requirements.txt
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r /requirements.txt
WORKDIR /app
COPY contracts contracts
COPY shared shared
COPY services/__init__.py services/__init__.py
COPY services/internal_admin services/internal_admin
# The root file system is read-only, so Python's bytecode is compiled here.
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM python:3.13.14-slim-trixie
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
USER 10001:10001
EXPOSE 8081 8082
# /healthz, not /readyz: an orchestrator that restarts unhealthy containers would restart this one when Postgres is down.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-I", "-S", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8081/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["python", "-m", "services.internal_admin"]
