import { escapeHtml } from '../escape-html.ts'
import type { OAuthError } from '../oauth-error.ts'

const MAX_SENTENCE = 500

/** An error for a person: what happened in one sentence, and the id to quote. Needs nothing else to be loaded. */
export function errorPage({ status, message }: OAuthError, requestId: string): string {
  const title = titleOf(status)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${escapeHtml(sentenceOf(message))}</p>
<p>Request id: <code>${escapeHtml(requestId)}</code></p>
</main>
</body>
</html>
`
}

function titleOf(status: number): string {
  if (status === 404) return 'Nothing is here'
  if (status === 503) return 'Please try again'
  return status >= 500 ? 'Something went wrong' : 'This request cannot be answered'
}

/** Descriptions are written for logs and programs: in small letters, without a full stop. */
function sentenceOf(message: string): string {
  const text = message.slice(0, MAX_SENTENCE)
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`
}
