import { z } from 'zod'
import type { Operation, Operations } from '../../../shared/http/openapi/operation.ts'
import { html, page, PAGES } from '../answers.ts'
import { ACCOUNT, FORGOT, SET_PASSWORD } from '../paths.ts'

const OWN = z.looseObject({ csrf: z.string().optional().meta({ description: 'What the form was made with.' }) })

const NEW_PASSWORD = { new_password: z.string().optional(), new_password_again: z.string().optional() }

const DONE = z.looseObject({ done: z.string().optional().meta({ description: 'What was done, as we said it.' }) })

const LINK = z.string().optional().meta({ description: 'The id of the link.' })

type Told = { id: string; get: string; post: string; form: z.ZodObject; query?: z.ZodObject }

const anyone = (answers: Operation['answers']) => ({ tag: 'Account', caller: 'anybody', answers }) as const

/** A page of an account, and its form. */
function pageOperations(path: string, { id, get, post, form, query = DONE }: Told, answers = PAGES): Operations {
  return {
    [`GET ${path}`]: { ...anyone(answers), id: `${id}Page`, summary: get, query },
    [`POST ${path}`]: { ...anyone(answers), id, summary: post, body: { form } },
  }
}

const WITH_LIMIT: Operation['answers'] = {
  ...PAGES,
  429: { ...page('Too many wrong passwords for this name.'), headers: ['Retry-After'] },
}
const WITH_LINK: Operation['answers'] = {
  ...PAGES,
  410: { what: 'The link was used, or is too old.', type: 'text/html', schema: html },
}
const WITH_FORGOT: Operation['answers'] = {
  ...PAGES,
  404: page('Nobody could send a link: LEDGER_NOTIFY_URL is not set.'),
}

/** What the pages of one's own account take and answer. */
export const ACCOUNT_OPERATIONS: Operations = {
  ...pageOperations(ACCOUNT, {
    id: 'ownAccess',
    get: 'The applications that hold access on behalf of who is logged in.',
    post: 'End the access of one of them.',
    form: OWN.extend({ grant_id: z.string().optional() }),
  }),
  ...pageOperations(`${ACCOUNT}/sessions`, {
    id: 'ownSessions',
    get: 'Where one is logged in.',
    post: 'End one of these sessions, or all others.',
    form: OWN.extend({ session: z.string().optional(), others: z.string().optional() }),
  }),
  ...pageOperations(
    `${ACCOUNT}/password`,
    {
      id: 'ownPassword',
      get: 'The page on which one changes the password.',
      post: 'Change it, which ends all of before.',
      form: OWN.extend({ current_password: z.string().optional(), ...NEW_PASSWORD }),
    },
    WITH_LIMIT,
  ),
  ...pageOperations(
    `${ACCOUNT}/logins`,
    {
      id: 'ownLogins',
      get: 'The other servers that one logs in with.',
      post: 'Go to one of them, to log in with it from then on.',
      form: OWN.extend({ provider: z.string().optional() }),
    },
    { ...PAGES, 404: page('There are no other servers: LEDGER_UPSTREAM_PROVIDERS is not set.') },
  ),
  ...pageOperations(`${ACCOUNT}/logout`, {
    id: 'logout',
    get: 'Ask before a session ends.',
    post: 'End it.',
    form: OWN,
  }),
  ...pageOperations(
    SET_PASSWORD,
    {
      id: 'setPasswordByLink',
      get: 'What a one-time link opens; opening it spends nothing.',
      post: 'Set the password by it, which spends it.',
      form: OWN.extend({ link: LINK, ...NEW_PASSWORD }),
      query: z.looseObject({ link: LINK }),
    },
    WITH_LINK,
  ),
  ...pageOperations(
    FORGOT,
    {
      id: 'forgotPassword',
      get: 'The page on which one asks for such a link.',
      post: 'Ask for one; the answer is the same for every name.',
      form: OWN.extend({ username: z.string().optional() }),
      query: z.looseObject({}),
    },
    WITH_FORGOT,
  ),
}
