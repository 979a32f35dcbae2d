#!/usr/bin/env bash
# Takes two members through a whole exchange on a fresh server, and prints every step with its
# answer: what README.md shows is what this printed.
#
#   cargo build --release && docs/walkthrough.sh
set -euo pipefail

meguri=$(realpath "${MEGURI:-target/release/meguri}")
listen=${LISTEN:-127.0.0.1:8080}
url=http://$listen
folder=$(mktemp -d)
cd "$folder"
server=
trap 'kill -9 ${server:-0} 2>/dev/null || true; rm -rf "$folder"' EXIT

# --- what the steps below are written with -------------------------------------------------
declare -A token id

# post WHO ROUTE [BODY] [KEY]
post() {
  local key=${4:-walk-$(date +%s%N)}
  curl -sS "$url/api/$2" -H "idempotency-key: $key" -H 'content-type: application/json' \
    ${token[$1]:+-H "authorization: Bearer ${token[$1]}"} -d "${3:-{\}}"
  echo
}
# get WHO ROUTE
get() { curl -sS "$url/api/$2" ${token[$1]:+-H "authorization: Bearer ${token[$1]}"}; echo; }

step() { printf '\n## %s\n' "$1"; }
# Shows a command as it is typed, runs it, keeps its answer in $answer.
run() {
  printf '$ %s\n' "$*"
  answer=$(eval "$*")
  printf '%s\n' "$answer"
  [[ $answer != *'"type":"/problems/'* ]] || { echo "this was not to be refused" >&2; exit 1; }
}
# The same for what has to be refused.
refused() {
  printf '$ %s\n' "$*"
  answer=$(eval "$*")
  printf '%s\n' "$answer"
  [[ $answer == *'"type":"/problems/'* ]] || { echo "this was to be refused" >&2; exit 1; }
}
field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<<"$answer" | head -1; }
start() {
  rm -f said
  "$meguri" --listen "$listen" >said 2>diagnostics &
  server=$!
  disown # the shell need not report that it was killed
  until grep -qs . said; do sleep 0.05; done
  head -1 said
}
join() {
  post nobody members "{\"user_name\":\"$1\",\"nickname\":\"$2\",\"mail\":\"$1@example.jp\",\"password\":\"correct horse battery\"}"
}
log() { timeout 20 "$meguri" log "$@"; }
views() { "$meguri" views "$@"; }

# --- the walk ------------------------------------------------------------------------------
step 'A server, and two members'
start
run "join hanako はなこ"
token[hanako]=$(field token)
run "join taro たろう"
token[taro]=$(field token)

step 'Hanako posts what she needs (H01); everyone sees it on the board'
run "post hanako needs '{\"title\":\"庭の草むしり\",\"description\":\"週末に二時間ほど手伝ってください。\",\"category\":\"housework\",\"prefecture\":13,\"city\":\"世田谷区\",\"offline\":true,\"no_return_needed\":true}'"
id[need]=$(field id)
run "get nobody 'board?kind=need&prefecture=13'"

step 'Taro applies to help (H04): that opens an exchange with a room of its own (H08)'
run "post taro needs/${id[need]}/applications '{\"message\":\"お手伝いします\",\"mode\":\"in_person\"}'"
id[exchange]=$(field id)
room=exchanges/${id[exchange]}

step 'They talk; Hanako keeps negotiating (H26), Taro proposes terms, she agrees to them (H07)'
run "post hanako $room/messages '{\"text\":\"いつがよいですか\",\"keep_negotiating\":true}'"
run "post taro $room/terms '{\"what\":\"庭の草むしり\",\"when\":\"土曜の朝九時\",\"mode\":\"in_person\"}'"
run "post hanako $room/agreement '{\"terms_version\":1}'"

step 'Thanks before the help is done is refused (H18), in words'
refused "post hanako $room/thanks '{\"words\":\"ありがとう\"}'"

step 'Both report that their part is done (H21): the exchange is completed (H23)'
run "post taro $room/completion"
run "post hanako $room/completion"

step 'Hanako says thanks (H18). Her connection breaks, so she sends it again under the same key'
run "post hanako $room/thanks '{\"words\":\"とても助かりました\"}' a-key-of-hers"
run "post hanako $room/thanks '{\"words\":\"とても助かりました\"}' a-key-of-hers"

id[thanks]=$(sed 's/.*"position"://; s/}//' <<<"$answer")

step 'It was done once (H19), and it stays as his reputation (H20)'
run "get nobody members/taro"

step 'The server is killed at this very moment, and started again: nothing is lost'
kill -9 "$server"
while kill -0 "$server" 2>/dev/null; do sleep 0.05; done
start
run "get nobody members/taro/thanks"

step 'What happened, for the two who took part'
run "get taro $room/history?limit=3"

step 'The same on the command line, for who runs the server'
run "log tail --after 7 --count 4"
run "log show ${id[thanks]} --by ken --reason '通報の確認'"
run "views rebuild all"
run "log stat"
