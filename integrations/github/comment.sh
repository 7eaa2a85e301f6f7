#!/bin/bash
# One comment a pull request and job, found again by its mark. Without write permission (a fork) nothing is lost: summary and
# annotations have the same verdict.
set -u
number=$(jq -r '.pull_request.number // empty' "$GITHUB_EVENT_PATH")
[ -n "$number" ] || exit 0
mark="<!-- pgassay $GITHUB_WORKFLOW/$GITHUB_JOB -->"
body=$(mktemp "$RUNNER_TEMP/pgassay-comment-XXXXXX")
printf '%s\n' "$mark" >"$body"
cat "$PGASSAY_ACTION_COMMENT" >>"$body"

comments=repos/$GITHUB_REPOSITORY/issues/$number/comments
mine=$(gh api --paginate "$comments" | jq -r --arg mark "$mark" '.[] | select(.body | startswith($mark)) | .id' | head -n 1)
if [ -n "$mine" ]; then
  gh api --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$mine" --field "body=@$body" >/dev/null
else
  gh api --method POST "$comments" --field "body=@$body" >/dev/null
fi || echo "::notice title=pgassay::no comment (it needs pull-requests: write); the job's summary has the verdict"
exit 0
