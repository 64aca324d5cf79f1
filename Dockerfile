# syntax=docker/dockerfile:1
# The base images are pinned by tag; a release pipeline should resolve the tags to digests.
FROM --platform=$BUILDPLATFORM golang:1.26 AS builder
ARG TARGETOS
ARG TARGETARCH
ENV GOCACHE=/cache/go-build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags="-s -w" -o /out/scim-operator ./cmd/scim-operator

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=builder /out/scim-operator /scim-operator
USER 65532:65532
ENTRYPOINT ["/scim-operator"]
