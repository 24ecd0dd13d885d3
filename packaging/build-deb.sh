#!/usr/bin/env bash
# Builds a Debian package from the release binaries, with dpkg-deb alone.
#   packaging/build-deb.sh [FOLDER WITH rookery AND rookeryctl] [FOLDER FOR THE PACKAGE]
# Without a folder of binaries they are built first.
set -euo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-target}
if [ $# -ge 1 ]; then
    binaries=$1
else
    cargo build --locked --release --package server --package ctl
    binaries=$target/release
fi
out=${2:-$target/debian}
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
architecture=$(dpkg --print-architecture)

tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 0755 "$tree"
place() { install -D -m "$1" "$2" "$tree$3"; }

place 0755 "$binaries/rookery" /usr/bin/rookery
place 0755 "$binaries/rookeryctl" /usr/bin/rookeryctl
if command -v strip >/dev/null; then
    strip --strip-debug "$tree/usr/bin/rookery" "$tree/usr/bin/rookeryctl"
fi
place 0644 crates/server/src/defaults.yml /etc/rookery/ejabberd.yml
place 0644 packaging/debian/default /etc/default/rookery
place 0644 packaging/systemd/rookery.service /lib/systemd/system/rookery.service
place 0644 packaging/completions/rookeryctl.bash /usr/share/bash-completion/completions/rookeryctl
place 0644 packaging/completions/_rookeryctl /usr/share/zsh/vendor-completions/_rookeryctl
place 0644 packaging/completions/rookeryctl.fish /usr/share/fish/vendor_completions.d/rookeryctl.fish
mkdir -p "$tree/usr/share/man/man1"
for page in rookery rookeryctl; do
    gzip -9nc "packaging/man/$page.1" >"$tree/usr/share/man/man1/$page.1.gz"
    chmod 0644 "$tree/usr/share/man/man1/$page.1.gz"
done
doc=/usr/share/doc/rookery
place 0644 packaging/systemd/rookery.socket $doc/examples/rookery.socket
place 0644 packaging/systemd/rookery.service.d/in-place-of-ejabberd.conf \
    $doc/examples/in-place-of-ejabberd.conf
place 0644 packaging/debian/copyright $doc/copyright
place 0644 SECURITY.md $doc/SECURITY.md
gzip -9nc CHANGELOG.md >"$tree$doc/changelog.gz"
chmod 0644 "$tree$doc/changelog.gz"

# The libraries the binaries really need, with the versions they need.
depends=libc6
if command -v dpkg-shlibdeps >/dev/null; then
    mkdir -p "$tree/debian"
    touch "$tree/debian/control"
    depends=$(cd "$tree" && dpkg-shlibdeps -O usr/bin/rookery usr/bin/rookeryctl 2>/dev/null |
        sed -n 's/^shlibs:Depends=//p')
    rm -r "$tree/debian"
fi

mkdir "$tree/DEBIAN"
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" \
    -e "s/@INSTALLED_SIZE@/$(du -sk --exclude=DEBIAN "$tree" | cut -f1)/" \
    -e "s/@DEPENDS@/$depends/" packaging/debian/control.in >"$tree/DEBIAN/control"
install -m 0644 packaging/debian/conffiles "$tree/DEBIAN/conffiles"
install -m 0755 packaging/debian/postinst packaging/debian/prerm packaging/debian/postrm "$tree/DEBIAN/"
(cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum) \
    >"$tree/DEBIAN/md5sums"

mkdir -p "$out"
dpkg-deb --build --root-owner-group "$tree" "$out/rookery_${version}_$architecture.deb"
