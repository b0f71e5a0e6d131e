import type { TestLedger } from '../support/ledger.ts'

/**
 * Folders to ask about, each test with names of its own: `NAME` for its clerks, `NAME.internal` for its managers, and a
 * resource server that guards them; `NAME.read` includes the folder, `NAME.approve` one service inside.
 */
export async function guardedFolder(ledger: Omit<TestLedger, 'send'>, name: string) {
  const [clerks, managers, banned] = [`${name}-clerks`, `${name}-managers`, `${name}-banned`]
  await ledger.acl(`${name}-clerks`, { allowed_groups: [clerks, managers], denied_groups: [banned] })
  await ledger.acl(`${name}-managers`, { allowed_groups: [managers] })
  await ledger.resource(name, `${name}-clerks`)
  await ledger.resource(`${name}.internal`, `${name}-managers`)
  await ledger.scope(`${name}.read`, name)
  await ledger.scope(`${name}.approve`, `${name}.internal:approve`)
  const server = await ledger.resourceServer(name)
  const app = await ledger.client({ scope: `${name}.read ${name}.approve`, groups: [clerks] })

  return {
    clerks,
    managers,
    banned,
    app,
    server,
    /** An access token of a user in these groups. */
    tokenFor: async (groups: string[], scope?: string) => {
      const sub = await ledger.user({ groups })
      const pair = await ledger.grant({ to: app, sub, ...(scope !== undefined && { scope }) })
      return { sub, ...pair }
    },
    /** An access token of the application itself. */
    ownToken: async () => {
      const { body } = await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: app })
      return String(body['access_token'])
    },
    check: (token: string, resource: string, more: Record<string, unknown> = {}) =>
      ledger.postJson('/check', { token, resource, ...more }, { as: server }),
  }
}
