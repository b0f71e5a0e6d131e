import { type Password, passwordJson, passwordOfRow, type PasswordRow } from '../../accounts/passwords/passwords.ts'
import type { People } from '../../accounts/people.ts'
import { usernameSort } from '../../accounts/person-columns.ts'
import type { UserEntity } from '../../ledger/registry/state.ts'
import { entityJson, entityOfRow, isNamed, type RegistryRow } from '../registry-rows.ts'
import { createBesideReader } from '../reads/beside-tokens.ts'
import type { Patience, TimedReadModel, TokenKey, TokenView } from '../reads/tokens.ts'

/** A user name, as it is found in whatever version of its record, and also where it cannot be read. */
export type NameKeys = { username_sort: string; username_index: string }

/** A new grant, the client that asks for it, and for whom. */
export type LoginKey = TokenKey & NameKeys

/** Who is called so, and the password that stands for that user. */
export type Account = { user: UserEntity; password: Password | null }

/** All from one statement: the password is judged by the epoch of that moment. `account: null`: nobody's name. */
export type LoginView = TokenView & { account: Account | null }

export type LoginReader = (key: LoginKey) => Promise<LoginView>

/** By what this name is found: in any letter case and width, and with blanks around it. */
export async function nameKeysOf({ indexOf }: Pick<People, 'indexOf'>, username: string): Promise<NameKeys> {
  return { username_sort: usernameSort(username), username_index: await indexOf(username) }
}

type AccountRow = NameKeys & { user: RegistryRow; password: PasswordRow | null }

type Found = Pick<LoginView, 'account'>

/** Reads who logs in; while one query is in flight, the next collects. QueueFull where too many wait. */
export function createLoginReader(readModel: TimedReadModel, patience: Patience = {}): LoginReader {
  return createBesideReader<LoginKey, { accounts: AccountRow[] | null }, Found>(readModel, patience, {
    name: 'read_login',
    sql: accountsSql,
    bindings: (keys) => [keys.map((key) => key.username_sort), keys.map((key) => key.username_index)],
    found:
      ({ accounts }) =>
      (key) => ({ account: accountIn(accounts ?? [], key) }),
  })
}

// Two of one name there are for a moment at the most: then nobody can say who is meant.
function accountIn(rows: readonly AccountRow[], key: LoginKey): Account | null {
  const [row, other] = rows.filter(
    (one) => one.username_sort === key.username_sort || one.username_index === key.username_index,
  )
  if (!row || other) return null
  return { user: entityOfRow('user', row.user), password: row.password && passwordOfRow(row.password) }
}

const accountsSql = (schema: string) => `
  (SELECT json_agg(json_build_object('user', ${entityJson('user', 'u')}, 'username_sort', u.username_sort,
            'username_index', u.username_index,
            'password', (SELECT ${passwordJson('p')} FROM ledger.passwords p WHERE p.sub = u.sub)))
     FROM ${schema}.users u WHERE NOT u.deleted
      AND (${isNamed('u')} OR u.username_index = ANY (?::text[]))) AS accounts`
