import { HEADERS, headerParameter, headerRefs } from './headers.ts'
import { type JsonSchema, jsonSchema } from './json-schema.ts'
import type { Answer, Operation, Operations } from './operation.ts'
import { type Caller, refusalResponses, refusalsOf } from './refusals.ts'
import type { Route } from './routes-of.ts'

export type About = {
  title: string
  description: string
  version: string
  /** The base of every path; left out: where the document came from. */
  server?: string | undefined
}

export type OpenApiDocument = {
  openapi: string
  info: JsonSchema
  paths: Record<string, Record<string, JsonSchema>>
  [member: string]: unknown
}

/** OpenAPI 3.1: these routes as they are described. A route without a description is left out; a test finds it. */
export function openApiDocument(about: About, routes: readonly Route[], operations: Operations): OpenApiDocument {
  const { server, ...info } = about
  const paths: OpenApiDocument['paths'] = {}
  for (const { method, path } of routes) {
    const operation = operations[`${method} ${path}`]
    if (!operation) continue
    const template = templateOf(path)
    paths[template] = { ...paths[template], [method.toLowerCase()]: operationObject(operation, path) }
  }
  return {
    openapi: '3.1.1',
    info,
    ...(server !== undefined && { servers: [{ url: server }] }),
    paths,
    components: {
      securitySchemes: SECURITY_SCHEMES,
      headers: Object.fromEntries(Object.entries(HEADERS)),
      responses: refusalResponses(),
    },
  }
}

const SECURITY_SCHEMES = {
  client_secret_basic: {
    type: 'http',
    scheme: 'basic',
    description:
      'Id and secret of a client, each form-encoded (RFC 6749 §2.3.1). A client of `client_secret_post` sends ' +
      '`client_id` and `client_secret` in the body instead, one of `private_key_jwt` a `client_assertion`, a public ' +
      'one its `client_id` alone.',
  },
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      'An access token of this ledger (RFC 6750) whose owner may use the service of the ledger that is named.',
  },
}

const SECURITY: Record<Caller, Record<string, string[]>[]> = {
  anybody: [],
  // The empty one: credentials in the body, which no security scheme can say.
  client: [{ client_secret_basic: [] }, {}],
  bearer: [{ bearer: [] }],
}

/** `:name` is a parameter, `\:` a colon. */
const PARAMETER = /(?<!\\):(\w+)/g

function templateOf(path: string): string {
  return path.replace(PARAMETER, '{$1}').replaceAll('\\:', ':')
}

function operationObject(operation: Operation, path: string): JsonSchema {
  const { id, tag, summary, description, server, caller, answers } = operation
  const parameters = parametersOf(operation, path)
  const body = bodyOf(operation)
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(server !== undefined && { servers: [{ url: server }] }),
    security: SECURITY[caller],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: body }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, responseOf(answer)])),
      ...refusalsOf(operation),
    },
  }
}

function parametersOf({ path: forms = {}, query, reads = [] }: Operation, path: string): JsonSchema[] {
  const names = [...path.matchAll(PARAMETER)].map(([, name = '']) => name)
  const inPath = names.map((name) => {
    const form = forms[name]
    const schema = form ? jsonSchema(form, 'input') : { type: 'string', minLength: 1 }
    return { name, in: 'path', required: true, schema }
  })
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, form]) => {
    const { description, ...schema } = jsonSchema(form, 'input')
    const required = !form.safeParse(undefined).success
    return { name, in: 'query', ...(description !== undefined && { description }), required, schema }
  })
  return [...inPath, ...inQuery, ...reads.map(headerParameter)]
}

function bodyOf({ body }: Operation): JsonSchema | null {
  if (!body) return null
  const { json, form, patch, optional, example } = body
  const content = (schema: typeof json) =>
    schema && { schema: jsonSchema(schema, 'input'), ...(example !== undefined && { example }) }
  const types = {
    'application/merge-patch+json': content(patch),
    'application/json': content(json ?? patch),
    'application/x-www-form-urlencoded': content(form),
  }
  return { required: optional !== true, content: Object.fromEntries(Object.entries(types).filter(([, one]) => one)) }
}

const TEXT = { type: 'string' }

function responseOf({ what, schema, type = 'application/json', also, headers = [], example }: Answer): JsonSchema {
  const media = schema && { schema: jsonSchema(schema, 'output'), ...(example !== undefined && { example }) }
  return {
    description: what,
    headers: headerRefs(['X-Request-Id', 'Cache-Control', ...headers]),
    ...(media && { content: { [type]: media, ...(also !== undefined && { [also]: { schema: TEXT } }) } }),
  }
}
