import type { Scope } from '../../ledger/events.ts'
import { registryKey } from '../../ledger/registry/kinds.ts'
import { formatScope, parseScope } from '../../ledger/scope.ts'
import { createBatcher } from '../../database/batcher.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../registry-rows.ts'
import { type Patience, READ_BOUND } from '../reads/tokens.ts'
import type { ReadModel } from '../read-model.ts'
import { withStatus } from './grant-status.ts'

/** `names`: the scopes that this client asks this user for. */
export type ConsentQuestion = { client_id: string; sub: string; names: readonly string[] }

/** The asked scopes that exist, and the scope tokens of each live grant that this user was asked about before. */
export type Consents = { scopes: Scope[]; granted: string[][] }

export type ConsentReader = (question: ConsentQuestion) => Promise<Consents>

type Row = { scopes: RegistryRow[] | null; granted: { scope: string; registry_position: number }[] | null }

/**
 * Reads what a user is asked for, and allowed this client before; while one query is in flight, the next collects.
 * QueueFull where too many wait, or one too long.
 */
export function createConsentReader(
  { knex, schema, topics }: Required<Pick<ReadModel, 'knex' | 'schema' | 'topics'>>,
  { patienceMs }: Patience = {},
): ConsentReader {
  const sql = consentsSql(schema, topics.registry)
  const load = async (questions: ConsentQuestion[]) => {
    const bindings = [
      questions.map(({ sub }) => sub),
      questions.map(({ client_id }) => client_id),
      questions.map(({ names }) => formatScope(names)),
    ]
    const { rows } = await knex.raw<{ rows: Row[] }>(sql, bindings).options({ name: `read_consents_${schema}` })
    return rows
  }
  const read = createBatcher(load, { bound: READ_BOUND, patienceMs })
  return async (question) => consentsOf(await read(question))
}

function consentsOf({ scopes, granted }: Row): Consents {
  const entities = (scopes ?? []).map((row) => entityOfRow('scope', row))
  // A scope that was deleted and made anew is another one, which nobody was asked about.
  const since = new Map(entities.map(({ not_before, key }) => [key, not_before]))
  const counts = (name: string, position: number) => position > (since.get(registryKey('scope', name)) ?? -1)
  return {
    scopes: entities.flatMap(({ value }) => (value ? [value] : [])),
    granted: (granted ?? []).map(({ scope, registry_position }) =>
      (parseScope(scope) ?? []).filter((name) => counts(name, registry_position)),
    ),
  }
}

const consentsSql = (schema: string, registryTopic: string) => `
SELECT
  (SELECT json_agg(${entityJson('scope', 's')})
     FROM ${schema}.scopes s WHERE s.name = ANY (string_to_array(asked.names, ' '))) AS scopes,
  (SELECT json_agg(json_build_object('scope', g.scope, 'registry_position', g.registry_position))
     FROM ${withStatus(
       schema,
       registryTopic,
     )(`(
       SELECT * FROM ${schema}.grants
        WHERE principal_type = 'user' AND principal_id = asked.sub AND client_id = asked.client_id
          AND status = 'live' AND code->>'consent' = 'asked')`)} g WHERE g.effective = 'live') AS granted
  FROM unnest(?::text[], ?::text[], ?::text[]) WITH ORDINALITY AS asked(sub, client_id, names, n) ORDER BY asked.n`
