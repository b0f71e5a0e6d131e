/**
 * Every text of the pages, in English. An operator replaces them by a file of the same names (LEDGER_PAGES_TEXTS); what
 * stands in braces is filled in.
 */
export const ENGLISH = {
  language: 'en',
  direction: 'ltr',

  title_with_problem: 'Problem: {title}',
  request_id: 'Request id: {id}',
  start_again: 'Start again',
  cancel: 'Cancel',

  login_title: 'Log in',
  login_for_client: 'to go on to {client}',
  login_button: 'Log in',
  login_forgot: 'Forgot your password?',
  login_other_ways: 'or',
  login_with: 'Log in with {provider}',
  login_wrong: 'This user name and password do not belong together.',
  login_locked: 'Too many wrong passwords for this user name. Wait a while, then try again.',
  login_again: 'This page was open for too long. Please log in again.',
  login_provider_away: 'This way to log in cannot be reached at the moment. Wait a while, or take another one.',
  login_provider_denied: 'You did not log in there. Try again, or take another way.',
  login_provider_strange: 'This way to log in did not work. Try again, or take another one.',
  login_provider_unknown: 'Nobody here is known by this login. Take another way, or ask for yours to be linked.',
  login_provider_old: 'A new login is asked for, and that one was older. Log in there again, or take another way.',

  username: 'User name',
  password: 'Password',
  current_password: 'Current password',
  new_password: 'New password',
  new_password_again: 'New password, once more',
  new_password_hint: 'At least {shortest} characters.',
  password_too_short: 'The new password needs at least {shortest} characters.',
  password_too_long: 'The new password is too long: it may take up {longest} bytes.',
  passwords_differ: 'The two new passwords differ.',
  current_password_wrong: 'The current password is not right.',

  consent_title: 'Allow access?',
  consent_asks: '{client} asks for access on your behalf.',
  consent_scopes: 'What it may do. Take the tick off what you do not want.',
  consent_new: 'New',
  consent_opens: 'Opens {names}',
  consent_opens_many: 'Opens {count} folders and services',
  consent_whole: 'everything',
  consent_approve: 'Allow',
  consent_deny: 'Deny',
  consent_user: 'You are logged in as {user}.',
  consent_other_user: 'Log in as somebody else',
  consent_later: 'You can end this access at any time.',
  consent_nothing_ticked: 'Nothing is ticked. Tick what you want to allow, or choose “{deny}”.',

  go_on_title: 'Going back',
  go_on: 'You are on your way back to {client}.',
  go_on_link: 'Go back to {client}',

  logout_title: 'Log out?',
  logout_user: 'You are logged in as {user}.',
  logout_keeps: 'Applications that you allowed keep their access.',
  logout_button: 'Log out',
  logout_stay: 'Stay logged in',
  logged_out_title: 'You are logged out',
  logged_out: 'You may close this page now.',
  logged_out_login: 'Log in again',

  account: 'Your account',
  account_access: 'Access',
  account_sessions: 'Sessions',
  account_password: 'Password',
  account_logins: 'Logins',
  account_logout: 'Log out',

  access_title: 'Your access',
  access_intro: 'These applications hold access on your behalf.',
  access_none: 'No application holds access on your behalf.',
  access_scopes: 'May use',
  access_since: 'Since',
  access_used: 'Last used',
  access_never_used: 'not yet',
  access_end: 'End',
  access_end_of: 'the access of {client}',
  access_ended: 'The access of {client} has ended.',

  sessions_title: 'Your sessions',
  sessions_intro: 'Browsers in which you are logged in.',
  sessions_this: 'This browser',
  sessions_other: 'Another browser',
  sessions_since: 'Since',
  sessions_used: 'Last used',
  sessions_from: 'From',
  sessions_end: 'End',
  sessions_end_of: 'the session since {since}',
  sessions_end_others: 'End all others',
  sessions_ended: 'The session has ended.',
  sessions_others_ended: 'All other sessions have ended.',

  logins_title: 'Your logins',
  logins_intro: 'Accounts elsewhere that you log in with here.',
  logins_none: 'You log in with no account elsewhere.',
  logins_link: 'Link {provider}',
  logins_linked: 'You can log in with {provider} now.',
  logins_taken: 'Somebody here logs in with that account already, or you have too many.',
  logins_again: 'Log in again before you link an account.',

  change_title: 'Change your password',
  change_ends: 'Every other session ends, and so does the access of all applications.',
  change_button: 'Change the password',
  change_done: 'Your password is changed.',

  set_title: 'Set a password',
  set_button: 'Set the password',
  set_done_title: 'Your password is set',
  set_done: 'You can log in with it now.',
  set_spent_title: 'This link cannot be used any more',
  set_spent: 'It was used before, or is too old.',
  set_spent_again: 'Ask for a new link',

  forgot_title: 'Forgot your password?',
  forgot_intro: 'We send you a link by which you can set a new one.',
  forgot_button: 'Send the link',
  forgot_sent_title: 'Look into your mail',
  forgot_sent: 'If we know this user name, a link is on its way.',

  page_old_title: 'Please start again',
  page_old: 'This page belongs to a login that is over. Go back to the application and start again.',
  error_not_found: 'Nothing is here',
  error_unavailable: 'Please try again',
  error_ours: 'Something went wrong',
  error_theirs: 'This request cannot be answered',
  error_no_page: 'This address shows no page',
  error_no_page_sentence: 'It is for programs, or for a form. Go back to the page that you came from.',
} as const

export type TextName = keyof typeof ENGLISH

type PlaceholdersIn<T extends string> = T extends `${string}{${infer Name}}${infer Rest}`
  ? Name | PlaceholdersIn<Rest>
  : never

/** What is filled into a text. */
export type Placeholder<N extends TextName> = PlaceholdersIn<(typeof ENGLISH)[N]>
