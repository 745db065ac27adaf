#!/usr/bin/env bash
# deb.sh BINARY VERSION ARCHITECTURE FOLDER: packs a binary that was built into FOLDER/iamql_VERSION_ARCHITECTURE.deb,
# with completions, the manual and the licence. MAINTAINER names who answers for it, as `Name <address>`.
#
# dpkg-deb alone: the package is a handful of files, and the binary needs nothing but the C library.
set -euo pipefail

binary=$1 version=$2 architecture=$3 out=$4
: "${MAINTAINER:?set MAINTAINER to the name and address of who answers for the package}"
here=$(cd "$(dirname "$0")/.." && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
chmod 755 "$root"

install -D -m 755 "$binary" "$root/usr/bin/iamql"
strip --strip-unneeded --remove-section=.comment --remove-section=.note "$root/usr/bin/iamql"
run=$root/usr/bin/iamql

mkdir -p "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
    "$root/usr/share/fish/vendor_completions.d" "$root/usr/share/man/man1" "$root/usr/share/doc/iamql" "$root/DEBIAN"
"$run" completions bash > "$root/usr/share/bash-completion/completions/iamql"
"$run" completions zsh > "$root/usr/share/zsh/vendor-completions/_iamql"
"$run" completions fish > "$root/usr/share/fish/vendor_completions.d/iamql.fish"
"$run" man | gzip -9n > "$root/usr/share/man/man1/iamql.1.gz"
for command in shell exec mcp sandbox completions man; do
    "$run" man "$command" | gzip -9n > "$root/usr/share/man/man1/iamql-$command.1.gz"
done

when="@${SOURCE_DATE_EPOCH:-$(date +%s)}"
doc=$root/usr/share/doc/iamql
{
    echo "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/"
    echo "Upstream-Name: iamql"
    echo
    echo "Files: *"
    echo "Copyright: $(date -u -d "$when" +%Y) the authors of iamql"
    echo "License: Apache-2.0"
    echo
    echo "License: Apache-2.0"
    echo " On Debian systems the text of the licence is in /usr/share/common-licenses/Apache-2.0."
} > "$doc/copyright"
{
    echo "iamql ($version) unstable; urgency=medium"
    echo
    echo "  * See CHANGELOG.md.gz."
    echo
    echo " -- $MAINTAINER  $(date -R -u -d "$when")"
} | gzip -9n > "$doc/changelog.gz"
gzip -9nc "$here/CHANGELOG.md" > "$doc/CHANGELOG.md.gz"

# The newest symbols of the C library that the binary asks for.
libc=$(objdump -T "$root/usr/bin/iamql" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -1 | cut -d_ -f2)
libgcc=$(objdump -p "$root/usr/bin/iamql" | grep -q 'NEEDED *libgcc_s' && echo ", libgcc-s1" || true)
cat > "$root/DEBIAN/control" <<CONTROL
Package: iamql
Version: $version
Architecture: $architecture
Maintainer: $MAINTAINER
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: libc6 (>= $libc)$libgcc
Suggests: less
Section: utils
Priority: optional
Description: SQL for the API keys of Confluent Cloud
 iamql presents the API keys of a Confluent Cloud organization as a table:
 SELECT reads keys, INSERT creates them, UPDATE renames them and DELETE
 revokes them, in an interactive shell, in scripts and in pipes.
 .
 A simulated organization is built in, so that it can be tried without an
 account.
CONTROL
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) > "$root/DEBIAN/md5sums"

mkdir -p "$out"
dpkg-deb --root-owner-group -Zxz --build "$root" "$out/iamql_${version}_$architecture.deb"
