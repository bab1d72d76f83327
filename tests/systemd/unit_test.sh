#!/bin/bash
# unit_test.sh BUILD PREFIX [INSTALLED]: boots systemd in a container over this machine's own /usr, with what
# `cmake --install` would place (or the tree INSTALLED), and lets inside.sh look at the unit. Exit 77 = not possible here.
set -eu
build=$1
prefix=$2
installed=${3:-}
here=$(cd "$(dirname "$0")" && pwd)

skip() { echo "SKIPPED systemd_unit_test: $1"; exit 77; }
[ "$(id -u)" = 0 ] || skip "needs root"
for program in systemd-nspawn mosquitto mosquitto_passwd mosquitto_rr bwrap; do
    command -v $program >/dev/null || skip "$program is not installed"
done
[ -x /lib/systemd/systemd ] || skip "systemd is not installed"

root=$(mktemp -d /var/tmp/tinsmith-systemd-XXXXXX)
trap 'rm -rf --one-file-system "$root"' EXIT
chmod 755 "$root"
mkdir -p "$root"/{etc/systemd/system,var/log/journal,run,tmp,proc,sys,dev,usr,root,opt/check}
for link in bin lib lib64 sbin; do
    [ -L /$link ] && ln -s "$(readlink /$link)" "$root/$link"
done
cp -a /etc/alternatives /etc/ld.so.cache /etc/nsswitch.conf "$root/etc/"
cp /usr/lib/os-release "$root/etc/os-release"
printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n' > "$root/etc/passwd"
printf 'root:x:0:\nnogroup:x:65534:\n' > "$root/etc/group"
touch "$root/etc/machine-id"

boot() { systemd-nspawn --quiet --register=no --keep-unit -D "$root" --bind-ro=/usr "$@"; }
timeout 60 systemd-nspawn --quiet --register=no --keep-unit -D "$root" --bind-ro=/usr /bin/true </dev/null >/dev/null 2>&1 ||
    skip "systemd-nspawn cannot make a container here"

if [ -z "$installed" ]; then
    DESTDIR="$root/opt/tree" cmake --install "$build" --prefix "$prefix" >/dev/null
    installed="$root/opt/tree$prefix"
    [ "$prefix" = /usr/local ] || skip "installed below $prefix, the container can only show /usr/local"
else
    cp -a "$installed" "$root/opt/installed"
    installed="$root/opt/installed"
fi
chmod -R go+rX "$installed"

# A broker with the shipped configuration, and an asker.
conf=$installed/etc/tinsmith
for user in tinsmith alice; do
    touch "$conf/passwd"
    mosquitto_passwd -b "$conf/passwd" $user $user
done
chmod 644 "$conf/passwd"
echo tinsmith > "$conf/broker-password"
sed -i "s|/etc/mosquitto/|/usr/local/etc/tinsmith/|; s|^persistence_location.*|persistence_location /tmp/|" "$conf/mosquitto.conf"
echo 'user root' >> "$conf/mosquitto.conf"
sed -i 's|^user = ""|user = "tinsmith"|; s|^password_file = ""|password_file = "broker-password"|' "$conf/tinsmithd.toml"
printf '\n[askers.alice]\nallow = ["*"]\n' >> "$conf/tinsmithd.toml"
cat > "$root/etc/systemd/system/mosquitto.service" <<UNIT
[Service]
ExecStart=/usr/sbin/mosquitto -c /usr/local/etc/tinsmith/mosquitto.conf
UNIT

# A shorter watchdog, so that the test need not wait for a minute.
mkdir -p "$root/etc/systemd/system/tinsmithd.service.d"
cat > "$root/etc/systemd/system/tinsmithd.service.d/test.conf" <<UNIT
[Service]
WatchdogSec=3
TimeoutAbortSec=2
RestartSec=100ms
UNIT

# The tests of the cages, under the very sandbox of the unit.
cages=$build/tests/daemon/daemon_workers_test
if [ -x "$cages" ]; then
    mkdir -p "$root$build"
    sed "s|^ExecStart=.*|ExecStart=$cages|; s|^Type=.*|Type=oneshot|; s|^Restart=.*||; s|^WatchdogSec=.*||; s|^StateDirectory=.*||" \
        "$installed/lib/systemd/system/tinsmithd.service" > "$root/etc/systemd/system/cages.service"
    printf '[Service]\nBindReadOnlyPaths=%s\nStandardOutput=file:/opt/check/cages.log\nStandardError=file:/opt/check/cages.log\n' "$build" \
        >> "$root/etc/systemd/system/cages.service"
fi

cp "$here/inside.sh" "$root/opt/check/inside.sh"
cat > "$root/etc/systemd/system/check.service" <<UNIT
[Service]
Type=oneshot
Environment=CAGES=$([ -x "$cages" ] && echo yes)
ExecStart=/bin/bash /opt/check/inside.sh
StandardOutput=file:/opt/check/log
StandardError=file:/opt/check/log
TimeoutStartSec=300
ExecStopPost=/bin/systemctl --no-block exit 0
UNIT
cat > "$root/etc/systemd/system/check.target" <<UNIT
[Unit]
Requires=sysinit.target check.service
After=sysinit.target
UNIT

timeout 350 systemd-nspawn --quiet --register=no --keep-unit -D "$root" --bind-ro=/usr --bind="$installed":/usr/local \
    --bind-ro="$build" --boot -- systemd.unit=check.target </dev/null > "$root/opt/check/console" 2>&1 || true
cat "$root/opt/check/log" 2>/dev/null || { tail -40 "$root/opt/check/console"; echo "FAILED: systemd did not boot"; exit 1; }
grep -q '^ALL GOOD$' "$root/opt/check/log"
