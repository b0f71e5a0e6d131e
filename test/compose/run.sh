#!/usr/bin/env bash
# The whole of docker-compose.yml on a real engine, by hand: builds the image, starts everything, walks the tour through
# the one public address, kills, stops and starts again, and looks for secrets where none may be. Removes what it made.
# Ends with "OK", or with what failed.
# Needs bash, curl, Node.js and Docker with compose v2, on the engine that DOCKER_HOST names.
#
#   test/compose/run.sh            one broker
#   test/compose/run.sh three      with compose/three-brokers.yml, and the loss of a broker
#
# Environment: BUILD_OPTIONS for docker build (for example --network host), PUBLIC_PORT, ADMIN_PORT, NETWORK.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

kind=${1:-one}
case $kind in one | three) ;; *) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2; exit 2 ;; esac

for name in $(compgen -e LEDGER_) POSTGRES_PASSWORD; do unset "$name"; done
public_port=${PUBLIC_PORT:-14444} admin_port=${ADMIN_PORT:-14445}
public=http://127.0.0.1:$public_port admin=http://127.0.0.1:$admin_port
image=token-ledger:compose-test network=${NETWORK:-172.29.45}
export TOKEN_LEDGER_IMAGE=$image TOKEN_LEDGER_NETWORK=$network LEDGER_ISSUER=http://localhost:$public_port
export TOKEN_LEDGER_PUBLIC=127.0.0.1:$public_port TOKEN_LEDGER_ADMIN=127.0.0.1:$admin_port COMPOSE_ANSI=never COMPOSE_PROGRESS=plain

folder=$(mktemp -d)
files=(-f docker-compose.yml)
[[ $kind == one ]] || files+=(-f compose/three-brokers.yml)
compose() { docker compose -p token-ledger-test --env-file "$folder/.env" "${files[@]}" "$@"; }

step='nothing yet'
clean_up() {
  local rc=$?
  if ((rc)); then
    echo "FAILED: $step" >&2
    compose ps -a >&2 || true
    compose logs --tail 5 >&2 || true
  fi
  compose down -v --remove-orphans >/dev/null 2>&1 || true
  docker image rm "$image" >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap clean_up EXIT

step() { step=$1; printf '%4d s  %s\n' "$SECONDS" "$1"; }
fail() { step="$step: $1"; exit 1; }
is() { [[ $1 == "$2" ]] || fail "${3:-it} is \"$1\", not \"$2\""; } # ACTUAL EXPECTED [WHAT]
member() { node -pe "const o = JSON.parse(require('fs').readFileSync(0)); $1"; }
container() { compose ps -aq "$1"; }
state() { docker inspect -f "{{$2}}" "$(container "$1")"; }

put() { # PATH JSON
  is "$(curl -sS -o /dev/null -w '%{http_code}' -X PUT -H "Authorization: Bearer $token" -H 'If-None-Match: *' \
    -H 'Content-Type: application/json' "$admin/admin/$1" -d "$2")" 201 "the answer to PUT $1"
}
post() { # PATH JSON
  curl -fsS -H "Authorization: Bearer $token" -H 'Content-Type: application/json' "$admin/admin/$1" -d "$2"
}
check() { curl -fsS -u "$server" -H 'Content-Type: application/json' "$public/check" -d "{\"token\":\"$1\",\"resource\":\"billing:list\"}"; }
introspect() { curl -fsS -u "$server" "$public/oauth2/introspect" -d "token=$1"; }
until_ok() { for _ in $(seq 120); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.5; done; fail "never came true: $*"; }

step 'init.sh writes the secrets once, for this user only'
compose/init.sh "$folder/.env" 2>/dev/null
is "$(stat -c %a "$folder/.env")" 600 'the mode of .env'
before=$(cksum "$folder/.env")
if compose/init.sh "$folder/.env" 2>/dev/null; then fail 'it wrote over a file'; fi
is "$(cksum "$folder/.env")" "$before" '.env'
# What passwords must not contain elsewhere.
sed -i "s|^POSTGRES_PASSWORD=.*|POSTGRES_PASSWORD='p/a@s+s%2Fw#o?$(head -c 9 /dev/urandom | base64)'|" "$folder/.env"
secret_of() { sed -n "s/^$1='\(.*\)'\$/\1/p" "$folder/.env"; }

step 'the image is built'
# shellcheck disable=SC2086 # a list of options
docker build ${BUILD_OPTIONS:-} -t "$image" . >"$folder/build" 2>&1 || { tail -20 "$folder/build" >&2; exit 1; }
docker run --rm "$image" --version >/dev/null

step 'the configuration gives no warning'
compose config >"$folder/config" 2>"$folder/warnings"
is "$(cat "$folder/warnings")" ''

step 'everything becomes healthy'
compose up -d --wait >"$folder/up" 2>&1 || { tail -20 "$folder/up" >&2; exit 1; }

step 'the metadata name endpoints of the public address, which answer there'
metadata=$(curl -fsS "$public/.well-known/oauth-authorization-server")
is "$(member o.issuer <<<"$metadata")" "$LEDGER_ISSUER" 'the issuer'
is "$(member o.introspection_endpoint <<<"$metadata")" "$LEDGER_ISSUER/oauth2/introspect" 'introspection_endpoint'
for path in token revoke introspect; do
  is "$(curl -sS -o /dev/null -w '%{http_code}' -X POST "$LEDGER_ISSUER/oauth2/$path" -d x=1)" "$([[ $path == token ]] && echo 400 || echo 401)" "$path"
done

step 'an administrator makes a client, a user, a resource server and a grant'
token=$(curl -fsS -u "root:$(secret_of LEDGER_BOOTSTRAP_CLIENT_SECRET)" "$public/oauth2/token" -d grant_type=client_credentials \
  -d 'scope=ledger.admin ledger.audit' | member o.access_token)
put scopes/billing.read '{"description":"Read invoices.","includes":["billing"]}'
put groups/Accounting '{"description":"Accounting"}'
put acls/Accounting '{"allowed_groups":["Accounting"]}'
put resources/billing '{"execute_acl":"Accounting"}'
put users/bob '{"username":"bob","groups":["Accounting"]}'
client=$(post clients '{"client_name":"Billing app","client_type":"public","token_endpoint_auth_method":"none","grant_types":["refresh_token"],"scope":"billing.read"}' | member o.client_id)
server=$(post clients '{"client_name":"Billing API","grant_types":[],"resource_server_folders":["billing"]}' | member 'o.client_id + ":" + o.client_secret')
grant() { post grants "{\"client_id\":\"$client\",\"sub\":\"bob\",\"scope\":\"billing.read\"}"; }
first=$(grant)

step 'refresh, check, introspect'
second=$(curl -fsS -H 'X-Forwarded-For: 203.0.113.9' -H 'X-Forwarded-Proto: https' "$public/oauth2/token" -d grant_type=refresh_token \
  -d "client_id=$client" -d "refresh_token=$(member o.refresh_token <<<"$first")")
access=$(member o.access_token <<<"$second")
is "$(check "$access" | member o.allowed)" true 'allowed'
is "$(introspect "$access" | member o.sub)" bob 'sub'

step 'the address of a caller is the one that the proxy saw, not what the caller says'
refreshed=$(compose logs --no-log-prefix token-endpoint | grep '"path":"/oauth2/token"' | tail -1 | member o.address)
[[ $refreshed != 203.0.113.9 && $refreshed != "$network.10" ]] || fail "it is $refreshed"

step 'revoke: the check and the introspection of all tokens of the grant say so'
curl -fsS "$public/oauth2/revoke" -d "client_id=$client" -d "token=$access" >/dev/null
is "$(check "$access" | member o.active)" false 'active'
is "$(introspect "$access" | member o.active)" false 'active'
compose exec -T admin token-ledger audit verify >/dev/null
compose exec -T admin token-ledger keys status >/dev/null

step 'each container has the secrets that it needs, and no other'
secrets() { compose exec -T "$1" sh -c 'ls /data /run/secrets' | grep -v : | xargs; }
is "$(secrets projector)" database-password 'what the projector has'
is "$(secrets token-check)" 'check.secret database-password' 'what token-check has'
is "$(secrets token-endpoint)" 'database-password system-key' 'what token-endpoint has'
is "$(compose exec -T token-check stat -c '%a %U' /data/check.secret)" '600 node'

step 'a service that is killed comes back, and its proxy finds it'
second=$(grant)
for service in token-endpoint authorize token-check projector admin; do
  compose exec -T "$service" sh -c 'kill -9 -1' >/dev/null 2>&1 || true
  restarted() { [[ $(state "$service" .RestartCount) == 1 && $(state "$service" .State.Health.Status) == healthy ]]; }
  until_ok restarted
done
is "$(check "$(member o.access_token <<<"$second")" | member o.allowed)" true 'allowed'
for service in token-endpoint token-check; do compose stop "$service" >/dev/null 2>&1; done
is "$(curl -sS -o /dev/null -w '%{http_code}' -u "$server" "$public/oauth2/introspect" -d token=x)" 503 'the answer meanwhile'
compose run -d --rm --name token-ledger-test-other token-check >/dev/null 2>&1 # takes the address that became free
compose up -d --wait --force-recreate --no-deps token-check token-endpoint >/dev/null 2>&1
docker rm -f token-ledger-test-other >/dev/null
found() { check "$(member o.access_token <<<"$second")" && curl -fsS "$public/health/ready"; }
until_ok found

if [[ $kind == three ]]; then
  step 'a broker is lost: refreshes go on'
  compose kill kafka-2 >/dev/null 2>&1
  refresh() {
    curl -fsS "$public/oauth2/token" -d grant_type=refresh_token -d "client_id=$client" -d "refresh_token=$(member o.refresh_token <<<"$second")"
  }
  until_ok refresh
  second=$(refresh)
  compose up -d --wait >/dev/null 2>&1
fi

step 'no secret and no token stands in a variable, the configuration or a log'
compose exec -T token-check cat /data/check.secret >"$folder/secrets"
secret_of POSTGRES_PASSWORD >>"$folder/secrets"
secret_of LEDGER_SECRETS_SYSTEM >>"$folder/secrets"
secret_of LEDGER_BOOTSTRAP_CLIENT_SECRET >>"$folder/secrets"
printf '%s\n' "$token" "$access" "${server#*:}" >>"$folder/secrets"
(($(grep -c . "$folder/secrets") >= 7)) || fail 'the list is not whole'
# shellcheck disable=SC2046 # a list of ids
docker inspect $(compose ps -aq) >"$folder/inspect"
compose logs >"$folder/logs" 2>&1
for where in inspect logs config up; do
  [[ -s $folder/$where ]] || fail "$where is empty"
  if grep -qFf "$folder/secrets" "$folder/$where"; then fail "one stands in $where"; fi
done

step 'stop ends each service in order, within its grace period'
began=$SECONDS
compose stop >/dev/null 2>&1
((SECONDS - began < 60)) || fail "it took $((SECONDS - began)) s"
for service in token-endpoint authorize token-check projector admin postgres proxy; do
  is "$(state "$service" .State.ExitCode)" 0 "the exit code of $service"
done

step 'started again, all that was there is there'
compose up -d --wait >/dev/null 2>&1
until_ok found
is "$(introspect "$access" | member o.active)" false 'active'
compose exec -T admin token-ledger audit verify >/dev/null

step='done'
printf '%4d s  OK\n' "$SECONDS"
