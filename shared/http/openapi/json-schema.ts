import { z } from 'zod'

export type JsonSchema = { [member: string]: unknown }

/**
 * A zod schema as JSON Schema 2020-12, which is that of OpenAPI 3.1. `input`: what a request may hold, before defaults
 * and transformations; `output`: what an answer holds, and nothing beside it. What only code can check is left out.
 */
export function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const made = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: withoutNameInPath })
  // The document as a whole says it.
  delete made.$schema
  return made
}

/** What a body may repeat of the path is `readOnly`: its value is another one for each path. */
function withoutNameInPath({ jsonSchema: made }: { jsonSchema: { readOnly?: boolean; const?: unknown } }): void {
  if (made.readOnly) delete made.const
}
