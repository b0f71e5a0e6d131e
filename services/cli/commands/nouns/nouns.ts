import type { Filter, Member, Noun } from './noun.ts'

const DESCRIPTION: Member = { name: 'description', type: 'text', about: 'what it is for' }
const GROUPS: Member = { name: 'groups', type: 'list', about: 'the groups that it is in' }
const ENABLED: Member = { name: 'enabled', type: 'flag', about: 'whether it is let in' }
const PREFIX: Filter = { name: 'prefix', type: 'text', about: 'only names that begin so' }
const IS_ENABLED: Filter = { name: 'enabled', type: 'flag', about: 'only what is enabled, or only what is not' }
const IN_GROUP: Filter = { name: 'group', type: 'text', about: 'only who is listed in this group' }
const CLIENT_TYPE = ['confidential', 'public']

const lifetime = (name: string, of: string): Member => ({
  name,
  type: 'number',
  about: `seconds that ${of} lives`,
  never: 'never',
})

export const CLIENTS: Noun = {
  plural: 'clients',
  one: 'client',
  id: 'client_id',
  made: 'unnamed',
  members: [
    { name: 'client_name', type: 'text', about: 'its name, unique with its version', required: true },
    { name: 'client_version', type: 'text', about: 'its version' },
    DESCRIPTION,
    { name: 'client_type', type: 'text', about: 'has it a secret?', choices: CLIENT_TYPE, fixed: true },
    { name: 'grant_types', type: 'list', about: 'how it may come to tokens' },
    { name: 'redirect_uris', type: 'values', about: 'where an answer may go' },
    { name: 'scope', type: 'text', about: 'what its tokens may have, with spaces' },
    {
      name: 'token_endpoint_auth_method',
      type: 'text',
      about: 'how it proves itself',
      choices: ['client_secret_basic', 'client_secret_post', 'none'],
    },
    lifetime('access_token_lifetime', 'an access token'),
    { name: 'refresh_token_limit', type: 'number', about: 'refreshes of a grant', never: 'unlimited' },
    lifetime('refresh_token_lifetime', 'a refresh token'),
    lifetime('refresh_token_absolute_lifetime', 'a grant, however often refreshed,'),
    { name: 'refresh_grace_seconds', type: 'number', about: 'how long a refresh may be repeated' },
    GROUPS,
    { name: 'resource_server_folders', type: 'list', about: 'folders it may ask about' },
    ENABLED,
  ],
  shownOnly: ['previous_secret_expires_at'],
  filters: [
    PREFIX,
    IS_ENABLED,
    IN_GROUP,
    { name: 'client_type', type: 'text', about: 'only of this type', choices: CLIENT_TYPE },
  ],
  columns: ['client_id', 'client_name', 'client_version', 'client_type', 'enabled'],
  wide: ['scope', 'grant_types', 'groups', 'description'],
  example: {
    name: 'demo-orders',
    create: '--client-name billing --out billing.secret',
    update: '--access-token-lifetime 600',
    list: '--prefix bil --enabled',
  },
}

export const SCOPES: Noun = {
  plural: 'scopes',
  one: 'scope',
  id: 'name',
  made: 'named',
  members: [DESCRIPTION, { name: 'includes', type: 'list', about: 'the folders and services that it opens' }],
  shownOnly: [],
  filters: [PREFIX, { name: 'includes', type: 'text', about: 'only those that list this folder or service' }],
  columns: ['name', 'includes', 'description'],
  wide: ['revision'],
  example: {
    name: 'billing.read',
    create: '--includes billing',
    update: '--includes billing,orders:approve',
    list: '--includes billing',
  },
}

export const GROUPS_NOUN: Noun = {
  plural: 'groups',
  one: 'group',
  id: 'name',
  made: 'named',
  members: [DESCRIPTION],
  shownOnly: [],
  filters: [PREFIX],
  columns: ['name', 'description'],
  wide: ['revision'],
  example: {
    name: 'Accounting',
    create: '--description "Who writes invoices"',
    update: '--unset description',
    list: '--prefix Acc',
  },
}

export const ACLS: Noun = {
  plural: 'acls',
  one: 'acl',
  id: 'name',
  made: 'named',
  members: [
    { name: 'allowed_groups', type: 'list', about: 'who may' },
    { name: 'denied_groups', type: 'list', about: 'who may not, in whatever other group' },
  ],
  shownOnly: [],
  filters: [PREFIX, { name: 'group', type: 'text', about: 'only those that allow or deny this group' }],
  columns: ['name', 'allowed_groups', 'denied_groups'],
  wide: ['revision'],
  example: {
    name: 'Accounting',
    create: '--allowed-groups Accounting',
    update: '--denied-groups Temps',
    list: '--group Accounting',
  },
}

export const RESOURCES: Noun = {
  plural: 'resources',
  one: 'resource',
  id: 'name',
  made: 'named',
  members: [
    { name: 'execute_acl', type: 'text', about: 'the ACL that stands on it; unset: that of the folder above' },
    { name: 'templates', type: 'templates', about: '"METHOD /path" that stands for it' },
  ],
  shownOnly: [],
  filters: [PREFIX, { name: 'execute_acl', type: 'text', about: 'only those with this ACL' }],
  columns: ['name', 'execute_acl', 'templates'],
  wide: ['revision'],
  example: {
    name: 'billing:approve',
    create: '--execute-acl Accounting',
    update: '--unset execute_acl',
    list: '--execute-acl Accounting',
  },
}

export const USERS: Noun = {
  plural: 'users',
  one: 'user',
  id: 'sub',
  made: 'named or not',
  members: [
    { name: 'username', type: 'text', about: 'unique without regard to letter case', required: true },
    { name: 'name', type: 'text', about: 'as people say it' },
    { name: 'email', type: 'text', about: 'a mail address' },
    GROUPS,
    ENABLED,
  ],
  shownOnly: ['personal_state'],
  filters: [{ ...PREFIX, about: 'only user names that begin so' }, IS_ENABLED, IN_GROUP],
  columns: ['sub', 'username', 'groups', 'enabled'],
  wide: ['name', 'email', 'personal_state', 'revision'],
  example: {
    name: '4f2c',
    create: '--username ada --groups Accounting',
    update: '--groups Accounting,Auditors',
    list: '--group Accounting --enabled',
  },
}
