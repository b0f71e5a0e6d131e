import test from 'ava'
import { loadSettings } from '../../shared/config/load-settings.ts'

test('a login application is reached by https, or on this machine, and its groups are names', (t) => {
  const loaded = loadSettings({
    LEDGER_LOGIN_URL: 'http://127.0.0.1:4455/in?a=b',
    LEDGER_LOGIN_GROUPS: ' Staff,Guests,Staff ',
  })
  t.like(loaded, {
    LOGIN_URL: 'http://127.0.0.1:4455/in?a=b',
    LOGIN_GROUPS: ['Staff', 'Guests'],
    LOGIN_CREATES_PEOPLE: false,
  })
  t.deepEqual(loadSettings({}).LOGIN_GROUPS, [])
  t.notThrows(() => loadSettings({ LEDGER_LOGIN_URL: 'https://login.example/' }))
  const wrong = [
    'http://login.example/',
    'login.example',
    'javascript:alert(1)',
    'https://u:p@login.example/',
    'https://login.example/#a',
  ]
  for (const LEDGER_LOGIN_URL of wrong)
    t.throws(
      () => loadSettings({ LEDGER_LOGIN_URL }),
      { message: /LEDGER_LOGIN_URL must be an https URL/ },
      LEDGER_LOGIN_URL,
    )
  t.throws(() => loadSettings({ LEDGER_LOGIN_GROUPS: 'a b' }), {
    message: /LEDGER_LOGIN_GROUPS must be names of groups/,
  })
})
