import { startLedger } from '../support/ledger.ts'
import { databaseUrl, loginRole, onServer, realTest } from '../support/real-parts.ts'

const test = realTest('postgres')

test('migrate may be repeated, and a ledger served, by a role that may create and change nothing that is there', async (t) => {
  const url = await databaseUrl(t)
  const first = await startLedger(t, { settings: { DATABASE_URL: url } })
  const role = await loginRole(t, url)
  const { schema } = first.runtime
  await first.stop()
  await onServer(
    `REVOKE CREATE ON SCHEMA public FROM PUBLIC;
     GRANT USAGE ON SCHEMA ledger, ${schema} TO ${role.name};
     GRANT SELECT ON ALL TABLES IN SCHEMA ledger, ${schema} TO ${role.name};
     GRANT INSERT ON ledger.log_records TO ${role.name};
     GRANT UPDATE ON ledger.log_partitions TO ${role.name};
     GRANT INSERT, UPDATE ON ledger.persons, ledger.name_key TO ${role.name};
     GRANT UPDATE ON ledger.persons_version TO ${role.name};
     GRANT INSERT, UPDATE, DELETE ON ledger.processes, ledger.idempotent_requests TO ${role.name};
     GRANT INSERT, UPDATE, DELETE ON ledger.passwords, ledger.assertions, ledger.limits TO ${role.name};
     GRANT INSERT, UPDATE, DELETE ON ledger.sessions, ledger.approvals, ledger.links, ledger.login_outcomes TO ${role.name};
     GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role.name};`,
    url,
  )
  const theirs = await startLedger(t, { beside: first, settings: { DATABASE_URL: role.url } })
  const { access_token } = await theirs.grant({ to: await theirs.client() })
  t.true(await theirs.isActive(access_token))
  const wrong = { client_id: 'nobody', client_secret: 'x' }
  t.is((await theirs.post('/oauth2/revoke', { token: 'x' }, { as: wrong })).status, 401)
})
