#!/bin/sh
# Writes the secrets of docker-compose.yml into .env beside it (or into FILE), once, for this user only, and never over
# a file.
#   compose/init.sh [FILE]
set -eu
file=${1:-$(cd "$(dirname "$0")/.." && pwd)/.env}

random() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }

# Made for this user only.
draft=$(mktemp "$file.XXXXXX")
trap 'rm -f "$draft"' EXIT
cat >"$draft" <<SECRETS
# Written by compose/init.sh. Keep a copy elsewhere: without the first of these no token and no client secret works.
LEDGER_SECRETS_SYSTEM='1:$(random)'
# Of client "root", the first administrator
LEDGER_BOOTSTRAP_CLIENT_SECRET='$(random | tr '+/' '-_' | tr -d '=')'
POSTGRES_PASSWORD='$(random)'
# Tells docker compose that they are here.
TOKEN_LEDGER_SECRETS=written
SECRETS
# A link replaces nothing, whoever else writes at this moment.
ln "$draft" "$file" 2>/dev/null || {
  echo "init.sh: $file exists, or cannot be written: nothing was changed" >&2
  exit 1
}
echo "wrote $file, which only you can read" >&2
