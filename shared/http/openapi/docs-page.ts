import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { HttpContext, HttpRouter } from '../context.ts'
import { escapeHtml } from '../escape-html.ts'
import { OAuthError } from '../oauth-error.ts'
import { answerStatic, type StaticAnswer, staticAnswer } from './static-answer.ts'

const LIBRARY = ['swagger-ui-bundle.js', 'swagger-ui.css'] as const

/** The files that the page is made of, under /docs/. */
export const DOCS_FILES = ['start.js', 'page.css', ...LIBRARY] as const

/** Everything is of ours, and nothing may be sent elsewhere. The library sets styles and holds images in itself. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** GET /docs: /openapi.json as a page, from this process alone. */
export function docsRoutes(router: HttpRouter, title: string): void {
  const page = staticAnswer('html', pageOf(title))
  const files = new Map<string, () => Promise<StaticAnswer>>([
    ['start.js', async () => staticAnswer('js', START)],
    ['page.css', async () => staticAnswer('css', STYLE)],
    ...LIBRARY.map((name) => [name, once(() => readLibrary(name))] as const),
  ])
  router.get('/docs', (ctx) => {
    ctx.set('Content-Security-Policy', POLICY)
    answerStatic(ctx, page)
  })
  router.get('/docs/:file', async (ctx: HttpContext & { params: Record<string, string> }) => {
    const read = files.get(ctx.params['file'] ?? '')
    if (!read) throw new OAuthError('not_found', 'there is nothing at this path')
    answerStatic(ctx, await read())
  })
}

const require = createRequire(import.meta.url)

async function readLibrary(name: string): Promise<StaticAnswer> {
  const body = await readFile(require.resolve(`swagger-ui-dist/${name}`))
  return staticAnswer(name.endsWith('.css') ? 'css' : 'js', body)
}

/** The same promise for whoever asks; what failed is tried anew. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
}

function pageOf(title: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/page.css">
<script src="/docs/swagger-ui-bundle.js" defer></script>
<script src="/docs/start.js" defer></script>
</head>
<body>
<main id="docs"></main>
<noscript>This page needs JavaScript. What it shows stands in <a href="/openapi.json">/openapi.json</a>.</noscript>
</body>
</html>
`
}

// Nothing is fetched but the description, nothing is kept in the browser, and no validator is asked.
const START = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#docs',
  deepLinking: true,
  validatorUrl: null,
  persistAuthorization: false,
  defaultModelsExpandDepth: -1,
  docExpansion: 'list',
  tryItOutEnabled: false,
})
`

const STYLE = `body { margin: 0; }
noscript { display: block; padding: 1rem; font-family: sans-serif; }
`
