import { z } from 'zod'
import type { Operation } from '../../shared/http/openapi/operation.ts'

/** A page as it stands. */
export const html = z.string()

/** A page for browsers; whoever asks for JSON is told of an error in JSON. */
export const page = (what: string) => ({ what, type: 'text/html', also: 'application/json', schema: html })

/** What every page may answer. */
export const PAGES: Operation['answers'] = {
  200: { what: 'A page.', type: 'text/html', schema: html },
  303: { what: 'On to the application, or to the next page.', headers: ['Location'] },
  400: page('What is wrong with the request, on a page.'),
  408: page('The request did not arrive in time.'),
  413: page('The body is larger than 64 KiB.'),
  503: { ...page('An outage of the service. Trying again is safe.'), headers: ['Retry-After'] },
}
