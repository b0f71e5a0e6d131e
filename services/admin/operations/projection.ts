import { z } from 'zod'
import type { Operations } from '../../../shared/http/openapi/operation.ts'
import { DROP, PROJECTION, SWITCH } from '../projection/routes.ts'
import { right } from './right.ts'

const READ_MODEL = z.object({
  schema_name: z.string(),
  layout: z.int(),
  tables_sha256: z.string().nullable(),
  created_at: z.string(),
  built_at: z.string().nullable(),
  chosen: z.boolean(),
})

const PROCESS = z.object({
  process_id: z.string(),
  host: z.string(),
  pid: z.int(),
  services: z.array(z.string()),
  release: z.string(),
  reads: z.string().nullable(),
  pinned: z.boolean(),
  projects: z.array(z.string()),
  seen_ms: z.number(),
})

const NAMED = z.object({ read_model: z.string() })

const READ_MODELS = { tag: 'Read models', caller: 'bearer', description: right(PROJECTION) } as const

/** What the routes of read models take and answer; dev mode alone has them. */
export const PROJECTION_OPERATIONS: Operations = {
  'GET /admin/read-models': {
    ...READ_MODELS,
    id: 'listReadModels',
    summary: 'The read models, and the processes that use them.',
    answers: {
      200: {
        what: 'All of them.',
        schema: z.object({ read_models: z.array(READ_MODEL), processes: z.array(PROCESS) }),
      },
    },
  },
  'POST /admin/read-models/rebuild': {
    ...READ_MODELS,
    id: 'rebuildReadModel',
    summary: 'Build a read model from the whole log, beside the one in use.',
    answers: { 200: { what: 'It is built.', schema: NAMED } },
    refusals: [409],
  },
  'POST /admin/read-models/switch': {
    ...READ_MODELS,
    id: 'switchReadModel',
    summary: 'Have every process read this one, or the latest.',
    body: { json: SWITCH, example: {} },
    answers: {
      200: { what: 'It is chosen.', schema: z.object({ ...NAMED.shape, behind: z.array(PROCESS) }) },
    },
    refusals: [409],
  },
  'POST /admin/read-models/drop': {
    ...READ_MODELS,
    id: 'dropReadModel',
    summary: 'Drop a read model that nobody uses.',
    body: { json: DROP, example: { read_model: 'ledger_read_2' } },
    answers: { 200: { what: 'It is gone.', schema: NAMED } },
    refusals: [409],
  },
}
