#!/bin/sh
# Fetches the sources that Debian carries and the microcontroller needs: lwIP 2.1.3 and libsodium 1.0.18.
#
#   fetch_sources.sh DEST
#
# Afterwards DEST/lwip and DEST/libsodium hold them, with Debian's patches applied. apt checks their signatures and
# hashes. A private deb-src list, made from the system's own entries, leaves the system's lists alone; no root needed.
# A second call finds DEST/.complete and does nothing.
set -eu

LWIP_VERSION=2.1.3
SODIUM_VERSION=1.0.18

dest=${1:?usage: fetch_sources.sh DEST}
stamp="lwip $LWIP_VERSION libsodium $SODIUM_VERSION"
if [ "$(cat "$dest/.complete" 2>/dev/null || true)" = "$stamp" ]; then
    exit 0
fi

mkdir -p "$dest"
dest=$(cd "$dest" && pwd)
work=$(mktemp -d "$dest/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT INT TERM
mkdir -p "$work/parts" "$work/lists" "$work/archives/partial"

# Both of apt's formats: deb822 (*.sources) and one line an entry (*.list), commented entries left out.
for file in /etc/apt/sources.list.d/*.sources; do
    [ -f "$file" ] || continue
    sed 's/^Types:.*/Types: deb-src/' "$file" > "$work/parts/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    sed -n 's/^deb[[:space:]]/deb-src /p' "$file" > "$work/parts/$(basename "$file" .list).list"
done

private_apt() {
    apt-get -qq \
        -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$work/parts" \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache::archives="$work/archives" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User= "$@"
}

cd "$work"
private_apt update
private_apt source --download-only lwip libsodium

# unpack NAME VERSION: the upstream version must be the one that the port was written for.
unpack() {
    dsc=$(ls "$work/$1"_*.dsc)
    case "$(basename "$dsc")" in
        "$1_$2"[+-]*) ;;
        *) echo "fetch_sources: wanted $1 $2 but the package lists have $(basename "$dsc" .dsc)" >&2
           exit 1 ;;
    esac
    rm -rf "${dest:?}/$1"
    dpkg-source --no-check -x "$dsc" "$dest/$1" > "$work/$1.log" 2>&1 || { cat "$work/$1.log" >&2; exit 1; }
}
unpack lwip "$LWIP_VERSION"
unpack libsodium "$SODIUM_VERSION"
grep -q 'define LWIP_VERSION_REVISION  *3' "$dest/lwip/src/include/lwip/init.h"
grep -qF "AC_INIT([libsodium],[$SODIUM_VERSION]" "$dest/libsodium/configure.ac"
rm -f "$dest"/*.orig.tar.*
printf '%s\n' "$stamp" > "$dest/.complete"
