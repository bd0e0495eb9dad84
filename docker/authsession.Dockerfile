# The command line for servers of one's own: migrate, redis-acl, doctor, settings, projection. Not `up`, which brings
# its own servers. It reads the settings of both services; it serves nothing.

FROM python:3.13.14-slim-trixie AS build
COPY requirements/runtime.txt /requirements.txt
RUN python -m venv --without-pip /venv \
    && pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r /requirements.txt
WORKDIR /app
COPY contracts contracts
COPY shared shared
COPY services services
COPY authsession authsession
# The root file system is read-only: whatever Python would write it finds written.
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM python:3.13.14-slim-trixie
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
# For the volume of `redis-acl --output`: an empty volume takes the owner of the folder that it covers.
RUN install --directory --owner 10001 --group 10001 /acl
USER 10001:10001
ENTRYPOINT ["python", "-m", "authsession"]
CMD ["--help"]
