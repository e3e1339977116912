#!/bin/bash
# Runs Pacer with examples/hello: installs and starts a Docker engine where there is
# none, builds the example's image, starts `pacer dev`, and deploys hello if nothing
# is. Safe to repeat.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }

engine_up() { docker_socket=${DOCKER_HOST:-unix:///var/run/docker.sock}; curl -sf --max-time 3 --unix-socket "${docker_socket#unix://}" http://d/_ping >/dev/null 2>&1; }

if ! engine_up; then
  if [ "$(id -u)" != 0 ]; then
    say "No Docker engine answers at ${DOCKER_HOST:-unix:///var/run/docker.sock}, and only root can install or start one:"
    say "  sudo apt-get install docker.io, start it, add yourself to the group docker, and run make run again"
    exit 1
  fi
  if ! command -v dockerd >/dev/null; then
    command -v apt-get >/dev/null || { say "No Docker engine here, and no apt-get to install one: install Docker and run make run again"; exit 1; }
    say "==> installing the Docker engine (docker.io)"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends docker.io curl ca-certificates; } >/tmp/pacer-apt.log 2>&1 || { tail -5 /tmp/pacer-apt.log >&2; exit 1; }
  fi
  if ! engine_up; then
    say "==> starting the Docker engine"
    if [ -d /run/systemd/system ]; then systemctl start docker; else
      setsid dockerd --live-restore >/var/log/dockerd.log 2>&1 </dev/null &
    fi
    for _ in $(seq 100); do engine_up && break; sleep 0.2; done
    engine_up || { say "The Docker engine does not come up: see /var/log/dockerd.log"; tail -5 /var/log/dockerd.log >&2 || true; exit 1; }
  fi
fi

say "==> building the image of examples/hello"
go run ./examples/build hello

api=127.0.0.1:8080
deploy_hello() { # once Pacer answers, and nothing is deployed yet
  for _ in $(seq 300); do
    curl -sf --max-time 2 "http://$api/health/ready" >/dev/null 2>&1 && break
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  if [ "$(curl -sf "http://$api/v2/apps" | head -c 11)" = '{"apps":[]}' ]; then
    curl -sf -X POST -H 'Content-Type: application/json' "http://$api/v2/apps" -d @examples/hello/hello.json >/dev/null || return 0
  fi
  for _ in $(seq 300); do
    if curl -sf --max-time 2 -H 'Host: hello.localhost' http://127.0.0.1:8000/ >/dev/null 2>&1; then
      say "==> hello is served at http://hello.localhost:8000/    kill one of its containers and watch it come back"
      return 0
    fi
    kill -0 "$1" 2>/dev/null || return 0
    sleep 0.1
  done
  say "==> hello is not served yet: see http://$api/ui/"
}

bin/pacer dev "$@" &
pacer=$!
trap 'kill -TERM $pacer 2>/dev/null; wait $pacer; exit' INT TERM
deploy_hello $pacer &
wait $pacer
