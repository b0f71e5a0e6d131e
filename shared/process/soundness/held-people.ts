import type { Knex } from 'knex'
import { createPeople, type People } from '../../accounts/people.ts'
import type { Settings } from '../../config/settings.ts'
import { ledgerIdOf } from '../ledger-id.ts'
import { heldKeys } from './key-soundness.ts'

/**
 * What opens the names of people, with the keys that these settings have, if any. OperatorError: there are keys, and no
 * ledger.
 */
export async function peopleOf(knex: Knex, settings: Settings): Promise<People> {
  if (!settings.SECRETS_SYSTEM && !settings.SECRETS_PROJECT) return createPeople({ knex, ledger_id: '', keys: null })
  const ledger_id = await ledgerIdOf(knex)
  return createPeople({ knex, ledger_id, keys: heldKeys(settings, ledger_id)?.keys ?? null })
}
