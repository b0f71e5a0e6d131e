import { LOGIN_GOES_ON } from '../../shared/tokens/login-challenge.ts'

/** Where the pages of a login stand, as a browser asks for them. */
export type Paths = {
  authorization: string
  /** Takes the form of a login. */
  login: string
  /** Takes the form of a consent. */
  consent: string
  /** Goes on with a request after a login. */
  goOn: string
  account: (page: AccountPage) => string
  /** Sets a password by a one-time link. */
  setPassword: string
  /** Asks for such a link. */
  forgot: string
}

/** The pages of one's own account that a login may go on to: a list, so that no request names another place. */
export const ACCOUNT_PAGES = {
  access: '',
  sessions: '/sessions',
  password: '/password',
  logins: '/logins',
  logout: '/logout',
} as const

export type AccountPage = keyof typeof ACCOUNT_PAGES

export const AUTHORIZATION = '/oauth2/auth'
export const LOGIN = '/login'
export const CONSENT = '/consent'
export const GO_ON = LOGIN_GOES_ON
export const ACCOUNT = '/account'
export const SET_PASSWORD = '/account/password/set'
export const FORGOT = '/account/password/forgot'
/** Where a provider sends the browser back to. */
export const UPSTREAM_CALLBACK = '/login/with/:provider/callback'

/** The paths below the issuer's own: a proxy may have put us there. */
export function pathsOf(issuer: string): Paths {
  const base = new URL(issuer).pathname.replace(/\/$/, '')
  return {
    authorization: `${base}${AUTHORIZATION}`,
    login: `${base}${LOGIN}`,
    consent: `${base}${CONSENT}`,
    goOn: `${base}${GO_ON}`,
    setPassword: `${base}${SET_PASSWORD}`,
    forgot: `${base}${FORGOT}`,
    account: (page) => `${base}${ACCOUNT}${ACCOUNT_PAGES[page]}`,
  }
}

/** Whether a text names a page of one's own account. */
export function isAccountPage(text: string): text is AccountPage {
  return Object.hasOwn(ACCOUNT_PAGES, text)
}
