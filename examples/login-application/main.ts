import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'

// A login application for token-ledger: it alone knows how people prove who they are. Its README says how to start it.
const setting = (name: string) => process.env[name] ?? ''
const { PORT = '4455' } = process.env
/** Where LDAP, SAML or your own table of people would be asked. */
const PEOPLE = JSON.parse(setting('PEOPLE')) as Record<string, { password: string; sub: string }>

async function accessToken(): Promise<string> {
  const basic = Buffer.from(`${setting('LEDGER_CLIENT_ID')}:${setting('LEDGER_CLIENT_SECRET')}`).toString('base64')
  const response = await fetch(`${setting('LEDGER_URL')}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  if (!response.ok) throw new Error(`no token: ${response.status}`)
  return ((await response.json()) as { access_token: string }).access_token
}

type Answer = { redirect_to?: string; client?: { client_name: string } | null }

/** Asks the ledger about a login (`what` = ''), or tells it (`/accept`, `/reject`). */
async function ledger(challenge: string, what: string, body?: object): Promise<Answer> {
  const response = await fetch(
    `${setting('LEDGER_ADMIN_URL')}/admin/login-requests/${encodeURIComponent(challenge)}${what}`,
    {
      method: body ? 'POST' : 'GET',
      headers: { authorization: `Bearer ${await accessToken()}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    },
  )
  // 410: it was answered before, or is too old. The answer says where the browser begins again.
  if (!response.ok && response.status !== 410) throw new Error(`the ledger answers ${response.status}`)
  return (await response.json()) as Answer
}

const escaped = (raw: string) => raw.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`)

const page = (challenge: string, client: string, problem = '') => `<!doctype html><html lang="en">
<meta name="viewport" content="width=device-width"><title>Sign in</title><main><h1>Sign in to ${escaped(client)}</h1>
<p role="alert">${problem}</p><form method="post"><input type="hidden" name="challenge" value="${escaped(challenge)}">
<p><label>Name <input name="username" autocomplete="username" required></label>
<p><label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<p><label><input name="remember" type="checkbox" value="yes"> Stay logged in</label>
<p><button>Sign in</button> <button name="cancel" value="yes" formnovalidate>Cancel</button></form></main>`

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const isForm = request.method === 'POST'
  const form = new URLSearchParams(isForm ? await text(request) : new URL(request.url ?? '', 'http://x').search)
  const challenge = form.get(isForm ? 'challenge' : 'login_challenge') ?? ''
  const go = (to: string) => response.writeHead(303, { location: to }).end()
  const show = (answer: Answer, problem?: string) =>
    answer.redirect_to !== undefined
      ? go(answer.redirect_to)
      : response
          .setHeader('content-security-policy', "default-src 'none'; frame-ancestors 'none'")
          .setHeader('content-type', 'text/html; charset=utf-8')
          .end(page(challenge, answer.client?.client_name ?? 'your account', problem))
  if (!isForm) return void show(await ledger(challenge, ''))
  if (form.get('cancel')) return void show(await ledger(challenge, '/reject', {}))
  const person = Object.hasOwn(PEOPLE, form.get('username') ?? '') ? PEOPLE[form.get('username') ?? ''] : undefined
  if (person?.password !== form.get('password') || !person)
    return void show(await ledger(challenge, ''), 'The name or the password is not right.')
  // Whoever has a session here already is not asked again, unless prompt or max_age say so: auth_time is that of then.
  const auth_time = Math.floor(Date.now() / 1000)
  const remember = form.get('remember') === 'yes'
  show(await ledger(challenge, '/accept', { sub: person.sub, amr: ['pwd'], auth_time, remember }))
}

createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : 'something went wrong')
    if (!response.headersSent) response.writeHead(502)
    response.end('The login cannot be gone on with now. Go back to where you came from, and try again.')
  })
}).listen(Number(PORT), '127.0.0.1', () => console.log(`login application: http://127.0.0.1:${PORT}/`))
