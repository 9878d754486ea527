# syntax=docker/dockerfile:1

# Build and run on the same Debian release: a binary runs on the C library it was built against, or a newer one.
FROM rust:1-slim-bookworm AS build
WORKDIR /src

# Dependencies first, with an empty program, so that changed sources do not build them again.
COPY Cargo.toml Cargo.lock ./
COPY .cargo .cargo
# Not built here, but cargo wants to see every member of the workspace.
COPY tests/fake-provider tests/fake-provider
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --locked --profile dist --bin stagedoor \
    && rm -rf src

COPY config config
# SQL and scripts that are compiled in.
COPY cluster cluster
COPY src src
# Cargo goes by modification times, and those of a checkout may be older than the empty program's.
RUN touch src/main.rs src/lib.rs \
    && cargo build --locked --profile dist --bin stagedoor \
    && mkdir -p /out/bin /out/root/app /out/state/stagedoor \
    && cp target/dist/stagedoor /out/bin/stagedoor \
    && ln -s stagedoor /out/bin/litellm \
    && cp config/quickstart.yaml /out/root/app/config.yaml

# No shell and no package manager; runs as uid 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/bin/ /usr/local/bin/
COPY --from=build --chown=65532:65532 /out/root/ /
COPY --from=build --chown=65532:65532 /out/state/ /var/lib/
WORKDIR /app
# Inside a container "only this machine" would mean "nobody". Rows on their way to the database wait in the state
# directory, the only place that has to be writable: it should outlive the container.
ENV HOST=0.0.0.0 \
    STATE_DIRECTORY=/var/lib/stagedoor
VOLUME ["/var/lib/stagedoor"]
# As a number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8000 4000
# SIGTERM: readiness 503, then no new connections, then open requests end.
STOPSIGNAL SIGTERM
ENTRYPOINT ["stagedoor"]
# The demo model until a file is mounted in its place; `--config FILE --port 4000` and the like replace this line.
CMD ["--config", "/app/config.yaml", "--port", "8000"]
