import type { Scope } from '../../ledger/events.ts'
import { registryKey } from '../../ledger/registry/kinds.ts'
import { parseScope } from '../../ledger/scope.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../registry-rows.ts'
import type { ReadModel } from '../read-model.ts'
import { withStatus } from './grant-status.ts'

/** `names`: the scopes that this client asks this user for. */
export type ConsentQuestion = { client_id: string; sub: string; names: readonly string[] }

/** The asked scopes that exist, and the scope tokens of each live grant that this user was asked about before. */
export type Consents = { scopes: Scope[]; granted: string[][] }

export type ConsentReader = (question: ConsentQuestion) => Promise<Consents>

type Row = { scopes: RegistryRow[] | null; granted: { scope: string; registry_position: number }[] | null }

/** Reads what a user is asked for, and allowed this client before: one statement. */
export function createConsentReader({
  knex,
  schema,
  topics,
}: Required<Pick<ReadModel, 'knex' | 'schema' | 'topics'>>): ConsentReader {
  const sql = consentsSql(schema, topics.registry)
  return async ({ client_id, sub, names }) => {
    const { rows } = await knex
      .raw<{ rows: Row[] }>(sql, [[...names], sub, client_id])
      .options({ name: `read_consents_${schema}` })
    const entities = (rows[0]?.scopes ?? []).map((row) => entityOfRow('scope', row))
    // A scope that was deleted and made anew is another one, which nobody was asked about.
    const since = new Map(entities.map(({ value, not_before, ...entity }) => [entity.key, { value, not_before }]))
    const counts = (name: string, position: number) =>
      position > (since.get(registryKey('scope', name))?.not_before ?? -1)
    return {
      scopes: entities.flatMap(({ value }) => (value ? [value] : [])),
      granted: (rows[0]?.granted ?? []).map(({ scope, registry_position }) =>
        (parseScope(scope) ?? []).filter((name) => counts(name, registry_position)),
      ),
    }
  }
}

const consentsSql = (schema: string, registryTopic: string) => `
SELECT
  (SELECT json_agg(${entityJson('scope', 's')}) FROM ${schema}.scopes s WHERE s.name = ANY (?::text[])) AS scopes,
  (SELECT json_agg(json_build_object('scope', g.scope, 'registry_position', g.registry_position))
     FROM ${withStatus(
       schema,
       registryTopic,
     )(`(
       SELECT * FROM ${schema}.grants WHERE principal_type = 'user' AND principal_id = ? AND client_id = ?
          AND status = 'live' AND code->>'consent' = 'asked')`)} g WHERE g.effective = 'live') AS granted`
