#!/usr/bin/env bash
# Drives `iamql mcp --sandbox` with the inspector's command line: inspector.sh INSPECTOR PROGRAM
set -euo pipefail
inspector=$1
program=$2

# Calls a method of the server, and looks for each of the texts in what the inspector prints.
expect() {
    local method=$1 shown
    shift
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    shown=$("$inspector" --cli "$program" mcp --sandbox --method "$method" ${options[@]+"${options[@]}"})
    for text in "$@"; do
        if ! grep -qF -- "$text" <<<"$shown"; then
            printf '%s: no %s in\n%s\n' "$method" "$text" "$shown" >&2
            exit 1
        fi
    done
}

expect tools/list -- '"query"' '"preview_write"' '"readOnlyHint": true' '"outputSchema"'
expect tools/call --tool-name query --tool-arg 'sql=SELECT count(*) AS n FROM api_keys' -- \
    '"structuredContent"' '"n": 250' '"requests": 3'
expect tools/call --tool-name query --tool-arg 'sql=DELETE FROM api_keys' -- '"isError": true' 'this server only reads'
expect tools/call --tool-name preview_write --tool-arg "sql=DELETE FROM api_keys WHERE id = '275XZQCZYAQKJA5H'" -- \
    '"/iam/v2/api-keys/275XZQCZYAQKJA5H"' '"command"'
expect resources/list -- 'iamql://reference/tables'
expect resources/read --uri iamql://reference/tables -- 'confluent.iam.vw_api_keys'
expect prompts/list -- '"access_review"' '"leaver"' '"rotation_plan"'
expect prompts/get --prompt-name leaver --prompt-args owner=sa-1 -- 'sa-1'
echo "the inspector: fine"
