import { createBrowser, titleOf } from '../support/cookie-jar.ts'
import { GOOD } from '../support/passwords.ts'
import { realTest } from '../support/real-parts.ts'
import { ledgerWithPages, loggedIn, logIn, somebody } from './account/people.ts'

const test = realTest('postgres').serial
const ledgerOfAll = ledgerWithPages()

test('the cookies of a login open nothing of the admin port, also to an administrator', async (t) => {
  const { ledger, sub, username } = await somebody(await ledgerOfAll())
  const personal = { username, name: null, email: null }
  await ledger.user({ sub, personal, groups: ['Administrators'] })
  const browser = await loggedIn({ ledger, sub, username })
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  for (const [method, path] of [
    ['GET', '/admin/users'],
    ['POST', `/admin/users/${sub}/password-link`],
  ] as const) {
    const { status } = await fetch(ledger.adminUrl + path, { method, headers: { cookie } })
    t.is(status, 401, path)
  }
})

test('limiter bypass: another spelling of the name, another browser and a forged address are counted as the same', async (t) => {
  const { ledger, username } = await somebody(await ledgerOfAll())
  const spellings = [username, username.toUpperCase(), ` ${username}`, `${username}\t`, fullWidth(username)]
  const titles: string[] = []
  for (let tries = 0; tries < 12; tries++) {
    const forged = { 'x-forwarded-for': `198.51.100.${tries}`, forwarded: `for=198.51.100.${tries}` }
    const page = await logIn(createBrowser(ledger.url, forged), spellings[tries % spellings.length] ?? '', 'not it')
    titles.push(`${page.status}`)
  }
  t.deepEqual([titles[0], titles.at(-1)], ['400', '429'])
  const right = await logIn(createBrowser(ledger.url), username, GOOD)
  t.deepEqual([right.status, titleOf(right.text)], [429, 'Problem: Log in'])
})

/** The same letters as East Asian keyboards write them. */
function fullWidth(text: string): string {
  return text.replaceAll(/[A-Za-z]/g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0))
}
