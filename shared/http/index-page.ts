import type { HttpRouter } from './context.ts'
import { escapeHtml } from './escape-html.ts'
import { metadataUrl } from './issuer-paths.ts'

type Index = { issuer: string; version: string; documentation?: string | undefined }

/** GET /: what this is, for whoever comes by: JSON, or a small page for browsers. */
export function indexRoute(router: HttpRouter, { issuer, version, documentation }: Index): void {
  const links = {
    metadata: metadataUrl(issuer),
    ...(documentation !== undefined && { documentation }),
    protocol: PROTOCOL,
    docs: '/docs',
    openapi: '/openapi.json',
    ready: '/health/ready',
    alive: '/health/alive',
  }
  router.get('/', (ctx) => {
    if (ctx.accepts('json', 'html') === 'html') {
      ctx.type = 'html'
      ctx.body = page(version, links)
    } else ctx.body = { name: 'token-ledger', description: WHAT, version, links }
  })
}

const WHAT = 'An OAuth 2.0 token service whose only source of truth is an append-only event log'

const PROTOCOL = 'https://www.rfc-editor.org/rfc/rfc6749'

function page(version: string, links: Record<string, string>): string {
  const items = Object.entries(links).map(([name, url]) => `<li><a href="${escapeHtml(url)}">${name}</a></li>`)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>token-ledger</title>
</head>
<body>
<main>
<h1>token-ledger ${version}</h1>
<p>${WHAT}. Its own documents come with the program: README.md and docs/.</p>
<ul>
${items.join('\n')}
</ul>
</main>
</body>
</html>
`
}
