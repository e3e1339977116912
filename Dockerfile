# One static binary. The example's images come from `go run ./examples/build`.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /pacer ./cmd/pacer

FROM alpine:3
RUN apk add --no-cache ca-certificates tzdata
COPY --from=build /pacer /usr/local/bin/pacer
ENTRYPOINT ["pacer"]
