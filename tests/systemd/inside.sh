# Runs inside the container as root: starts the unit and looks at what it does.
failures=0
check() {
    local what=$1
    shift
    if "$@"; then
        echo "ok: $what"
    else
        echo "FAILED: $what"
        failures=$((failures + 1))
    fi
}
until_true() {
    for _ in $(seq 200); do
        "$@" 2>/dev/null && return 0
        sleep 0.1
    done
    return 1
}
property() { systemctl show tinsmithd -p "$1" --value; }
root=tinsmith/gateway
ask() { mosquitto_rr -h 127.0.0.1 -V 5 -u alice -P alice -q 1 -W 20 -t $root/request/alice/"$1" -e $root/response/alice/"$1" -m "$2"; }
state_is() { mosquitto_sub -h 127.0.0.1 -V 5 -u alice -P alice -t $root/state -C 1 -W 5 | grep -q "\"state\":\"$1\""; }
log_has() { journalctl -q -o cat "$@" | grep -q .; }
replaced() { [ "$(property MainPID)" != "$1" ] && [ "$(property MainPID)" != 0 ] && systemctl is-active -q tinsmithd; }

check "the user exists" getent passwd tinsmith
systemctl start mosquitto
check "the unit verifies" systemd-analyze verify /usr/local/lib/systemd/system/tinsmithd.service
check "it becomes ready" systemctl start tinsmithd
check "it runs as its own user" [ "$(ps -o user= -p "$(property MainPID)")" = tinsmith ]
check "its state folder is its own" [ "$(stat -c %U:%a /var/lib/tinsmith)" = tinsmith:750 ]
connected() { property StatusText | grep -q "connected to"; }
check "its status says what it does" until_true connected
check "it is online" until_true state_is online
check "it answers" eval "ask health '{\"id\":\"h-1\"}' | grep -q '\"status\":\"ok\"'"

# A small job: an import, with its own child process.
mkdir -p /var/lib/tinsmith/data/colours
{
    echo Red,Green,Blue,Fruit
    for i in $(seq 40); do
        echo "0.$((500 + i * 7 % 50)),0.$((200 + i * 3 % 40)),0.1$i,apple"
        echo "0.$((300 + i * 5 % 50)),0.$((400 + i * 9 % 40)),0.2$i,pear"
    done
} > /var/lib/tinsmith/data/colours/all.csv
chown -R tinsmith: /var/lib/tinsmith/data
reply=$(ask dataset '{"id":"d-1","action":"import","dataset":"colours","path":"colours","format":"csv","label":"column:Fruit","channels":["Red","Green","Blue"],"window":{"length":1},"split":"auto"}')
echo "import: $reply"
check "it takes a job" eval "echo '$reply' | grep -qE '\"status\":\"(accepted|ok)\"'"
number=0
imported() {
    number=$((number + 1))
    ask dataset "{\"id\":\"i-$number\",\"action\":\"info\",\"dataset\":\"colours\"}" | grep -q '"status":"ok"'
}
check "the job gets done" until_true imported
check "its story is in the journal by job" log_has MESSAGE_ID=4bb8a3e1c04f4d9c9c54d0b1f3a1e704
check "entries have explanations" eval "journalctl --update-catalog --root=/ 2>/dev/null; journalctl -q --no-pager -u tinsmithd | grep -q 'is ready'"

# Idle memory: the daemon alone, after its job.
sleep 1
rss=$(awk '/VmRSS/ {print $2}' /proc/"$(property MainPID)"/status)
echo "resident: $rss KB"

pid=$(property MainPID)
kill -STOP "$pid"
check "a hanging daemon is replaced by the watchdog" until_true replaced "$pid"
pid=$(property MainPID)
kill -KILL "$pid"
check "a killed daemon is replaced" until_true replaced "$pid"
check "it is online again" until_true state_is online
check "it still has the dataset" imported

check "it stops" systemctl stop tinsmithd
check "cleanly" [ "$(property Result)/$(property ExecMainStatus)" = success/0 ]
check "it said goodbye" until_true state_is offline
check "no child is left" eval "! pgrep -u tinsmith"

echo 'nonsense = 1' > /tmp/bad.toml
check "bad settings end with 78" eval "/usr/local/bin/tinsmithd --config /tmp/bad.toml --check; [ \$? = 78 ]"

if [ "$CAGES" = yes ]; then
    check "cages, compiler and emulator work in the unit's sandbox" systemctl start cages
    grep -E 'FAILED|SKIPPED|PASSED|no cages' /opt/check/cages.log
    check "none of it was skipped" eval "! grep -q 'bubblewrap cannot' /opt/check/cages.log"
fi

if [ $failures = 0 ]; then
    echo "ALL GOOD"
else
    journalctl -q --no-pager -u tinsmithd | tail -60
    [ -f /opt/check/cages.log ] && tail -60 /opt/check/cages.log
    echo "$failures failed"
fi
