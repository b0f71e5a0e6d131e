import { z } from 'zod'
import { DOCS_FILES } from './docs-page.ts'
import type { Operations } from './operation.ts'

const INDEX = z.object({
  name: z.literal('token-ledger'),
  description: z.string(),
  version: z.string(),
  links: z.record(z.string(), z.string()),
})

/** What is on a port besides its services and the health of the process. */
export const OWN_OPERATIONS: Operations = {
  'GET /': {
    id: 'index',
    tag: 'About',
    summary: 'What this is: JSON, or a page for browsers.',
    caller: 'anybody',
    answers: { 200: { what: 'What this is.', schema: INDEX, also: 'text/html' } },
  },
  'GET /pages/:file': {
    id: 'pagesFile',
    tag: 'About',
    summary: 'What the pages for people load.',
    caller: 'anybody',
    answers: {
      200: { what: 'A file.', type: 'text/css', also: 'image/svg+xml', schema: z.string() },
      404: { what: 'There is nothing of this name.', type: 'text/html', also: 'application/json', schema: z.string() },
    },
  },
  'GET /openapi.json': {
    id: 'openapi',
    tag: 'About',
    summary: 'This description.',
    caller: 'anybody',
    answers: {
      200: { what: 'OpenAPI 3.1.', schema: z.looseObject({ openapi: z.string() }), headers: ['ETag'] },
      304: { what: 'The caller has it already.', headers: ['ETag'] },
    },
  },
  'GET /docs': {
    id: 'docs',
    tag: 'About',
    summary: 'This description as a page.',
    caller: 'anybody',
    answers: {
      200: { what: 'The page.', type: 'text/html', schema: z.string(), headers: ['ETag'] },
      304: { what: 'The caller has it already.', headers: ['ETag'] },
    },
  },
  'GET /docs/:file': {
    id: 'docsFile',
    tag: 'About',
    summary: 'What the page is made of.',
    caller: 'anybody',
    path: { file: z.enum(DOCS_FILES) },
    answers: {
      200: { what: 'A file.', type: 'text/javascript', also: 'text/css', schema: z.string(), headers: ['ETag'] },
      304: { what: 'The caller has it already.', headers: ['ETag'] },
    },
    refusals: [404],
  },
}
