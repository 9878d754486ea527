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
# SQL that is compiled in.
COPY cluster cluster
COPY src src
# Cargo goes by modification times, and those of a checkout may be older than the empty program's.
RUN touch src/main.rs src/lib.rs \
    && cargo build --locked --profile dist --bin stagedoor \
    && mkdir -p /out/usr/local/bin \
    && cp target/dist/stagedoor /out/usr/local/bin/stagedoor \
    && ln -s stagedoor /out/usr/local/bin/litellm

# No shell and no package manager; runs as uid 65532.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /out/ /
WORKDIR /app
# Inside a container "only this machine" would mean "nobody".
ENV HOST=0.0.0.0
EXPOSE 4000
ENTRYPOINT ["stagedoor"]
