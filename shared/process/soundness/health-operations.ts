import { z } from 'zod'
import type { Operations } from '../../http/openapi/operation.ts'

const READINESS = { problems: z.array(z.string()), notes: z.array(z.string()).optional() }

/** What the routes of health answer. */
export const HEALTH_OPERATIONS: Operations = {
  'GET /health/alive': {
    id: 'alive',
    tag: 'Health',
    summary: 'Does the process answer?',
    caller: 'anybody',
    answers: { 200: { what: 'It does.', schema: z.object({ status: z.literal('ok') }) } },
  },
  'GET /health/ready': {
    id: 'ready',
    tag: 'Health',
    summary: 'Can the process do its work?',
    caller: 'anybody',
    answers: {
      200: {
        what: 'It can; `notes` say what is not as usual.',
        schema: z.object({ status: z.literal('ok'), ...READINESS }),
      },
      503: {
        what: 'It cannot, and this is why.',
        schema: z.object({ status: z.literal('unavailable'), ...READINESS }),
        headers: ['Retry-After'],
      },
    },
  },
  'GET /version': {
    id: 'version',
    tag: 'Health',
    summary: 'Which release is this?',
    caller: 'anybody',
    answers: {
      200: { what: 'Its name and version.', schema: z.object({ name: z.string(), version: z.string() }) },
    },
  },
}
