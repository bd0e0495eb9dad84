# The command line for external servers: migrate, redis-acl, doctor, settings, projection and so on. `up` does not run
# here, because the image lacks the embedded servers. The image holds both services' code for their settings, and
# serves nothing.

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
# The root file system is read-only, so Python's bytecode is compiled here.
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM python:3.13.14-slim-trixie
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
# The mount point for `redis-acl --output`: an empty volume takes over the owner of the folder that it covers.
RUN install --directory --owner 10001 --group 10001 /acl
USER 10001:10001
ENTRYPOINT ["python", "-m", "authsession"]
CMD ["--help"]
