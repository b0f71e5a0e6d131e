import { readPassword } from '../../../shared/accounts/passwords/passwords.ts'
import { passwordSettingOf, requirePasswords, type Runtime } from '../../../shared/process/runtime.ts'
import { setPassword } from '../../../shared/read-model/passwords/set-password.ts'
import { DEMO_GRANT } from './tour.ts'

/** Who logs in to the demo's application, and as which client that is known. */
export const DEMO_LOGIN = { client_id: 'demo-shop', client_name: 'Demo shop', username: 'alice' }

/** Gives the demo's user this password, unless there was one before: people may change theirs. */
export async function seedPassword(runtime: Runtime, password: string): Promise<void> {
  const { sub } = DEMO_GRANT
  if (await readPassword(runtime.knex, sub)) return
  const hashed = await requirePasswords(runtime).hash(password)
  const context = { actor: 'system/demo' }
  await setPassword(passwordSettingOf(runtime), { sub, hashed, context }, () => Promise.resolve())
}
