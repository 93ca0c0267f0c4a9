#!/usr/bin/env bash
# Installs what the tests need and the machine has not: by apt-get, on Debian or
# Ubuntu, as root. Says what it does, and does nothing where all is there.
set -euo pipefail

missing=()
need() { # need COMMAND PACKAGE...
  command -v "$1" >/dev/null || missing+=("${@:2}")
}

need gcc gcc libc6-dev              # the race detector
need mkfs.ext4 e2fsprogs            # the power cut: a file system of its own
need losetup mount                  # … in a file
need mount mount
need node nodejs                    # the clients in TypeScript
need npm npm
need strace strace                  # faults of fsync
# Debian keeps the server's binaries out of the path.
if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
  need postgres postgresql          # servers of the tests' own
fi

if ! command -v go >/dev/null; then
  echo "Go is missing: install the version that go.mod names from https://go.dev/dl/" >&2
  exit 1
fi
if [ ${#missing[@]} -eq 0 ]; then
  echo "Everything that the tests need is installed."
  exit 0
fi

mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "The tests need these packages of Debian: ${missing[*]}" >&2
  echo "Install them, or run this as root where there is apt-get." >&2
  exit 1
fi
echo "Installing for the tests: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get -o Acquire::Retries=3 update -qq
apt-get -o Acquire::Retries=3 install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
# The package starts a server for the machine, which no test uses.
if [[ " ${missing[*]} " == *" postgresql "* ]]; then
  service postgresql stop >/dev/null 2>&1 || true
  if command -v systemctl >/dev/null; then systemctl disable postgresql >/dev/null 2>&1 || true; fi
fi
