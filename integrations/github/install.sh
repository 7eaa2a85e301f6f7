#!/bin/bash
# Builds pgassay from the sources of the action into FOLDER/bin.  install.sh FOLDER
set -eu
cd "$(dirname "$0")/../.."
scripts/setup build
cmake -S . -B "$RUNNER_TEMP/pgassay-build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DPGASSAY_TESTS=OFF
cmake --build "$RUNNER_TEMP/pgassay-build" --target pgassay
cmake --install "$RUNNER_TEMP/pgassay-build" --prefix "$1" --strip
