#!/usr/bin/env bash
# libarchive gives a file out of a pax archive another name than the archive has, where accents are apart.
#
# Linux names are bytes, and `e` with a combining accent and the one letter are two files. libarchive 3.6.2 (Debian 12)
# composes names of pax headers as it reads them (NFC) in a UTF-8 locale: bsdtar restores both under one name, the
# second over the first, status 0 and no word. GNU tar 1.34 restores two files from the same archive. The same names
# in gnutar format, which has them as raw bytes, stay two. Who looks members up on the disk by that name looks for
# another file. Exits 0 while it is so.
set -euo pipefail

version=3.6.2-1+deb12u
command -v bsdtar >/dev/null || apt-get install --yes --no-install-recommends "libarchive-tools=$version*" >/dev/null
bsdtar --version
tar --version | head -1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export LC_ALL=C.UTF-8
mkdir from
echo apart >"from/"$'e\u0301'
echo composed >"from/"$'\u00e9'

declare -A files
for format in pax gnu; do
  tar --format="$format" -C from -cf "$format.tar" .
  for reader in tar bsdtar; do
    mkdir "$format-$reader"
    "$reader" -xf "$format.tar" -C "$format-$reader"
    files[$format-$reader]=$(find "$format-$reader" -type f | wc -l)
    echo "$format archive of two files: $reader restores ${files[$format-$reader]}"
  done
done
[[ ${files[pax-tar]}${files[gnu-tar]}${files[gnu-bsdtar]} == 222 && ${files[pax-bsdtar]} == 1 ]]
