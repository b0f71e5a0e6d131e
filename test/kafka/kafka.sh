#!/usr/bin/env bash
# A real Apache Kafka (KRaft) for tests, from the jars that pom.xml names: no Docker, no ZooKeeper.
# Needs Java 17+, Maven and bash. One JVM for the controller (node 0) and one for each broker (1..N).
#
#   kafka.sh fetch       copy the jars into KAFKA_LIBS (nothing to do while pom.xml is unchanged)
#   kafka.sh start [N]   start those of N brokers (default 1) that are down; return when all take clients
#   kafka.sh kill ID...  SIGKILL nodes, as in a crash; 'start' brings them back with their data
#   kafka.sh stop        stop every node of KAFKA_DATA; the data stays (remove KAFKA_DATA for a clean slate)
#   kafka.sh bootstrap   print the addresses of the running brokers
#
# Environment: KAFKA_LIBS, KAFKA_DATA, KAFKA_BASE_PORT, KAFKA_WAIT_S, KAFKA_JAVA_OPTS (defaults below), and
# KAFKA_TLS, a folder with ca.pem, broker.pem (key and certificate) and password: clients must then come over TLS, with a
# certificate of that CA, and log in as user "ledger" by SCRAM-SHA-512 or PLAIN; brokers talk to each other on ports of their own.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
checkout=$(cd "$here/../.." && pwd)
libs=${KAFKA_LIBS:-$checkout/.kafka/libs}
data=${KAFKA_DATA:-$checkout/.kafka/data}
base_port=${KAFKA_BASE_PORT:-19090} # the controller's; broker ID listens on base_port + ID
wait_s=${KAFKA_WAIT_S:-120}
java_opts=${KAFKA_JAVA_OPTS:--Xms64m -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}
tls=${KAFKA_TLS:-}
[[ $libs == /* ]] || libs=$PWD/$libs
[[ $data == /* ]] || data=$PWD/$data

die() { echo "kafka.sh: $*" >&2; exit 1; }
port() { echo $((base_port + $1)); }
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$(port "$1")") 2>/dev/null; }
brokers() { seq 1 "$(cat "$data/brokers" 2>/dev/null || echo 0)"; }

# The pid of a node that runs. A recycled pid number does not pass: the command line must name our own file.
pid() {
  local p
  p=$(cat "$data/node-$1/pid" 2>/dev/null) &&
    ps -ww -o args= -p "$p" | grep -qF "$data/node-$1/server.properties" && echo "$p"
}

fetch() {
  local sum
  sum=$(cksum <"$here/pom.xml")
  [[ $(cat "$libs/.pom.cksum" 2>/dev/null) == "$sum" ]] && return
  # Beside the final place first: an interrupted download leaves nothing that looks complete.
  mvn -B -q -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$libs.$$" >&2
  echo "$sum" >"$libs.$$/.pom.cksum"
  rm -rf "$libs"
  mv -T "$libs.$$" "$libs"
}

properties() { # ID N
  local rf=$(($2 < 3 ? $2 : 3))
  local min_isr=$((rf > 1 ? rf - 1 : 1))
  local clients=PLAINTEXT://127.0.0.1:$(port "$1") among=PLAINTEXT
  if [[ $tls ]]; then
    clients=CLIENTS://127.0.0.1:$(port "$1"),BROKERS://127.0.0.1:$(port $(($1 + $2)))
    among=BROKERS
  fi
  cat <<COMMON
node.id=$1
controller.quorum.voters=0@127.0.0.1:$(port 0)
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CLIENTS:SASL_SSL,BROKERS:PLAINTEXT
log.dirs=$data/node-$1/log
# A killed broker is missed, and may come back, after this long (default 9 s).
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# The default of 128 MiB does not suit a small heap.
log.cleaner.dedupe.buffer.size=16777216
COMMON
  if (($1 == 0)); then
    cat <<CONTROLLER
process.roles=controller
listeners=CONTROLLER://127.0.0.1:$(port 0)
default.replication.factor=$rf
min.insync.replicas=$min_isr
CONTROLLER
  else
    cat <<BROKER
process.roles=broker
listeners=$clients
advertised.listeners=$clients
inter.broker.listener.name=$among
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
offsets.topic.replication.factor=$rf
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=$rf
transaction.state.log.min.isr=$min_isr
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=$rf
share.coordinator.state.topic.min.isr=$min_isr
BROKER
    [[ ! $tls ]] || secure
  fi
}

secure() {
  local module=org.apache.kafka.common.security
  cat <<SECURE
ssl.keystore.type=PEM
ssl.keystore.location=$tls/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$tls/ca.pem
listener.name.clients.ssl.client.auth=required
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.clients.scram-sha-512.sasl.jaas.config=$module.scram.ScramLoginModule required;
listener.name.clients.plain.sasl.jaas.config=$module.plain.PlainLoginModule required user_ledger="$(<"$tls/password")";
SECURE
}

format() { # ID
  local dir=$data/node-$1 users=()
  [[ ! $tls ]] || users=(--add-scram "SCRAM-SHA-512=[name=ledger,password=$(<"$tls/password")]")
  [[ -e $dir/log/meta.properties ]] || java -cp "$libs/*" kafka.tools.StorageTool format "${users[@]}" \
    -t "$(cat "$data/cluster.id")" -c "$dir/server.properties" >"$dir/format.out" 2>&1 || die "see $dir/format.out"
}

launch() { # ID
  local dir=$data/node-$1
  [[ -z $(pid "$1") ]] || return 0
  ! listening "$1" || die "port $(port "$1") is taken: set KAFKA_BASE_PORT"
  # shellcheck disable=SC2086 # java_opts is a list
  nohup java $java_opts -Dorg.slf4j.simpleLogger.showDateTime=true \
    -Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS -Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn \
    -cp "$libs/*" kafka.Kafka "$dir/server.properties" >>"$dir/server.out" 2>&1 </dev/null &
  echo $! >"$dir/pid"
}

await() { # ID. A broker opens its port only when the controller has let it in, so an open port means ready.
  local deadline=$((SECONDS + wait_s))
  until listening "$1"; do
    [[ -n $(pid "$1") ]] || die "node $1 died, see $data/node-$1/server.out"
    ((SECONDS < deadline)) || die "node $1 not ready after $wait_s s, see $data/node-$1/server.out"
    sleep 0.1
  done
}

start() { # [N]
  local n id jobs=()
  mkdir -p "$data"
  n=${1:-$(cat "$data/brokers" 2>/dev/null || echo 1)}
  [[ $(cat "$data/brokers" 2>/dev/null || echo "$n") == "$n" ]] || die "$data was made for $(cat "$data/brokers") brokers"
  fetch
  echo "$n" >"$data/brokers"
  [[ -s $data/cluster.id ]] || head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d '=' >"$data/cluster.id"
  for id in 0 $(brokers); do
    mkdir -p "$data/node-$id"
    properties "$id" "$n" >"$data/node-$id/server.properties"
    format "$id" & jobs+=($!)
  done
  for id in "${jobs[@]}"; do wait "$id"; done
  for id in 0 $(brokers); do launch "$id"; done
  for id in 0 $(brokers); do await "$id"; done
}

end() { # SIGNAL ID... A broker that finds no controller to ask for leave would linger for minutes, so none gets long.
  local signal=$1 deadline=$((SECONDS + 15)) id p
  shift
  for id; do if p=$(pid "$id"); then kill "-$signal" "$p"; fi; done
  for id; do
    while [[ -n $(pid "$id") ]] && ((SECONDS < deadline)); do sleep 0.1; done
    if p=$(pid "$id"); then kill -KILL "$p"; fi
    rm -f "$data/node-$id/pid"
  done
}

case ${1:-} in
  fetch) fetch ;;
  start) start "${2:-}" ;;
  kill) end KILL "${@:2}" ;;
  stop) # the controller goes last, since the brokers ask it for leave
    # shellcheck disable=SC2046 # a list of numbers
    end TERM $(brokers)
    end TERM 0
    ;;
  bootstrap) for id in $(brokers); do [[ -z $(pid "$id") ]] || echo "127.0.0.1:$(port "$id")"; done | paste -sd, - ;;
  *) sed -n '2,/^set/{/^set/!s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2 ;;
esac
