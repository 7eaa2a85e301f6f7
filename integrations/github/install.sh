#!/bin/bash
# Builds pgassay from the sources of the action, with every library inside, into FOLDER.  install.sh FOLDER
set -eu
cd "$(dirname "$0")/../.."
rm -f build/packages/pgassay-*.tar.gz
scripts/package tarball
mkdir -p "$1"
tar xzf build/packages/pgassay-*.tar.gz --strip-components=1 -C "$1"
