#!/bin/sh
# A client of transportd in plain shell, with jq: one JSON message per line. The same as demo.py.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkfifo "$folder/in" "$folder/out"
transportd stdio --framing newline <"$folder/in" >"$folder/out" &
exec 3>"$folder/in" 4<"$folder/out"

# say METHOD PARAMS [ID]: one message to the daemon, PARAMS as JSON.
say() {
  jq -nc --arg method "$1" --argjson params "$2" --argjson id "${3:-null}" \
    '{jsonrpc: "2.0", method: $method, params: $params} + (if $id then {id: $id} else {} end)' >&3
}

# field FILTER: what jq finds in the last message.
field() { printf '%s\n' "$message" | jq -r "$1"; }

# step: takes one message; a callback of a connection or a process is dealt with here.
step() {
  IFS= read -r message <&4 || { echo "the daemon is gone" >&2; exit 1; }
  case $(field '.method // "answer"') in
  protocol/dataReceived)
    if [ "$(field .params.transport)" = "${connection:-}" ]; then
      field .params.text
    else
      # A connection of our server: shout, and hang up.
      shouted=$(field '.params.text | ascii_upcase')
      transport=$(field .params.transport)
      say transport/write "$(jq -nc --argjson transport "$transport" --arg text "$shouted" '{$transport, $text}')"
      say transport/close "{\"transport\":$transport}"
    fi
    ;;
  protocol/pipeDataReceived) field '.params.text | rtrimstr("\n")' ;;
  protocol/connectionLost) lost="$lost $(field .params.transport) " ;;
  esac
}

# request METHOD PARAMS: leaves the answer in $message.
id=0
request() {
  id=$((id + 1))
  say "$1" "$2" "$id"
  while step; do if [ "$(field .id)" = "$id" ]; then break; fi; done
  if [ "$(field 'has("error")')" = true ]; then field .error.message >&2; exit 1; fi
}

# until_lost ID: takes messages until that transport is lost.
lost=
until_lost() {
  while :; do case $lost in *" $1 "*) break ;; esac; step; done
}

request initialize '{"protocolVersion":1}'

request loop/createServer '{"host":"127.0.0.1","port":0,"options":{"encoding":"utf8"}}'
port=$(field '.result.sockets[0].port')
request loop/createConnection "{\"host\":\"127.0.0.1\",\"port\":$port,\"options\":{\"encoding\":\"utf8\"}}"
connection=$(field .result.transport)
say transport/write "{\"transport\":$connection,\"text\":\"hello from a socket\"}"
until_lost "$connection"

request loop/subprocessExec '{"program":"echo","args":["hello from a process"],"options":{"encoding":"utf8"}}'
until_lost "$(field .result.transport)"

request shutdown '{}'
say exit '{}'
wait
