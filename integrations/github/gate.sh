#!/bin/bash
# Runs the command through pgassay and says the verdict everywhere that needs no permission: the log, annotations, the job's
# summary. Always exits 0: the code is an output, so that the steps after it run; the last of them exits with it.
set -u
program=$PGASSAY_PROGRAM
baseline=$PGASSAY_ACTION_BASELINE
folder=$(mktemp -d "$RUNNER_TEMP/pgassay-run-XXXXXX")
trace=$folder/pgassay.db

"$program" run --gate --baseline "$baseline" --trace "$trace" -- bash -c "$PGASSAY_ACTION_COMMAND"
code=$?
echo "exit-code=$code" >>"$GITHUB_OUTPUT"

# gate answers 2 where there is nothing to judge: no baseline, no recording. Then the log has said why.
written() {
  "$program" gate "$trace" --baseline "$baseline" --format "$1" >"$2"
  [ $? -ne 2 ]
}

[ -e "$trace" ] || exit 0
echo "trace=$trace" >>"$GITHUB_OUTPUT"
if written markdown "$folder/comment.md"; then
  cat "$folder/comment.md" >>"$GITHUB_STEP_SUMMARY"
  echo "comment=$folder/comment.md" >>"$GITHUB_OUTPUT"
fi
written github "$folder/annotations" && cat "$folder/annotations"
written sarif "$folder/pgassay.sarif" && echo "sarif=$folder/pgassay.sarif" >>"$GITHUB_OUTPUT"
written html "$folder/pgassay.html" && echo "page=$folder/pgassay.html" >>"$GITHUB_OUTPUT"
exit 0
