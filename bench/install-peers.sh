#!/usr/bin/env bash
# Installs what tidemark is compared with and the machine has not: Redis and
# PostgreSQL, by apt-get, on Debian or Ubuntu, as root. Says what it does, and does
# nothing where both are there. The benchmark starts servers of its own, so none
# of the system's is left running that was not running before. Whoever may not or
# cannot install gets the command to do it, and a benchmark that names what is
# missing.
set -euo pipefail

has() { command -v "$1" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null; }

missing=()
has redis-server || missing+=(redis-server)
has initdb && has postgres || missing+=(postgresql)

if [ ${#missing[@]} -gt 0 ] && { [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; }; then
  echo "Not installed, so not measured: ${missing[*]}. As root on Debian or Ubuntu: apt-get install ${missing[*]}" >&2
  missing=()
elif [ ${#missing[@]} -gt 0 ]; then
  echo "Installing for the benchmark: ${missing[*]}"
  # Debian starts what it installs, unless this file forbids it.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod +x $policy
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq || true # the lists of before may do
  apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null ||
    echo "Could not be installed, so not measured: ${missing[*]}" >&2
  # Nor is it to start with the machine.
  if [ -d /run/systemd/system ]; then
    for package in "${missing[@]}"; do
      echo "Stopping and disabling the system's service $package"
      systemctl disable --now --quiet "$package" || true # it was not installed
    done
  fi
else
  echo "Redis and PostgreSQL are installed."
fi

for server in redis-server postgres; do
  if pgrep -x "$server" >/dev/null; then
    echo "A $server is running that the benchmark did not start: what it uses is missing from the figures." >&2
  fi
done
