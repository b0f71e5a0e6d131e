import { v7 as uuidv7 } from 'uuid'
import { passwordSettingOf, requirePasswords } from '../../shared/process/runtime.ts'
import { setPassword as putPassword } from '../../shared/read-model/passwords/set-password.ts'
import type { Ledger } from '../admin/ledger.ts'
import { seeded } from './kept-logs.ts'
import type { TestLedger } from './ledger.ts'
import type { Answer, Credentials, Requests } from './requests.ts'

/** A client that may log users in. */
export const LOGS_IN = { grant_types: ['password', 'refresh_token'] }

export const GOOD = 'correct horse battery staple'

/** What every login that does not succeed is told. */
export const WRONG = {
  error: 'invalid_grant',
  error_description: 'The user name or the password is not right.',
}

/** A user of a new name, or of this one, and with a password where one is given. */
export async function person(ledger: Ledger, { username, password }: { username?: string; password?: string } = {}) {
  const sub = uuidv7()
  const name = username ?? `somebody-${sub}`
  await ledger.user({ sub, personal: { username: name, name: null, email: null } })
  if (password !== undefined) await mustSet(ledger, sub, password)
  return { sub, username: name }
}

/** A user with the password GOOD, without an administrator; gives what logs it in. */
export async function seededLogin(ledger: Pick<TestLedger, 'user' | 'runtime'>): Promise<Record<string, string>> {
  const sub = await ledger.user()
  const hashed = await requirePasswords(ledger.runtime).hash(GOOD)
  const setting = { sub, hashed, context: { actor: 'system/test' } }
  await putPassword(passwordSettingOf(ledger.runtime), setting, () => Promise.resolve())
  seeded(GOOD)
  return { grant_type: 'password', username: `${sub}.name`, password: GOOD }
}

/** PUT of a password, by `root` unless another token is given. */
export async function setPassword(ledger: Ledger, sub: string, password: string, token = ledger.root): Promise<Answer> {
  seeded(password)
  return ledger.send('PUT', `/admin/users/${sub}/password`, { token, body: { password } })
}

export async function mustSet(ledger: Ledger, sub: string, password: string): Promise<void> {
  const { status, body } = await setPassword(ledger, sub, password)
  if (status !== 200) throw new Error(`the password was not set: ${status} ${JSON.stringify(body)}`)
}

/** Asks for tokens with a name and a password. */
export function login({ post }: Pick<Requests, 'post'>, as: Credentials, username: string, password: string) {
  seeded(password)
  return post('/oauth2/token', { grant_type: 'password', username, password }, { as })
}
