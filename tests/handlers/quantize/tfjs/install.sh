#!/bin/sh
# install.sh DEST: puts the packages of package.json below DEST (a build folder). Does nothing when they are there
# already. Fails, with npm's words, where no package registry can be reached.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dest=${1:?"usage: install.sh DEST"}
done_mark="$dest/installed-$(sha256sum "$here/package.json" | cut -c1-16)"
[ -e "$done_mark" ] && exit 0
command -v npm >/dev/null || { echo "npm is not installed" >&2; exit 1; }
mkdir -p "$dest"
cp "$here/package.json" "$dest/"
# The runtime needs none of the packages that it names as peers, and no install script of anybody.
(cd "$dest" && npm install --no-package-lock --ignore-scripts --legacy-peer-deps --no-audit --no-fund --silent)
touch "$done_mark"
