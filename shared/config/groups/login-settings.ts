import { z } from 'zod'
import * as form from '../values.ts'
import { isSafeUrl } from './upstream-issuer.ts'

const page = z
  .string()
  .refine(isPage, 'must be an https URL, or http on a loopback address, without fragment and user name')

const groups = z.string().transform((text, context) => {
  const names = text.split(',').map((name) => name.trim())
  const given = [...new Set(names.filter((name) => name !== ''))]
  if (given.every((name) => /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,100}$/.test(name))) return given
  context.addIssue('must be names of groups, separated by commas')
  return z.NEVER
})

/** Who says who somebody is, a part of all settings. */
export const LOGIN_SETTINGS = {
  LOGIN_URL: page
    .optional()
    .describe('Where people log in instead of here: [a login application](login.md#a-login-application) of yours'),
  LOGIN_GROUPS: groups
    .prefault('')
    .describe('Groups that the login application may put people into and take them out of, separated by commas'),
  LOGIN_CREATES_PEOPLE: form.flag
    .prefault('false')
    .describe('`true`: whom the login application accepts and nobody knows becomes a user'),
  LOGOUT_URL: page.optional().describe('Where the browser goes on to once somebody has logged out here'),
}

function isPage(text: string): boolean {
  return /^https?:\/\/[^\s"<>#]+$/.test(text) && isSafeUrl(text)
}
