import type { Operations } from '../../../shared/http/openapi/operation.ts'
import { CLIENT_OPERATIONS } from './clients.ts'
import { EXTERNAL_OPERATIONS } from './external.ts'
import { GRANT_OPERATIONS } from './grants.ts'
import { KEY_OPERATIONS } from './keys.ts'
import { LOGIN_OPERATIONS } from './login.ts'
import { PROJECTION_OPERATIONS } from './projection.ts'
import { REGISTRY_OPERATIONS } from './registry.ts'

/** What the routes of the admin API take and answer. */
export const ADMIN_OPERATIONS: Operations = {
  ...CLIENT_OPERATIONS,
  ...REGISTRY_OPERATIONS,
  ...EXTERNAL_OPERATIONS,
  ...LOGIN_OPERATIONS,
  ...GRANT_OPERATIONS,
  ...KEY_OPERATIONS,
  ...PROJECTION_OPERATIONS,
}
