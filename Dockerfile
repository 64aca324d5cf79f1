# syntax=docker/dockerfile:1
# Two builds of one revision give the same binary: make reproducible shows it. The images are pinned by tag, and not by digest: no digest was
# looked up and checked when this was written, and one that nobody renews keeps what has been repaired since. The release workflow resolves the
# tags to digests, builds with these, and writes that of the base into the labels.
ARG GO_IMAGE=golang:1.26
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot

# The compiler runs on the machine that builds and makes code for the platform that is asked for, so that nothing is emulated.
FROM --platform=$BUILDPLATFORM $GO_IMAGE AS builder
ENV GOCACHE=/cache/go-build GOTOOLCHAIN=local
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY hack/build.sh hack/build.sh
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
# What the binary says of itself. They come late, because each new value ends what can be taken from the cache.
ARG VERSION REVISION TARGETOS TARGETARCH
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH VERSION=$VERSION REVISION=$REVISION hack/build.sh scim-operator /out/scim-operator

FROM $BASE_IMAGE
ARG VERSION REVISION CREATED BASE_IMAGE
LABEL org.opencontainers.image.title="scim-operator" \
      org.opencontainers.image.description="Turns what an identity provider pushes over SCIM 2.0 into Kubernetes objects and RBAC access." \
      org.opencontainers.image.source="https://github.com/scim-operator/scim-operator" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.base.name="$BASE_IMAGE"
COPY --from=builder /out/scim-operator /scim-operator
USER 65532:65532
ENTRYPOINT ["/scim-operator"]
