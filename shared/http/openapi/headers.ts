type Header = { description: string; schema: Record<string, unknown>; required?: true; example?: string }

const text = { type: 'string' }

/** Headers of requests and answers that an operation may name. */
export const HEADERS = {
  ETag: { description: 'The revision of the entity.', schema: text, required: true, example: '"7"' },
  'If-Match': { description: 'Changes exactly the revision that this ETag names.', schema: text, example: '"7"' },
  'If-None-Match': { description: '`*` creates, and changes nothing that is there.', schema: text, example: '*' },
  'Idempotency-Key': {
    description: 'The request may be repeated with the same key and body, and is answered the same.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
  'Ledger-Personal': { description: 'Whether people are shown, or why not.', schema: text, required: true },
  Location: { description: 'The path of what was made.', schema: text, required: true },
  Link: { description: 'The next page (`rel="next"`); absent on the last one.', schema: text },
  'Retry-After': { description: 'Seconds to wait before trying again.', schema: text, required: true, example: '1' },
  'WWW-Authenticate': { description: 'How to prove who calls.', schema: text, required: true },
  'X-Request-Id': { description: 'Names this request in logs and events.', schema: text, required: true },
  'Cache-Control': { description: 'Whether the answer may be kept.', schema: text, required: true },
} as const satisfies Record<string, Header>

export type HeaderName = keyof typeof HEADERS

/** Headers by their names, as references to the document's components. */
export function headerRefs(names: readonly HeaderName[]): Record<string, { $ref: string }> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

/** A request header as a parameter. */
export function headerParameter(name: HeaderName): Record<string, unknown> {
  const { description, schema, example }: Header = HEADERS[name]
  return { name, in: 'header', description, schema, ...(example !== undefined && { example }) }
}
