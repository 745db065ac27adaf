#!/usr/bin/env bash
# Runs real MCP clients against `iamql mcp --sandbox`: the Python SDK, in both lifecycles of the protocol, and the
# inspector's command line.
#
#     tests/clients/run.sh [PROGRAM]
#
# The clients are installed into a temporary folder. A client that cannot be installed is skipped, with a word on stderr;
# with IAMQL_CLIENTS=required that is a failure, as in continuous integration.
set -euo pipefail

MCP_SDK="mcp==2.3.0"
INSPECTOR="@modelcontextprotocol/inspector@0.15.0"

here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:-${CARGO_TARGET_DIR:-$here/../../target}/debug/iamql}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Nothing of the machine's own configuration, and no credentials.
export XDG_CONFIG_HOME="$folder/config" XDG_STATE_HOME="$folder/state"
unset CONFLUENT_CLOUD_API_KEY CONFLUENT_CLOUD_API_SECRET CONFLUENT_CLOUD_ACCESS_TOKEN

skip() {
    echo "skipped: $1" >&2
    test "${IAMQL_CLIENTS:-}" != required
}

python_sdk() {
    {
        python3 -m venv "$folder/venv" &&
            "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$MCP_SDK"
    } >"$folder/pip.log" 2>&1 || {
        cat "$folder/pip.log" >&2
        skip "the Python SDK cannot be installed"
        return
    }
    "$folder/venv/bin/python" "$here/python_sdk.py" "$program"
}

inspector() {
    {
        mkdir "$folder/node" &&
            npm install --prefix "$folder/node" --silent --no-audit --no-fund "$INSPECTOR"
    } >"$folder/npm.log" 2>&1 || {
        cat "$folder/npm.log" >&2
        skip "the inspector cannot be installed"
        return
    }
    "$here/inspector.sh" "$folder/node/node_modules/.bin/mcp-inspector" "$program"
}

python_sdk
inspector
