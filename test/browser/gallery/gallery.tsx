/** @jsxRuntime automatic @jsxImportSource preact */
import type { VNode } from 'preact'
import { ChangePasswordPage } from '../../../services/authorize/pages/change-password.tsx'
import { ConsentPage } from '../../../services/authorize/pages/consent.tsx'
import { LoginPage } from '../../../services/authorize/pages/login.tsx'
import { LogoutPage } from '../../../services/authorize/pages/logout.tsx'
import { GoOnPage, LoggedOutPage, MessagePage, StartAgainPage } from '../../../services/authorize/pages/message.tsx'
import { ForgotPasswordPage, LinkSentPage, LinkSpentPage } from '../../../services/authorize/pages/set-password.tsx'
import { PasswordSetPage, SetPasswordPage } from '../../../services/authorize/pages/set-password.tsx'
import { YourAccessPage } from '../../../services/authorize/pages/your-access.tsx'
import { YourLoginsPage } from '../../../services/authorize/pages/your-logins.tsx'
import { YourSessionsPage } from '../../../services/authorize/pages/your-sessions.tsx'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { ErrorMessage } from '../../../shared/pages/error-page.tsx'
import type { Site } from '../../../shared/pages/site.ts'

/** What the pages show that others wrote: names, descriptions, addresses. */
export type Words = (usual: string) => string

const hidden = { request: 'sealed', csrf: 'value' }
const links = { access: '/access', sessions: '/sessions', password: '/password', logout: '/logout' }
const limits = { shortest: 10, longest: 1024 }
const at = (day: number) => new Date(Date.UTC(2026, 10, day, 9, 41))

/** Every page, in each state that looks different; `words` may change whatever came from outside. */
export function gallery(site: Site, words: Words = (usual) => usual): Record<string, VNode> {
  const brought = { request: words('sealed'), csrf: words('value') }
  return {
    ...logins(site, words, brought),
    ...consents(site, words, brought),
    ...accounts(site, words),
    ...elsewhere(site, words, brought),
    ...ends(site, words),
    ...errors(site, words),
  }
}

function logins(site: Site, words: Words, brought: typeof hidden): Record<string, VNode> {
  const common = { site, action: '/login', hidden: brought }
  const providers = [{ value: words('corp'), name: words('Example Corp') }]
  const client = words('Photo Prints')
  const username = words('anna.larsson')
  return {
    login: <LoginPage {...common} client={client} forgotHref="/forgot" />,
    'login-wrong': (
      <LoginPage {...common} client={client} username={username} problem="login_wrong" forgotHref="/forgot" />
    ),
    'login-providers': <LoginPage {...common} providers={providers} />,
    forgot: <ForgotPasswordPage {...common} username={username} />,
    set: <SetPasswordPage {...common} username={username} limits={limits} />,
    'set-wrong': <SetPasswordPage {...common} username={username} limits={limits} problem="password_too_short" />,
  }
}

function consents(site: Site, words: Words, brought: typeof hidden): Record<string, VNode> {
  const scopes = [
    {
      name: words('photos.read'),
      description: words('See your photos and albums'),
      opens: [words('photos/albums')],
      ticked: true,
      isNew: false,
    },
    { name: words('profile'), description: '', opens: [''], ticked: true, isNew: false },
    {
      name: words('orders.write'),
      description: words('Order prints and have them charged to your account'),
      opens: [
        'shop/orders',
        'shop/invoices',
        'shop/addresses',
        'shop/a-folder-with-a-name-that-is-rather-long/prints',
      ].map(words),
      ticked: false,
      isNew: true,
    },
  ]
  const common = {
    site,
    action: '/consent',
    hidden: brought,
    client: words('Photo Prints'),
    user: words('Anna Larsson'),
  }
  return {
    consent: <ConsentPage {...common} scopes={scopes} />,
    'consent-nothing': <ConsentPage {...common} scopes={scopes} nothingTicked />,
    'go-on': <GoOnPage site={site} client={words('Photo Prints')} href="/back?code=1&state=2" />,
  }
}

function accounts(site: Site, words: Words): Record<string, VNode> {
  const held = [
    {
      grant_id: words('g1'),
      client: words('Photo Prints'),
      scopes: ['See your photos and albums.', 'profile'].map(words),
      since: at(3),
      used: at(26),
    },
    {
      grant_id: 'g2',
      client: words('Calendar for the whole family'),
      scopes: [words('calendar')],
      since: at(21),
      used: null,
    },
  ]
  const sessions = [
    { handle: 's1', isThis: true, since: at(20), used: at(27), address: words('203.0.113.7') },
    { handle: words('s2'), isThis: false, since: at(2), used: at(25), address: words('2001:db8::7') },
  ]
  const common = { site, links, hidden, action: '/post' }
  return {
    access: <YourAccessPage {...common} held={held} />,
    'access-ended': <YourAccessPage {...common} held={[]} done={words('The access of Photo Prints has ended.')} />,
    sessions: <YourSessionsPage {...common} sessions={sessions} />,
    password: <ChangePasswordPage {...common} username={words('anna.larsson')} limits={limits} />,
    'password-wrong': (
      <ChangePasswordPage
        {...common}
        username={words('anna.larsson')}
        limits={limits}
        problem="current_password_wrong"
      />
    ),
  }
}

/** What people see of other servers that they log in with. */
function elsewhere(site: Site, words: Words, brought: typeof hidden): Record<string, VNode> {
  const providers = ['Example Corp', 'University of Somewhere'].map((name) => ({
    value: words(name.slice(0, 4)),
    name: words(name),
  }))
  const login = { site, action: '/login', hidden: brought, client: words('Photo Prints'), providers }
  const { logout, ...before } = links
  const own = { site, links: { ...before, logins: '/logins', logout }, hidden: brought, action: '/post', providers }
  return {
    'login-provider-away': <LoginPage {...login} problem="login_provider_away" />,
    'login-provider-strange': <LoginPage {...login} problem="login_provider_strange" takesPasswords={false} />,
    'login-provider-denied': <LoginPage {...login} problem="login_provider_denied" />,
    'login-provider-unknown': <LoginPage {...login} problem="login_provider_unknown" takesPasswords={false} />,
    logins: <YourLoginsPage {...own} linked={[words('Example Corp'), 'https://login.elsewhere.example']} />,
    'logins-linked': (
      <YourLoginsPage {...own} linked={[words('Example Corp')]} done={words('You can log in with Example Corp now.')} />
    ),
    'logins-taken': <YourLoginsPage {...own} linked={[]} problem="logins_taken" />,
  }
}

function errors(site: Site, words: Words): Record<string, VNode> {
  const all = {
    'error-nothing': new OAuthError('not_found', 'there is nothing at this path'),
    'error-no-page': new OAuthError('invalid_request', words('GET is not allowed here'), { status: 405 }),
    'error-away': new OAuthError('temporarily_unavailable', 'the service cannot answer now; try again'),
    'error-theirs': new OAuthError('invalid_request', words('missing parameter: client_id')),
  }
  return Object.fromEntries(
    Object.entries(all).map(([name, error]) => [
      name,
      <ErrorMessage site={site} error={error} requestId={words('6f1f2a8c-0c55-4a53-9d77-0f4f9c7e4f0e')} />,
    ]),
  )
}

function ends(site: Site, words: Words): Record<string, VNode> {
  return {
    logout: <LogoutPage site={site} action="/logout" hidden={hidden} user={words('Anna Larsson')} stayHref="/access" />,
    'logged-out': <LoggedOutPage site={site} href="/login" />,
    'start-again': <StartAgainPage site={site} />,
    'link-sent': <LinkSentPage site={site} />,
    'link-spent': <LinkSpentPage site={site} forgotHref="/forgot" />,
    'password-set': <PasswordSetPage site={site} loginHref="/login" />,
    message: <MessagePage site={site} title={words('No such page')} sentence={words('Nothing stands here.')} />,
  }
}
